"""Where fuzzing starts from: the vectors of this project and the public conformance data.

Built anew each time. The public data is beside the project, and what it would add is left out where
it is absent.
"""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from canonical import CanonicalError, canonicalize, parse_signatures, signature_base, verify
from canonical.base64 import encode_url
from canonical.envelope import envelope as talos_payload
from connector.diagnosis.generator.keys import SIGNERS, private_jwk, public_jwk
from connector.diagnosis.generator.keys import sign as signed_with
from tests.fuzz.inputs import read_message, write_message
from tests.fuzz.signers import KEYS, genuine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROOT: Final = Path(__file__).resolve().parents[2]
_OURS: Final = _ROOT / "vectors"
_PUBLIC: Final = _ROOT.parent / "shared" / "vectors"
_MAX_SEED: Final = 4096
_PAYLOADS: Final = (b"", b'{"order":{"id":"order_1"}}', b"\x00\xff.")
_ALGORITHMS: Final = {
    "platform-2026": "ES256",
    "platform-es384": "ES384",
    "platform-ed25519": "EdDSA",
}

_AWKWARD: Final = (
    b'("example-dict";key="a" "example-dict";sf "fold" "empty")\nGET /?x=1&x=2&y%20=%7e\n'
    b"Host: EXAMPLE.com:443\nExample-Dict: a=1, b=2;x=1;y=2, c=(a b c), d\n"
    b"Fold: one\r\n two\nEmpty:\n\n"
)


def seeds(target: str) -> list[bytes]:
    """Return the seeds of a target, each once and in the same order, and note what is genuine."""
    found = [seed for seed in _SEEDS[target]() if len(seed) <= _MAX_SEED]
    unique = list(dict.fromkeys(found))
    if target == "signatures":
        for seed in unique:
            genuine.update(_signed_bases(seed))
    if target == "jws":
        genuine.update(unique)
    if target == "envelope":
        genuine.update(talos_payload(read_message(seed).request) for seed in unique)
    if target == "ap2":
        genuine.update(map(canonicalize, _checkouts()))
    return unique


def public_data_is_there() -> bool:
    """Tell whether the public conformance data adds to the seeds."""
    return _PUBLIC.is_dir()


def _json_files(folder: Path) -> Iterator[Any]:
    for path in sorted(folder.glob("*.json")):
        yield json.loads(path.read_bytes())


def _cases() -> Iterator[dict[str, Any]]:
    for file in _json_files(_OURS):
        yield from file.get("cases", ())


def _octets(request: dict[str, Any]) -> bytes:
    if "body_base64" in request:
        return b64decode(request["body_base64"])
    return str(request.get("body", "")).encode("utf-8", "surrogatepass")


def _values(name: str) -> Iterator[bytes]:
    """Yield the values of a header in this project's vectors."""
    for case in _cases():
        for line in case["request"]["headers"]:
            if line[0].lower() == name:
                yield line[1].encode()


def _fields() -> Iterator[bytes]:
    for name in ("signature-input", "signature", "content-digest", "ucp-agent", "signature-agent"):
        yield from _values(name)
    for file in _json_files(_PUBLIC / "structured-field-tests"):
        # The generated ones try every character in one place: a few of them will do.
        for record in file if len(file) < 100 else file[::25]:
            yield ", ".join(record["raw"]).encode()


def _messages(first: bytes) -> Iterator[bytes]:
    for case in _cases():
        request = case["request"]
        headers = [(line[0], line[1]) for line in request["headers"]]
        yield write_message(first, request["method"], request["target"], headers, _octets(request))
    for file in _json_files(_PUBLIC / "rfc9421"):
        for message in file["messages"].values():
            if message["type"] == "request":
                headers = [(line[0], line[1]) for line in message["headers"]]
                body = str(message.get("body") or "").encode()
                yield write_message(first, message["method"], message["target"], headers, body)
        for case in file["base_lines"] + file["derived_lines"]:
            message = case.get("message", case)
            headers = [(line[0], line[1]) for line in message["headers"]]
            start = first or f"({case['component']})".encode()
            yield write_message(
                start, message.get("method", "GET"), message.get("target", "/"), headers, b""
            )


def _components() -> Iterator[bytes]:
    wide = (
        b'("@method" "@target-uri" "@authority" "@scheme" "@request-target" "@path" "@query"'
        b' "content-digest";sf "content-digest";key="sha-256" "host";bs);created=1;keyid="k"'
    )
    of_response = (
        b'("@status" "@method";req "@authority";req "@path";req "signature";req;key="sig1"'
        b' "content-type";req "content-digest")'
    )
    parameter = b'("@query-param";name="x" "@query-param";name="y%20" "example-dict";key="a")'
    messages = list(_messages(b""))
    for first in (wide, of_response, parameter):
        yield from (first + message for message in messages[::7])
    for text in _values("signature-input"):
        member = text.partition(b"=")[2]
        yield member + messages[0]
    yield from (
        _AWKWARD,
        b'("@path" "@query")\nGET https://example.com?\n\n',
        b'("@authority")\nCONNECT example.com:443\nHost: example.com\n\n',
        b'("@path")\nOPTIONS *\nHost: example.com\n\n',
    )


def _signatures() -> Iterator[bytes]:
    yield from _messages(b"")


def _signed_bases(seed: bytes) -> Iterator[bytes]:
    request = read_message(seed).request
    try:
        found = parse_signatures(request)
    except CanonicalError:
        return
    for signature in found:
        for key in KEYS:
            try:
                verify(request, signature, key)
            except CanonicalError:
                continue
            yield signature_base(request, signature)


def _digests() -> Iterator[bytes]:
    for case in _cases():
        request = case["request"]
        lines = [line[1].encode() for line in request["headers"] if line[0] == "Content-Digest"]
        if lines:
            yield b"\n".join(lines) + b"\n\n" + _octets(request)
    for file in _json_files(_PUBLIC / "rfc9530"):
        for case in file["cases"]:
            body = b64decode(case["content_b64"])
            yield f"{case['algorithm']}=:{case['value_b64']}:".encode() + b"\n\n" + body


def _documents() -> Iterator[bytes]:
    for case in _cases():
        yield _octets(case["request"])
    folders = (_PUBLIC / "json-canonicalization" / "input", _PUBLIC / "JSONTestSuite/test_parsing")
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            yield path.read_bytes()
    numbers = _PUBLIC / "json-canonicalization" / "es6_numbers_10000.txt"
    if numbers.is_file():
        lines = numbers.read_bytes().splitlines()[::100]
        yield b"[%b]" % b",".join(line.partition(b",")[2] for line in lines)


def _jws() -> Iterator[bytes]:
    for name, alg in _ALGORITHMS.items():
        for payload in _PAYLOADS:
            yield _signed_jws(name, {"alg": alg, "kid": name}, payload, encoded=True)
            header = {"alg": alg, "kid": name, "b64": False, "crit": ["b64"]}
            yield _signed_jws(name, header, payload, encoded=False)
    for case in _cases():
        for line in case["request"]["headers"]:
            if line[0] == "Request-Signature":
                yield line[1].encode() + b"\n" + _octets(case["request"])


def _signed_jws(name: str, header: dict[str, Any], payload: bytes, *, encoded: bool) -> bytes:
    body = encode_url(payload).encode() if encoded else payload
    return _detached(name, header, body).encode() + b"\n" + payload


def _detached(name: str, header: dict[str, Any], body: bytes) -> str:
    start = encode_url(json.dumps(header).encode())
    return f"{start}..{encode_url(signed_with(name, f'{start}.'.encode() + body))}"


def _envelopes() -> Iterator[bytes]:
    """Yield the vectors' requests as Talos platforms would have signed them."""
    meta = ("Talos-Signature-Meta", 'iat=1767225600, jti="550e8400-e29b-41d4-a716-446655440000"')
    cases = [case for case in _cases() if case["expect"]["decision"] == "accept"]
    for number, case in enumerate(cases):
        request = case["request"]
        headers = [
            (line[0], line[1])
            for line in request["headers"]
            if line[0].lower() in ("host", "ucp-agent", "idempotency-key", "content-type")
        ]
        unsigned = write_message(
            b"", request["method"], request["target"], [*headers, meta], _octets(request)
        )
        try:
            payload = talos_payload(read_message(unsigned).request)
        except CanonicalError:
            continue
        name = list(_ALGORITHMS)[number % 3]
        protected = {"alg": _ALGORITHMS[name], "kid": name, "typ": "JOSE"}
        jws = _detached(name, protected, encode_url(payload).encode())
        yield write_message(
            b"",
            request["method"],
            request["target"],
            [*headers, meta, ("Request-Signature", jws)],
            _octets(request),
        )


def _checkouts() -> Iterator[dict[str, Any]]:
    yield {}
    yield {"id": "chk_1", "totals": [{"type": "total", "amount": 1250}], "currency": "EUR"}
    yield {"\u20ac": 1e21, "nested": {"ap2": {"x": 1}}, "1": None}


def _authorized() -> Iterator[bytes]:
    for checkout in _checkouts():
        for name in ("platform-2026", "platform-es384"):
            payload = encode_url(canonicalize(checkout)).encode()
            jws = _detached(name, {"alg": _ALGORITHMS[name], "kid": name}, payload)
            extension = {"merchant_authorization": jws, "checkout_mandate": "x"}
            yield json.dumps({**checkout, "ap2": extension}).encode()
            yield json.dumps({"ap2": extension, **checkout}, indent=1).encode()


def _keys() -> Iterator[bytes]:
    jwks: list[Any] = [make(name) for name in SIGNERS for make in (private_jwk, public_jwk)]
    for file in _json_files(_PUBLIC / "jwk"):
        for entries in file.values():
            if isinstance(entries, list):
                jwks += [each["jwk"] for each in entries if isinstance(each.get("jwk"), dict)]
    yield from (json.dumps(each).encode() for each in jwks)
    yield json.dumps({"keys": jwks[:4]}).encode()
    yield json.dumps([{"kid": "platform-2026"}, *jwks[:2], jwks[0], None]).encode()


_SEEDS: Final[dict[str, Callable[[], Iterator[bytes]]]] = {
    "fields": _fields,
    "components": _components,
    "signatures": _signatures,
    "digest": _digests,
    "jcs": _documents,
    "jws": _jws,
    "envelope": _envelopes,
    "ap2": _authorized,
    "keys": _keys,
}
