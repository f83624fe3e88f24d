"""Keys, a clock that a test sets, and messages."""

from __future__ import annotations

from typing import Any, Final

from canonical import Request, load_key
from connector.signing.current import CurrentKeys
from connector.signing.key_document import new_private_jwk
from connector.signing.key_ring import SigningKey

NOW: Final = 1_767_225_600


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def signing_key(
    published: int = NOW, active: int = NOW, *, algorithm: str = "ES256", **times: int
) -> SigningKey:
    jwk: dict[str, Any] = new_private_jwk(algorithm)
    return SigningKey(load_key(jwk), published, active, **times)


def current(*keys: SigningKey, clock: Clock | None = None) -> CurrentKeys:
    return CurrentKeys(keys or (signing_key(),), clock or Clock())


def request(method: str = "GET", target: str = "/orders/1", *more: tuple[str, str]) -> Request:
    return Request(method=method, target=target, headers=[("Host", "shop.example.com"), *more])
