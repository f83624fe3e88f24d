"""Edits that put a signature in which another signer's mistake would have made."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from connector.diagnosis.generator import keys
from connector.diagnosis.generator.recipes import put

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.diagnosis.generator.recipes import Edit, Sent


def over(change: Callable[[bytes], bytes], key: str = "platform-2026") -> Edit:
    """Sign what the change makes of the signature base; ValueError where it is the same."""

    def edit(sent: Sent) -> Sent:
        wrong = change(sent.bases[0])
        if wrong == sent.bases[0]:
            raise ValueError("the base is not changed")
        return _signature(keys.sign(key, wrong))(sent)

    return edit


def over_base_with(old: str, new: str) -> Edit:
    """Sign a base with a part replaced wherever it stands; it must occur."""
    return over(lambda base: base.replace(old.encode(), new.encode()))


def encoded_as(change: Callable[[bytes], bytes]) -> Edit:
    """Send what the change makes of the signature's octets; ValueError where it is the same."""

    def edit(sent: Sent) -> Sent:
        octets = _octets(sent)
        if change(octets) == octets:
            raise ValueError("the signature is not changed")
        return _signature(change(octets))(sent)

    return edit


def written_as(change: Callable[[str], str]) -> Edit:
    """Write the signature's base64 text otherwise; ValueError where it is the same."""

    def edit(sent: Sent) -> Sent:
        text = b64encode(_octets(sent)).decode("ascii")
        if change(text) == text:
            raise ValueError("the text is not changed")
        return put("Signature", f"sig1=:{change(text)}:")(sent)

    return edit


def _octets(sent: Sent) -> bytes:
    value = dict(sent.headers)["Signature"]
    return b64decode(value.removeprefix("sig1=:").removesuffix(":"))


def _signature(octets: bytes) -> Edit:
    return put("Signature", f"sig1=:{b64encode(octets).decode('ascii')}:")
