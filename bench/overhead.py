"""What canonical costs beside the bare signature operation, in one process without load.

The bare operation is the library's alone, over octets and DER signatures that were made ready
before: OpenSSL's for canonical, and for answers the one that signs them. Passes of both alternate,
so that a change in the machine's speed meets both, and are short, so that both find the processor's
caches alike.
"""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from bench.results import Overhead
from bench.steps import receive
from canonical import (
    check_content_digest,
    load_key,
    parse_signatures,
    signature_base,
    verify,
)
from connector import es256
from connector.signing.answers import AnswerSigner
from connector.signing.current import CurrentKeys
from connector.signing.key_document import keys_of, new_document
from connector.steps import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from bench.requests import Platform
    from canonical import Request

    _Item = TypeVar("_Item")

_AT_ONCE: Final = 8
_MOST_FOR_VERIFYING: Final = 1.3
_MOST_FOR_SIGNING: Final = 1.5
_ANSWER_LINES: Final = (
    (b"Server", b"nginx"),
    (b"Date", b"Sat, 21 Nov 2026 12:00:00 GMT"),
    (b"Content-Type", b"application/json"),
    (b"Audit-ID", b"019aa3d4-0000-7000-8000-000000000000"),
)
_BASE_LENGTH: Final = 220
"""Octets, as the base of such an answer has."""
_ES256: Final = ec.ECDSA(SHA256())


def measure_overheads(platform: Platform, passes: int) -> list[Overhead]:
    """Measure each operation beside its bare one in so many passes."""
    with _without_collector():
        return [_verifying(platform, passes), _signing(platform, passes)]


def _verifying(platform: Platform, passes: int) -> Overhead:
    """From header lines and body to a yes: signature headers, digest, base, ECDSA."""
    key = load_key(platform.public_jwk())

    def whole(request: Request) -> None:
        (signature,) = parse_signatures(request)
        check_content_digest(request.headers.lines(b"content-digest"), request.body)
        verify(request, signature, key)

    ready = []
    for request in _requests(platform):
        (signature,) = parse_signatures(request)
        r, s = (int.from_bytes(half) for half in (signature.value[:32], signature.value[32:]))
        ready.append((encode_dss_signature(r, s), signature_base(request, signature)))
    public = platform.public_key()
    overhead = Overhead(
        "verifying a POST with seven components and 512 B",
        "a bare ECDSA check",
        [],
        [],
        _MOST_FOR_VERIFYING,
    )
    for _ in range(passes):
        # New ones each time: a message remembers what was read from it.
        overhead.whole.append(_seconds(whole, _requests(platform)))
        overhead.bare.append(_seconds(lambda pair: public.verify(*pair, _ES256), ready))
    return overhead


def _signing(platform: Platform, passes: int) -> Overhead:
    """From a merchant's answer to the one that goes back: digest, base, ECDSA, header lines."""
    signer = AnswerSigner(CurrentKeys(keys_of(new_document(0.0, "ES256")), time.time))
    (request,) = _requests(platform)[:1]
    sign = _bare_signature()
    base = b"b" * _BASE_LENGTH
    overhead = Overhead(
        "signing an answer with 512 B", "a bare ECDSA signature", [], [], _MOST_FOR_SIGNING
    )
    for _ in range(passes):
        answers = [
            Answer(200, list(_ANSWER_LINES), b"%0512d" % number) for number in range(_AT_ONCE)
        ]
        overhead.whole.append(
            _seconds(lambda answer: signer.sign(answer, request, "sig1"), answers)
        )
        overhead.bare.append(_seconds(lambda _: sign(base), answers))
    return overhead


def _bare_signature() -> Callable[[bytes], object]:
    """Return what the library does that signs answers: a hash and a signature in DER."""
    library = es256.library()
    if library is None:
        private = ec.generate_private_key(ec.SECP256R1())
        return lambda base: private.sign(base, _ES256)
    from awscrt.crypto import ECType  # noqa: PLC0415 - not there for every processor

    pair = library.new_generate(ECType.P_256)
    return lambda base: pair.sign(sha256(base).digest())


def _requests(platform: Platform) -> list[Request]:
    return [received.request for received in receive(platform, "POST", _AT_ONCE)]


def _seconds(operation: Callable[[_Item], object], items: Sequence[_Item]) -> float:
    """Return the processor time of one operation."""
    began = time.thread_time()
    for item in items:
        operation(item)
    return (time.thread_time() - began) / len(items)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the collector from looking at the bench's own objects, as the gateway does."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
