"""Signs what goes back (ucp-rules section 9, RFC 9421).

An answer's signature covers its status and, where it has a body, the body's digest and media type.
With the request binding it also covers what was asked (RFC 9421 section 2.4): method, authority and
path, the query where the request had one, and the signature that was verified.

What does not depend on the answer is made once: the list of components and how to find each of
them, the key's name, and all parameters of one second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import Response, content_digest, serialize
from canonical.base64 import encode
from canonical.components import lines, plan_for
from canonical.signatures import read_member
from connector.steps import Answer

if TYPE_CHECKING:
    from canonical import Key, Request
    from canonical.components import Line
    from connector.signing.current import CurrentKeys
    from connector.signing.key_ring import Phase
    from connector.steps import RawHeaders

_OF_BODY: Final = '"content-digest" "content-type"'
_OF_REQUEST: Final = '"@method";req "@authority";req "@path";req'
_MAX_COVERAGES: Final = 256
_NO_TRANSFORM: Final = b"no-transform"


class NotSigned(Exception):  # noqa: N818 - it says what became of the answer
    """An answer that goes back unsigned.

    ``reason`` is ``streamed`` (it does not fit), ``no_content_type`` (it has a body and does not
    say of which kind), ``content_type`` (that is no one line of ASCII) or ``no_key`` (none of the
    keys may sign now).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Coverage(NamedTuple):
    """A list of components, and how to find them in an answer."""

    text: str
    plan: tuple[Line, ...]
    """All of them but the request's signature."""
    signature: tuple[Line, ...]
    """That, where it is covered."""
    opening: bytes
    """How a Signature header of the request begins that has no other member."""


class _Signer:
    """A key with all that can be made before there is an answer to sign."""

    __slots__ = ("_created", "_members", "_named", "key", "phase")

    def __init__(self, phase: Phase, key: Key) -> None:
        self.phase = phase
        self.key = key
        self._named = f";keyid={serialize(key.kid or '')}"
        self._created = -1
        self._members: dict[str, bytes] = {}

    def member(self, coverage: str, created: int) -> bytes:
        """Return the member of Signature-Input; the same for all answers of one second."""
        if created != self._created:
            self._created = created
            self._members.clear()
        member = self._members.get(coverage)
        if member is None:
            # RFC 9421 section 2.3. No alg, which could contradict the key, and no tag.
            text = f"{coverage};created={created}{self._named}"
            member = self._members[coverage] = text.encode("ascii")
        return member


class AnswerSigner:
    """Signs one merchant's answers with the key that may sign at the time."""

    def __init__(self, keys: CurrentKeys, *, bind_request: bool = False) -> None:
        self._keys = keys
        self._bind_request = bind_request
        self._signer: _Signer | None = None
        self._coverages: dict[tuple[bool, bool, str], _Coverage] = {}

    def sign(self, answer: Answer, request: Request, label: str) -> Answer:
        """Return the answer with its signature.

        ``request`` is what it answers and ``label`` that of the request's verified signature,
        empty where another scheme vouched. Raises NotSigned. ``answer`` stays as it is; it must
        have none of the headers that are added here.
        """
        status, headers, body = answer
        if type(body) is not bytes:
            raise NotSigned("streamed")
        now = self._keys.clock()
        phase = self._keys.phase(now)
        signer = self._signer
        if signer is None or signer.phase is not phase:
            if phase.signing is None:
                raise NotSigned("no_key")
            signer = self._signer = _Signer(phase, phase.signing)
        covered: RawHeaders = []
        # RFC 9112 section 6.3: the client gets none with these.
        has_body = bool(body) and request.method != "HEAD" and status not in (204, 304)
        added: RawHeaders = []
        if has_body:
            covered = [line for line in headers if line[0].lower() == b"content-type"]
            if not covered:
                raise NotSigned("no_content_type")
            added = [(b"Content-Digest", content_digest(body).encode("ascii"))]
            covered += added
        coverage = self._coverage(request, label, has_body=has_body)
        message = Response(status=status, headers=covered, request=request)
        base_lines = lines(coverage.plan, message)
        if coverage.signature:
            base_lines.append(_signature_line(coverage, message, request))
        member = signer.member(coverage.text, int(now))
        base_lines.append(b'"@signature-params": ' + member)
        base = b"\n".join(base_lines)
        # RFC 9421 section 2.5, step 4. All else in it was verified, or is ours.
        if not base.isascii() or base.count(b"\n") != len(base_lines) - 1 or b"\r" in base:
            raise NotSigned("content_type")
        value = encode(signer.key.sign(base)).encode("ascii")
        added += [
            (b"Signature-Input", b"sig1=" + member),
            (b"Signature", b"sig1=:%b:" % value),
        ]
        return Answer(status, [*_untransformed(headers), *added], body)

    def _coverage(self, request: Request, label: str, *, has_body: bool) -> _Coverage:
        bound = self._bind_request
        key = (has_body, bound and "?" in request.target, label if bound else "")
        found = self._coverages.get(key)
        if found is None:
            # Platforms choose their labels.
            if len(self._coverages) >= _MAX_COVERAGES:
                self._coverages.clear()
            found = self._coverages[key] = self._new_coverage(*key)
        return found

    def _new_coverage(self, has_body: bool, has_query: bool, label: str) -> _Coverage:  # noqa: FBT001 - the key of a table
        parts = ['"@status"']
        if has_body:
            parts.append(_OF_BODY)
        if self._bind_request:
            parts.append(_OF_REQUEST)
            if has_query:
                parts.append('"@query";req')
            if label:
                parts.append(f'"signature";req;key={serialize(label)}')
        text = f"({' '.join(parts)})"
        plan = plan_for(text, read_member(text).components)
        if not (self._bind_request and label):
            return _Coverage(text, plan, (), b"")
        return _Coverage(text, plan[:-1], plan[-1:], f"{label}=:".encode("ascii"))


def _signature_line(coverage: _Coverage, message: Response, request: Request) -> bytes:
    """Return the line of the request's signature, without parsing the header where it is plain."""
    values = request.headers.index.get(b"signature", ())
    if len(values) == 1:
        (value,) = values
        # It was parsed when it was verified. With no other colons there is no other member, and
        # nothing behind this one: the text is what a serialiser would make of it.
        if value.startswith(coverage.opening) and value.endswith(b":") and value.count(b":") == 2:
            return coverage.signature[0][0] + value[len(coverage.opening) - 1 :]
    return lines(coverage.signature, message)[0]


def _untransformed(headers: RawHeaders) -> RawHeaders:
    """Return the lines with no-transform in Cache-Control (RFC 9111 section 5.2.2.6).

    Who compresses or minifies on the way would break the digest.
    """
    at = -1
    for index, (name, value) in enumerate(headers):
        if len(name) == 13 and name.lower() == b"cache-control":
            if _NO_TRANSFORM in map(bytes.strip, value.lower().split(b",")):
                return headers
            at = index
    if at < 0:
        return [*headers, (b"Cache-Control", _NO_TRANSFORM)]
    name, value = headers[at]
    merged = b"%b, %b" % (value, _NO_TRANSFORM) if value else _NO_TRANSFORM
    return [*headers[:at], (name, merged), *headers[at + 1 :]]
