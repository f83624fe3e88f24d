"""What a negative differs in from a positive, found by comparing the two as they are rendered.

Nothing is taken on trust from whoever wrote the case down: two cases that differ in more than one
thing, what follows from it aside, have no repair.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

from canonical import content_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Members = dict[str, Any]

_COMPARED: Final[tuple[str, ...]] = ("settings", "now", "request", "response")
_DERIVED: Final = "Content-Digest"
_INPUT: Final = "Signature-Input"
_FOLLOW_UP_COST: Final = 300
"""More characters than a signature has: a signature that is wrong by itself is not made again."""
_VALUES: Final = ("Signature", "Request-Signature")


def repair(case: Members, positive: Members, signers: Mapping[str, str]) -> Members | None:
    """Return the repair that makes the positive out of the case, both as rendered.

    ``signers`` are the positive's: label to name of the key. None where no single change does.
    """
    ours = {name: case[name] for name in _COMPARED if name in case}
    theirs = {name: positive[name] for name in _COMPARED if name in positive}
    message = "response" if "response" in theirs else "request"
    if case.get("kind") != positive.get("kind") or ("response" in ours) != ("response" in theirs):
        return None
    theirs = _with_body_like(theirs, ours, message)
    for digest, signs, covers in _FOLLOW_UPS:
        followed = _followed(ours, theirs, message, digest=digest, signs=signs, covers=covers)
        if followed is None:
            continue
        operation = difference(followed, theirs)
        if operation is None or (covers and not _explains(operation, message)):
            continue
        then: Members = {"digest": True} if digest else {}
        if covers:
            then["signature_input"] = _value(theirs[message], _INPUT)
        if signs:
            then["sign"] = dict(signers)
        return {**operation, "then": then} if then else operation
    return None


# From the plainest to the one with the most that follows: digest, signature, what is covered.
_FOLLOW_UPS: Final = (
    (False, False, False),
    (False, True, False),
    (True, False, False),
    (True, True, False),
    (False, True, True),
    (True, True, True),
)


def difference(ours: Any, theirs: Any, path: str = "") -> Members | None:
    """Return the one operation of RFC 6902 that makes ``theirs`` of ``ours``; None where none does.

    It stands as deep as it can.
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return _of_objects(ours, theirs, path)
    if isinstance(ours, list) and isinstance(theirs, list):
        return _of_lists(ours, theirs, path)
    return {"op": "replace", "path": path, "value": theirs} if ours != theirs else None


def cost(case: Members, operation: Members) -> int:
    """Say how far a positive is from the case: characters, roughly. What follows counts for more.

    ``case`` is what the operation's path points into.
    """
    then = operation.get("then", {})
    follow_ups = _FOLLOW_UP_COST * (len(then) + ("signature_input" in then))
    new = json.dumps(operation.get("value", ""))
    if operation["op"] == "add":
        return follow_ups + len(new)
    old = json.dumps(_at(case, operation["path"]))
    same = _common(old, new)
    return (
        follow_ups + len(old) + len(new) - 2 * (same + _common(old[same:][::-1], new[same:][::-1]))
    )


def _of_objects(ours: Members, theirs: Members, path: str) -> Members | None:
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if len(names) != 1:
        return _whole(theirs, path) if names else None
    (name,) = names
    inner = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
    if name not in ours:
        return {"op": "add", "path": inner, "value": theirs[name]}
    if name not in theirs:
        return {"op": "remove", "path": inner}
    return difference(ours[name], theirs[name], inner)


def _of_lists(ours: list[Any], theirs: list[Any], path: str) -> Members | None:
    start = _common(ours, theirs)
    end = _common(ours[start:][::-1], theirs[start:][::-1])
    left, right = ours[start : len(ours) - end], theirs[start : len(theirs) - end]
    inner = f"{path}/{start}"
    if len(left) > 1 or len(right) > 1:
        return _whole(theirs, path)
    if not left:
        return {"op": "add", "path": inner, "value": right[0]} if right else None
    if not right:
        return {"op": "remove", "path": inner}
    return difference(left[0], right[0], inner)


def _whole(theirs: Any, path: str) -> Members | None:
    """Replace all of a setting, a document's member or a header line; never all of a message."""
    parts = path.split("/")
    if len(parts) <= 2 or (parts[1] in ("request", "response") and len(parts) <= 3):
        return None
    return {"op": "replace", "path": path, "value": theirs}


def _followed(
    ours: Members, theirs: Members, message: str, *, digest: bool, signs: bool, covers: bool
) -> Members | None:
    """Take over from the positive what follows from the change; None where nothing would."""
    names: list[str] = []
    if digest:
        if not (_digests(ours[message]) and _digests(theirs[message])):
            return None
        names.append(_DERIVED)
    if covers:
        names.append(_INPUT)
    if signs:
        names += _VALUES
    headers = [list(line) for line in ours[message]["headers"]]
    for name in names:
        value = _value(theirs[message], name)
        places = [number for number, line in enumerate(headers) if line[0] == name]
        if value is None or len(places) > 1:
            continue
        if places:
            line = headers[places[0]]
            # Signing again leaves the protected header of a JWS as it is.
            if "Request-" in name and line[1].partition(".")[0] != value.partition(".")[0]:
                continue
            line[1] = value
        elif name == "Signature":
            headers.append([name, value])
    return {**ours, message: {**ours[message], "headers": headers}}


def _explains(operation: Members, message: str) -> bool:
    """Whether another coverage follows: from a header that comes or goes, and nothing else."""
    path: str = operation["path"]
    return path.startswith(f"/{message}/headers/") and operation["op"] != "replace"


def _digests(members: Members) -> bool:
    return _value(members, _DERIVED) == content_digest(_octets(members))


def _value(members: Members, name: str) -> str | None:
    values = [value for field, value in members["headers"] if field == name]
    return values[0] if len(values) == 1 else None


def _octets(members: Members) -> bytes:
    if "body_base64" in members:
        return b64decode(members["body_base64"])
    text: str = members.get("body", "")
    return text.encode()


def _with_body_like(theirs: Members, ours: Members, message: str) -> Members:
    """Write the positive's body in the form of the negative's, so that one member differs."""
    if "body_base64" not in ours[message] or "body" not in theirs[message]:
        return theirs
    members = dict(theirs[message])
    members["body_base64"] = b64encode(members.pop("body").encode()).decode("ascii")
    return {**theirs, message: members}


def _at(value: Any, pointer: str) -> Any:
    for part in _parts(pointer):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _parts(pointer: str) -> Iterator[str]:
    for part in pointer.split("/")[1:]:
        yield part.replace("~1", "/").replace("~0", "~")


def _common(left: Any, right: Any) -> int:
    """Count what two texts or lists have in common at their beginnings."""
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count
