"""Signatures made here verify in the PyPI package http-message-signatures, and the reverse."""

from __future__ import annotations

import datetime as dt
import random
import string
import time
from types import SimpleNamespace
from typing import Any

import http_message_signatures as other
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures.structures import CaseInsensitiveDict

from canonical import (
    Request,
    Response,
    content_digest,
    load_key,
    parse_signatures,
    sign,
    signature_base,
    verify,
)
from canonical.base64 import decode_url
from tests.canonical.samples import ED25519, P256, P384

MESSAGES = 1000
SEED = 9421


def _number(text: str) -> int:
    return int.from_bytes(decode_url(text))


KEYS = [
    (
        load_key(P256),
        other.algorithms.ECDSA_P256_SHA256,
        ec.derive_private_key(_number(P256["d"]), ec.SECP256R1()),
    ),
    (
        load_key(P384),
        other.algorithms.ECDSA_P384_SHA384,
        ec.derive_private_key(_number(P384["d"]), ec.SECP384R1()),
    ),
    (
        load_key(ED25519),
        other.algorithms.ED25519,
        ed25519.Ed25519PrivateKey.from_private_bytes(decode_url(ED25519["d"])),
    ),
]


def _theirs(headers: dict[str, str]) -> Any:
    return CaseInsensitiveDict(headers)  # type: ignore[no-untyped-call]  # untyped over there


OF_REQUEST = [
    "@method",
    "@target-uri",
    "@authority",
    "@scheme",
    "@request-target",
    "@path",
    "@query",
]


class Sample:
    """One random message in both shapes, with components that both sides know."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        host = rng.choice(["shop.example.com", "a.example:8443", "xn--bcher-kva.example"])
        self.path = "/" + "/".join(
            self._word("%2F", "%7e", *"-._~:@!$,") for _ in range(rng.randrange(4))
        )
        self.query = rng.choice(["", "", "?" + self._query()])
        self.body = rng.randbytes(rng.randrange(60))
        self.method = rng.choice(["GET", "POST", "PUT", "DELETE"])
        self.url = f"https://{host}{self.path}{self.query}"
        self.headers = self._headers()
        self.sent = SimpleNamespace(
            method=self.method,
            url=self.url,
            headers=_theirs({"Host": host, **self.headers}),
        )
        self.answers = rng.random() < 0.3
        self.status = rng.choice([200, 201, 404, 503])

    def _word(self, *marks: str) -> str:
        alphabet = string.ascii_letters + string.digits
        letters = [self._rng.choice(alphabet) for _ in range(self._rng.randrange(1, 8))]
        return "".join([*letters, self._rng.choice(["", *marks])])

    def _query(self) -> str:
        names = self._rng.sample(string.ascii_lowercase, self._rng.randrange(1, 4))
        return "&".join(f"{name}={self._word('%20', '%c3%bc', *'-._~+')}" for name in names)

    def _headers(self) -> dict[str, str]:
        lists = f"a={self._rng.randrange(99)},   b=2;x=?1;y=2, c=( a  b ),d"
        return {
            "Content-Type": "application/json",
            "Content-Digest": content_digest(self.body, self._rng.choice(["sha-256", "sha-512"])),
            "UCP-Agent": f'profile="https://{self._word("-")}.example/.well-known/ucp"',
            "X-Dictionary": lists,
            "Priority": f"u={self._rng.randrange(8)},  i",
            "X-Spaces": f"  {self._word('!')}  {self._word('!')}  ",
        }

    def components(self) -> list[str]:
        fields = [name.lower() for name in self.headers]
        special = [
            '"content-digest";sf', '"priority";sf', '"x-dictionary";key="a"',
            '"x-dictionary";key="b"', '"x-dictionary";key="c"', '"x-dictionary";key="d"',
            '"x-spaces";bs', '"ucp-agent";key="profile"',
        ]  # fmt: skip
        names = [pair.partition("=")[0] for pair in self.query[1:].split("&") if pair]
        parameters = [f'"@query-param";name="{name}"' for name in names]
        known = [*OF_REQUEST, *parameters]
        if self.answers:
            bare = [name if name.startswith('"') else f'"{name}"' for name in known]
            known = ["@status", *(f"{name};req" for name in bare), '"x-dictionary";key="b";req']
        known += fields + special
        return self._rng.sample(known, self._rng.randrange(1, len(known)))

    def ours(self, headers: Any) -> Request | Response:
        """Build our message, with the signature headers that theirs ended up with, if any."""
        signatures = [
            (name, value) for name, value in headers.items() if name.startswith("Signature")
        ]
        target = f"{self.path}{self.query}"
        pairs = list(self.sent.headers.items())
        if self.answers:
            request = Request(method=self.method, target=target, headers=pairs, body=self.body)
            answer = [*self.headers.items(), *signatures]
            return Response(status=self.status, headers=answer, request=request)
        return Request(
            method=self.method, target=target, headers=[*pairs, *signatures], body=self.body
        )

    def theirs(self, headers: dict[str, str]) -> Any:
        if not self.answers:
            merged = _theirs({**self.sent.headers, **headers})
            return SimpleNamespace(method=self.method, url=self.url, headers=merged)
        return SimpleNamespace(
            status_code=self.status,
            headers=_theirs({**self.headers, **headers}),
            request=self.sent,
        )


def _samples() -> list[tuple[Sample, Any, Any, Any]]:
    rng = random.Random(SEED)  # noqa: S311 - repeatable samples, no secrets
    return [(Sample(rng), *KEYS[number % len(KEYS)]) for number in range(MESSAGES)]


def _resolver(private: Any) -> Any:
    return other.MappingKeyResolver(
        public_keys={"k": private.public_key()}, private_keys={"k": private}
    )


def test_what_is_signed_here_verifies_there() -> None:
    for sample, key, algorithm, private in _samples():
        message = sample.ours({})
        parameters: dict[str, Any] = {"created": int(time.time()), "keyid": "k", "nonce": 'a"b\\'}
        headers = zip(
            ("Signature-Input", "Signature"),
            sign(message, key, sample.components(), label="here", **parameters),
            strict=True,
        )
        verifier = other.HTTPMessageVerifier(
            signature_algorithm=algorithm,
            key_resolver=_resolver(private),
        )
        (result,) = verifier.verify(sample.theirs(dict(headers)), expect_tag=None)
        assert result.label == "here"


def test_what_is_signed_there_verifies_here() -> None:
    for sample, key, algorithm, private in _samples():
        message = sample.theirs({})
        signer = other.HTTPMessageSigner(
            signature_algorithm=algorithm,
            key_resolver=_resolver(private),
        )
        signer.sign(
            message,
            key_id="k",
            created=dt.datetime.now(tz=dt.UTC),
            covered_component_ids=sample.components(),
            label="there",
            use_existing_digest=True,
        )
        ours = sample.ours(message.headers)
        (signature,) = parse_signatures(ours)
        assert signature.label == "there"
        verify(ours, signature, key)
        assert signature_base(ours, signature) == signature_base(ours, signature.member)
