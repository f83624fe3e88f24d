"""Requests that are signed with one mistake in them, and what is found in them."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple

from canonical import Request, signature_base
from connector.diagnosis.document_table import OneDocument
from connector.diagnosis.explanation import explain
from connector.diagnosis.generator import keys
from connector.diagnosis.generator.documents import DOCUMENTS, PLATFORM
from connector.diagnosis.generator.recipes import NOW, POST, Recipe
from connector.diagnosis.judging import Judge, merchant_settings
from connector.diagnosis.vectors import WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connector.diagnosis.checks import Explanation
    from connector.egress.fetch import Fetch

PROFILE: dict[str, Any] = DOCUMENTS[PLATFORM]["json"]
VERSION = "2026-08-25"


def same(text: str) -> str:
    return text


class Sent(NamedTuple):
    """How a request was signed and sent; every default is the right way."""

    recipe: Recipe = POST
    base: Callable[[str], str] = same
    """What the signer makes of the right base."""
    sign: Callable[[bytes], bytes] | None = None
    """What the signer makes of the octets of its base; else the recipe's key signs them."""
    signature: Callable[[bytes], str] = lambda octets: f"sig1=:{b64encode(octets).decode()}:"
    """The value of Signature."""
    member: Callable[[str], str] = lambda member: f"sig1={member}"
    """The value of Signature-Input."""
    headers: Callable[[list[tuple[str, str]]], list[tuple[str, str]]] = lambda lines: lines
    """What happens to the headers on their way."""
    changed: Mapping[str, Any] = {}
    """What happens to method, target and body on their way."""
    profile: Any = PROFILE
    now: float = NOW
    settings: Mapping[str, Any] = {}
    endpoint: str = ""
    fetch: Fetch | None = None

    def request(self) -> WireRequest:
        """Return the request as it arrives."""
        recipe = self.recipe
        signing = recipe.signatures[0]
        message = Request(
            method=recipe.method,
            target=recipe.target,
            headers=list(recipe.headers),
            body=recipe.body,
        )
        text = self.base(signature_base(message, signing.member).decode("ascii"))
        octets = text.encode("utf-8")
        signed = keys.sign(signing.key, octets) if self.sign is None else self.sign(octets)
        lines = [
            *recipe.headers,
            ("Signature-Input", self.member(signing.member)),
            ("Signature", self.signature(signed)),
        ]
        request = WireRequest(
            recipe.method,
            recipe.target,
            "https",
            [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in self.headers(lines)
            ],
            recipe.body,
        )
        return request._replace(**self.changed)

    def explained(self, their_base: bytes | None = None) -> Explanation:
        """Explain it as the command does."""
        body = None if self.profile is None else json.dumps(self.profile).encode()
        source = OneDocument(body)

        async def explained() -> Explanation:
            judge = Judge(merchant_settings(self.settings), self.fetch or source, self.now)
            try:
                return await explain(
                    self.request(),
                    judge,
                    profile=source.seen,
                    endpoint=self.endpoint,
                    their_base=their_base,
                )
            finally:
                await judge.aclose()

        return asyncio.run(explained())

    def found(self) -> dict[str, str]:
        """Return the certainty of each cause that is found."""
        explanation = self.explained()
        findings = [*explanation.causes]
        for candidate in explanation.candidates:
            findings += candidate.causes
        return {finding.cause: finding.certainty for finding in findings}


def replaced(old: str, new: str) -> Callable[[str], str]:
    """Return what replaces a part, which must be there."""

    def replace(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return replace


def with_header(name: str, value: str) -> Callable[[list[tuple[str, str]]], list[tuple[str, str]]]:
    """Return what adds a header line on the way."""
    return lambda lines: [*lines, (name, value)]


def with_value(name: str, value: str) -> Callable[[list[tuple[str, str]]], list[tuple[str, str]]]:
    """Return what gives a header another value on the way."""
    return lambda lines: [(field, value if field == name else old) for field, old in lines]


def without(*names: str) -> Callable[[list[tuple[str, str]]], list[tuple[str, str]]]:
    """Return what drops header lines on the way."""
    return lambda lines: [line for line in lines if line[0] not in names]


def rewritten(
    name: str, old: str, new: str
) -> Callable[[list[tuple[str, str]]], list[tuple[str, str]]]:
    """Return what changes a header's value on the way."""
    return lambda lines: [
        (field, value.replace(old, new) if field == name else value) for field, value in lines
    ]
