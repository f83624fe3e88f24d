"""The one guarded way out to a stranger's URL: resolve, check, pin, bound (ucp-rules, section 6).

It stands on httpcore, the transport below httpx, because httpx rewrites targets and reads proxies
and certificates from the environment; httpcore sends the target as given, follows no redirect,
knows no proxy unless told, and decodes nothing. One fresh connection serves one fetch.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import httpcore

from connector.egress.addresses import Address, forbidden, is_loopback
from connector.egress.dialing import PeerMismatchError, PinnedNetwork, TooMuchError
from connector.egress.resolving import Resolve, UnresolvableError
from connector.egress.urls import DocumentKind, ProfileUrl
from connector.errors import Refusal

LEAST_DELAY: Final = 0.05
"""Seconds before an ``invalid_profile_url``: internal names fail no sooner than missing ones."""
_MAX_HEADER_BYTES: Final = 32 * 1024
_MAX_HEADERS: Final = 100
_USER_AGENT: Final = b"ucp-connector"
# draft-meunier-webbotauth-httpsig-directory section 3: a media type of its own.
_DIRECTORY_TYPE: Final = b"application/http-message-signatures-directory+json"
_ACCEPT: Final = {DocumentKind.DIRECTORY: _DIRECTORY_TYPE}
# h11 quotes what it could not read, and that is the stranger's to fill.
_SHOWN: Final = 200


class FetchedDocument(NamedTuple):
    """A document as it came, with what decides how long it may be kept."""

    body: bytes
    cache_control: str
    """All Cache-Control lines, joined by commas; empty where there was none."""
    age: str
    """All Age lines, joined by commas; empty where there was none."""
    headers: Sequence[tuple[bytes, bytes]] = ()
    """Of a key directory, which signs itself, all that it came with; of others nothing."""


Fetch = Callable[[ProfileUrl], Awaitable[FetchedDocument]]
"""Fetches a document; raises ``Refusal``."""


class Exchange(NamedTuple):
    """An answer as it came: judged by nothing but the guard and the limits."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    peer: Address | None
    """The address that answered."""
    certificate: bytes | None
    """The server's own, in DER; None where there was no TLS."""

    def field(self, name: bytes) -> str:
        """All lines of a header in lower case, joined by commas; empty where there was none."""
        # RFC 9110 section 5.3: lines of one name are one list.
        lines = (value for field, value in self.headers if field.lower() == name)
        return ", ".join(value.decode("latin-1") for value in lines)


class Fetcher:
    """Fetches documents from strangers' URLs.

    ``resolve`` gives every address of a name; ``tls`` must check certificates and names;
    ``max_document`` is in octets, the time-outs in seconds, ``timeout`` covers everything from
    the name's resolution to the last octet. ``allow_loopback``
    (``insecure_allow_loopback_profiles``) admits loopback, and plain HTTP to loopback only.
    """

    def __init__(
        self,
        *,
        resolve: Resolve,
        tls: ssl.SSLContext,
        max_document: int,
        connect_timeout: float,
        timeout: float,
        allow_loopback: bool = False,
        network: httpcore.AsyncNetworkBackend | None = None,
        least_delay: float = LEAST_DELAY,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname:
            raise ValueError("the TLS context must check certificates and names")
        self._resolve = resolve
        self._tls = tls
        self._max_document = max_document
        # Room for headers and for the framing of small chunks; the body has its own, exact bound.
        self._max_bytes = 2 * max_document + 2 * _MAX_HEADER_BYTES
        self._connect_timeout = connect_timeout
        self._timeout = timeout
        self._allow_loopback = allow_loopback
        self._network = network or httpcore.AnyIOBackend()
        self._least_delay = least_delay
        self._clock = clock
        self._sleep = sleep

    async def __call__(self, url: ProfileUrl) -> FetchedDocument:
        """Fetch one document.

        Raises ``Refusal``: ``invalid_profile_url`` for a name without addresses or with one that
        is special-use, never before the least delay; ``discovery_pending`` where our own resolver
        failed; ``profile_unreachable`` for everything else.
        """
        got = await self._ask(url, "GET", (), _check_document)
        return FetchedDocument(
            got.body,
            got.field(b"cache-control"),
            got.field(b"age"),
            got.headers if url.kind is DocumentKind.DIRECTORY else (),
        )

    async def exchange(
        self, url: ProfileUrl, method: str = "GET", headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> Exchange:
        """Ask as for a document, with more headers, and return whatever is answered.

        For those who judge how a document is served. Raises ``Refusal`` as fetching does, but
        not for a status or an encoding.
        """
        return await self._ask(url, method, headers, _check_size)

    async def _ask(
        self,
        url: ProfileUrl,
        method: str,
        headers: Sequence[tuple[bytes, bytes]],
        check: Callable[[httpcore.Response], None],
    ) -> Exchange:
        started = self._clock()
        try:
            addresses = await self._addresses(url)
            left = self._timeout - (self._clock() - started)
            async with asyncio.timeout(left):
                return await self._get(url, addresses, method, headers, check)
        except TimeoutError as error:
            raise _unreachable("timeout", f"no answer within {self._timeout} s") from error
        except Refusal as refusal:
            if refusal.code.name == "invalid_profile_url":
                await self._sleep(max(0.0, self._least_delay - (self._clock() - started)))
            raise

    async def _addresses(self, url: ProfileUrl) -> list[Address]:
        if url.address is not None:
            found = [url.address]
        else:
            try:
                async with asyncio.timeout(self._timeout):
                    found = await self._resolve(url.host, url.port)
            except UnresolvableError as error:
                raise _invalid("unresolvable", f"{url.host} has no address: {error}") from error
            except TimeoutError as error:
                # Whether ours or theirs is slow cannot be told, and a failure of ours is 503.
                raise Refusal(
                    "discovery_pending",
                    "resolver_timeout",
                    f"{url.host} was not resolved within {self._timeout} s",
                    retry_after=5,
                ) from error
        if not found:
            raise _invalid("unresolvable", f"{url.host} has no address")
        for address in found:
            self._check_address(url, address)
        # One of each family, in the resolver's order: enough for a host whose IPv6 leads nowhere.
        families = {address.version: address for address in reversed(found)}
        return sorted(families.values(), key=found.index)

    def _check_address(self, url: ProfileUrl, address: Address) -> None:
        reason = forbidden(address, allow_loopback=self._allow_loopback)
        if reason is None and url.scheme != "https" and not is_loopback(address):
            reason = "plain HTTP is for loopback only"
        if reason is not None:
            raise _invalid("special_use", f"{url.host} leads to a special-use address: {reason}")

    async def _get(
        self,
        url: ProfileUrl,
        addresses: Sequence[Address],
        method: str,
        headers: Sequence[tuple[bytes, bytes]],
        check: Callable[[httpcore.Response], None],
    ) -> Exchange:
        network = PinnedNetwork(
            self._network,
            addresses,
            connect_timeout=self._connect_timeout,
            max_bytes=self._max_bytes,
        )
        target = httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target)
        request = httpcore.Request(
            method,
            target,
            headers=[
                (b"Host", url.authority.encode("ascii")),
                (b"Accept", _ACCEPT.get(url.kind, b"application/json")),
                (b"Accept-Encoding", b"identity"),
                (b"User-Agent", _USER_AGENT),
                (b"Connection", b"close"),
                *headers,
            ],
        )
        connection = httpcore.AsyncHTTPConnection(
            target.origin, ssl_context=self._tls, network_backend=network
        )
        try:
            response = await connection.handle_async_request(request)
            check(response)
            return Exchange(
                response.status,
                response.headers,
                await self._body(response),
                network.peer,
                _certificate(response),
            )
        except PeerMismatchError as error:
            raise _invalid("peer_mismatch", f"{url.host}: {error}") from error
        except TooMuchError as error:
            raise _unreachable("too_large", f"{url.host}: {error}") from error
        except (
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
            OSError,  # ssl.SSLError is one
        ) as error:
            raise _unreachable("connection", f"{url.host}: {_shown(error)}") from error
        finally:
            await connection.aclose()
            await network.aclose()

    async def _body(self, response: httpcore.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > self._max_document:
                raise _unreachable("too_large", f"more than {self._max_document} octets")
        return bytes(body)


def _check_size(response: httpcore.Response) -> None:
    headers = response.headers
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > _MAX_HEADERS or size > _MAX_HEADER_BYTES:
        raise _unreachable("headers_too_large", "the answer's headers are too large")


def _check_document(response: httpcore.Response) -> None:
    _check_size(response)
    if response.status != 200:
        # A redirect is no document either: where it leads was never checked.
        raise _unreachable("status", f"the answer's status is {response.status}")
    encodings = [value for name, value in response.headers if name.lower() == b"content-encoding"]
    if b", ".join(encodings).lower() not in {b"", b"identity"}:
        raise _unreachable("content_encoding", "the answer is encoded, and was asked not to be")


def _certificate(response: httpcore.Response) -> bytes | None:
    secured = response.extensions["network_stream"].get_extra_info("ssl_object")
    der: bytes | None = None if secured is None else secured.getpeercert(binary_form=True)
    return der


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:_SHOWN]}"


def _invalid(reason: str, explanation: str) -> Refusal:
    return Refusal("invalid_profile_url", reason, explanation)


def _unreachable(reason: str, explanation: str) -> Refusal:
    return Refusal("profile_unreachable", reason, explanation)
