"""Reading a body so that no second reader could find another value in it.

What is read is what ``canonical`` reads (RFC 8259, no name twice, no digits that a double does not
hold). That the text is no such JSON is found fast; where, is looked for only then.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from json import JSONDecodeError, JSONDecoder
from typing import TYPE_CHECKING, Any, Final, NoReturn

from canonical import CanonicalError, canonicalize
from canonical.jcs import MAX_DEPTH, parse_json
from connector.json_marks import MAX_VALUES, is_crowded
from connector.validation.problems import MAX_PROBLEMS, Path, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ITEMS: Final = 1_000
"""Elements of an array, members of an object: the models compare some elements with each other."""
MAX_NAME: Final = 256
"""Characters of a name: the models match some names against an expression."""

_MAX_EXACT: Final = 2**53


def read(text: bytes) -> tuple[Any, tuple[Problem, ...]]:
    """Return the value of JSON text, and what is wrong with the text; the value is good if nothing.

    Rules: ``json``, ``repeated_name`` (or one that is the same but for case), ``number`` (it would
    change on its way through a double), ``text`` (half a surrogate pair), ``too_deep``,
    ``too_many_items``, ``too_many_values``, ``name_too_long``.
    """
    if is_crowded(text):
        return None, (Problem((), "too_many_values"),)
    try:
        value = parse_json(text)
        return value, () if _is_plain(value, escapes=b"\\u" in text) else _problems_of(value)
    except CanonicalError:
        return None, tuple(islice(_explain(text), MAX_PROBLEMS))


def _problems_of(value: Any) -> tuple[Problem, ...]:
    """Return what is wrong with a value that was read already, names that occur twice apart."""
    return tuple(islice(_walk(value, (), [MAX_VALUES]), MAX_PROBLEMS))


def _is_plain(value: Any, *, escapes: bool) -> bool:
    """Tell whether a value keeps every bound, without a word on where it does not."""
    waiting, depth, count = [value], 0, 0
    # Level by level, so that nothing is called within itself.
    while waiting:
        depth += 1
        below: list[Any] = []
        for each in waiting:
            kind = type(each)
            if kind is dict:
                if (
                    depth > MAX_DEPTH
                    or len(each) > MAX_ITEMS
                    or (each and max(map(len, each)) > MAX_NAME)
                    or (escapes and not all(map(_is_text, each)))
                    or len(set(map(str.casefold, each))) != len(each)
                ):
                    return False
                below += each.values()
            elif kind is list:
                if depth > MAX_DEPTH or len(each) > MAX_ITEMS:
                    return False
                below += each
            elif kind is str:
                if escapes and not _is_text(each):
                    return False
            elif kind is int and not -_MAX_EXACT <= each <= _MAX_EXACT and not _is_exact(each):
                return False
        count += len(waiting)
        if count > MAX_VALUES:
            return False
        waiting = below
    return True


def _explain(text: bytes) -> Iterator[Problem]:
    try:
        value = _TOLERANT.decode(text.decode())
    except (UnicodeDecodeError, JSONDecodeError, _NoNumber):
        yield Problem((), "json")
    except RecursionError:
        yield Problem((), "too_deep")
    else:
        found = False
        for problem in _walk(value, (), [MAX_VALUES]):
            found = True
            yield problem
        if not found:
            # A byte order mark, for instance.
            yield Problem((), "json")


def _walk(value: Any, path: Path, left: list[int]) -> Iterator[Problem]:
    left[0] -= 1
    if left[0] < 0:
        if left[0] == -1:
            yield Problem((), "too_many_values")
        return
    if isinstance(value, (dict, list)):
        if len(path) >= MAX_DEPTH:
            yield Problem(path, "too_deep")
            return
        if len(value) > MAX_ITEMS:
            yield Problem(path, "too_many_items")
            return
        if isinstance(value, list):
            for index, element in enumerate(value):
                yield from _walk(element, (*path, index), left)
            return
        for name in _repeated(value):
            yield Problem((*path, name), "repeated_name")
        for name, member in value.items():
            if len(name) > MAX_NAME:
                yield Problem((*path, name), "name_too_long")
            elif not _is_text(name):
                yield Problem((*path, name), "text")
            yield from _walk(member, (*path, name), left)
    elif isinstance(value, _Literal):
        if not _is_number(value):
            yield Problem(path, "number")
    elif isinstance(value, str):
        if not _is_text(value):
            yield Problem(path, "text")
    elif isinstance(value, (int, float)) and not _is_exact(value):
        yield Problem(path, "number")


def _repeated(members: dict[str, Any]) -> Iterator[str]:
    """Yield names that occur twice, and such as some readers take for one before them."""
    doubled = members.doubled if isinstance(members, _Doubled) else ()
    yield from doubled
    seen: set[str] = set()
    for name in members:
        folded = name.casefold()
        if folded in seen and name not in doubled:
            yield name
        seen.add(folded)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_exact(number: float) -> bool:
    try:
        canonicalize(number)
    except CanonicalError:
        return False
    return True


def _is_number(literal: str) -> bool:
    try:
        canonicalize(str.encode(literal))
    except CanonicalError:
        return False
    return True


class _Doubled(dict[str, Any]):
    """An object in which names occur more than once."""

    doubled: tuple[str, ...] = ()


class _Literal(str):
    """A number as it is written."""

    __slots__ = ()


class _NoNumber(Exception):  # noqa: N818 - it says what was found
    """NaN or an infinity."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    found = _Doubled(members)
    found.doubled = tuple(
        name for name, times in Counter(name for name, _ in pairs).items() if times > 1
    )
    return found


def _constant(_: str) -> NoReturn:
    raise _NoNumber


_TOLERANT: Final = JSONDecoder(
    object_pairs_hook=_object, parse_int=_Literal, parse_float=_Literal, parse_constant=_constant
)
