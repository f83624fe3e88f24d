"""Keys and messages that several tests use. The private keys are published or made for this."""

from __future__ import annotations

from typing import Final

from canonical import Key, Request, Response, content_digest, load_key

# RFC 7515 appendix A.3
P256: Final = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "p256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
P384: Final = {
    "kty": "EC",
    "crv": "P-384",
    "kid": "p384",
    "x": "SywlpzUcoY9yhB1J2IiSytnD2hSPMJ-MgTq0wwSyfotERTqKkDdx6kofHe_E7xLq",
    "y": "CYYz1n-6Z0ep6EZ5MmEWDSFZY-U1af6l4pK83AjKHbjuF6BGZwTgciCMDi8bnZ9L",
    "d": "-VBvOZWJkv8zygKl3aEK1RcYrrGCLPFsct5m4m1jtJ3xxqYIy3XI6GG_tKxBsyB3",
}
# RFC 8037 appendix A.1
ED25519: Final = {
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": "ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
}
# RFC 9421 appendix B.1.3
RFC9421_P256: Final = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "test-key-ecc-p256",
    "x": "qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA",
    "y": "Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0",
}
PRIVATE_KEYS: Final = (P256, P384, ED25519)

BODY: Final = b'{"hello": "world"}'


def public(jwk: dict[str, str]) -> dict[str, str]:
    """Leave the private member out."""
    return {name: value for name, value in jwk.items() if name != "d"}


def key(jwk: dict[str, str] = P256) -> Key:
    return load_key(jwk)


def request(
    *headers: tuple[str, str], target: str = "/shop/carts?x=1&y=", method: str = "POST"
) -> Request:
    """Make a request with a body, and these headers before the usual ones."""
    usual = [
        ("Host", "shop.example.com"),
        ("Content-Type", "application/json"),
        ("Content-Digest", content_digest(BODY)),
        ("UCP-Agent", 'profile="https://platform.example/.well-known/ucp"'),
    ]
    return Request(method=method, target=target, headers=[*headers, *usual], body=BODY)


def response(*headers: tuple[str, str], to: Request | None = None) -> Response:
    """Make a response, to a request or to none that is known."""
    usual = [("Content-Type", "application/json"), ("Content-Digest", content_digest(BODY))]
    return Response(status=200, headers=[*headers, *usual], body=BODY, request=to)
