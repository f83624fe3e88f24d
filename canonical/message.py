"""HTTP messages as they were sent: every octet, in order, nothing normalised.

Text that stands for octets (header values, targets) is UTF-8; octets that are not are kept by
``surrogateescape``, so that text and octets go back and forth without loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from canonical.errors import CanonicalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Pairs: TypeAlias = "Sequence[tuple[bytes, bytes]] | Sequence[tuple[str, str]]"

_LF: Final = 0x0A


class Headers:
    """Header lines in order: ``(name as spelled, value as received)``, both octets."""

    __slots__ = ("_index", "_pairs")

    def __init__(self, pairs: Pairs) -> None:
        # The gateway hands over octets, which are kept as they are: nothing is done per line here.
        # Lists will do in place of tuples: a pair may come from JSON.
        lines: Any = pairs
        if lines and (type(lines[0][0]) is not bytes or type(lines[0][1]) is not bytes):
            lines = [(to_octets(name), to_octets(value)) for name, value in lines]
        self._pairs: Sequence[tuple[bytes, bytes]] = lines
        self._index: dict[bytes, list[bytes]] | None = None

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        names = ", ".join(sorted({name.decode("latin-1") for name, _ in self._pairs}))
        return f"<Headers {names}>"

    @property
    def index(self) -> dict[bytes, list[bytes]]:
        """The values by lower-case name, in order; built at first use, not to be changed.

        As RFC 9421 section 2.1 wants them: no white space around a value, and obsolete line folding
        replaced by one space.
        """
        index = self._index
        if index is not None:
            return index
        index = self._index = {}
        for line, value in self._pairs:
            lower = line.lower()
            stripped = value.strip(b" \t")
            if _LF in stripped:
                stripped = _unfolded(stripped)
            if lower in index:
                index[lower].append(stripped)
            else:
                index[lower] = [stripped]
        return index

    def lines(self, name: bytes) -> Sequence[bytes]:
        """Return the values of one field by its lower-case name; empty where it is absent."""
        return self.index.get(name, ())


_NO_TRAILERS: Final = Headers(())


class Request:
    """A request: ``target`` is exactly what stood on the request line.

    ``method``, ``target`` and ``scheme`` may be text or octets and are kept as text; names and
    values of ``headers`` and ``trailers`` likewise and are kept as octets. ``authority`` stands
    for Host in ``@authority`` and ``@target-uri`` where it was found elsewhere (``:authority``).
    Not to be changed after construction.
    """

    __slots__ = ("authority", "body", "headers", "memo", "method", "scheme", "target", "trailers")

    def __init__(
        self,
        *,
        method: str | bytes,
        target: str | bytes,
        headers: Pairs | Headers = (),
        scheme: str | bytes = "https",
        body: bytes = b"",
        trailers: Pairs = (),
        authority: str | bytes | None = None,
    ) -> None:
        self.method = method if type(method) is str else to_text(method)
        self.target = target if type(target) is str else to_text(target)
        self.scheme = scheme if type(scheme) is str else to_text(scheme)
        self.headers = headers if type(headers) is Headers else Headers(headers)  # type: ignore[arg-type]  # pairs
        self.body = body
        self.trailers = Headers(trailers) if trailers else _NO_TRAILERS
        self.authority = authority if authority is None else to_text(authority)
        self.memo: dict[Any, Any] = {}
        """What was read from this message once, by what it was; for this package alone."""

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


class Response:
    """A response; ``request`` is the one that it answers, for components with ``;req``."""

    __slots__ = ("body", "headers", "memo", "request", "status", "trailers")

    def __init__(
        self,
        *,
        status: int,
        headers: Pairs = (),
        body: bytes = b"",
        request: Request | None = None,
        trailers: Pairs = (),
    ) -> None:
        self.status = status
        self.headers = Headers(headers)
        self.body = body
        self.request = request
        self.trailers = Headers(trailers)
        self.memo: dict[Any, Any] = {}
        """As :attr:`Request.memo`."""

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


Message: TypeAlias = Request | Response


def _unfolded(value: bytes) -> bytes:
    """Put one space for every obsolete line folding (RFC 9112 section 5.2: OWS CRLF RWS)."""
    lines = value.split(b"\r\n")
    if not all(line.startswith((b" ", b"\t")) for line in lines[1:]):
        return value  # A line end of another kind: it stays, and has no place in a base.
    return b" ".join(line.strip(b" \t") for line in lines).strip(b" \t")


def to_octets(text: str | bytes) -> bytes:
    """Return the octets that a text stands for; CanonicalError where there are none."""
    if isinstance(text, bytes):
        return text
    if text.isascii():
        return text.encode()  # twice as quick as with a handler for errors
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise CanonicalError("the text of a message has a lone surrogate") from None


def to_text(octets: str | bytes) -> str:
    """Return the text that stands for some octets."""
    return octets if isinstance(octets, str) else octets.decode("utf-8", "surrogateescape")
