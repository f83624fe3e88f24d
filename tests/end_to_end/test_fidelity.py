"""What the merchant receives is what the platform sent, but for the changes that are listed.

The expectation is written here from the design ("One request", 6), not taken from the connector.
"""

from __future__ import annotations

import json
import random
import re
import string
import uuid
from typing import TYPE_CHECKING, Final

import pytest

from canonical import content_digest
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import Draft, Platform, covered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.client import Connection, Line
    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.raw_server import Seen

REQUESTS: Final = 1000
SEED: Final = 20260825

OPERATIONS: Final = (
    ("create_checkout", "POST", "/checkout-sessions", True),
    ("get_checkout", "GET", "/checkout-sessions/{id}", False),
    ("update_checkout", "PUT", "/checkout-sessions/{id}", True),
    ("complete_checkout", "POST", "/checkout-sessions/{id}/complete", True),
    ("cancel_checkout", "POST", "/checkout-sessions/{id}/cancel", True),
    ("create_cart", "POST", "/carts", True),
    ("get_cart", "GET", "/carts/{id}", False),
    ("update_cart", "PUT", "/carts/{id}", True),
    ("cancel_cart", "POST", "/carts/{id}/cancel", True),
    ("get_order", "GET", "/orders/{id}", False),
    ("search_catalog", "POST", "/catalog/search", False),
    ("lookup_catalog", "POST", "/catalog/lookup", False),
    ("get_product", "POST", "/catalog/product", False),
    ("apply_voucher", "PATCH", "/checkout-sessions/{id}/voucher", True),
    ("drop_cart", "DELETE", "/carts/{id}", True),
)
"""Name, method, path, keyed: the protocol's own and two that the configuration adds."""

STRIPPED: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"forwarded", b"x-real-ip", b"x-http-method", b"x-http-method-override"),
        *(b"x-method-override", b"x-original-url", b"x-rewrite-url", b"http2-settings", b"expect"),
        *(b"audit-id", b"traceparent", b"tracestate"),
    }
)
STRIPPED_BEGINNINGS: Final = (b"proxy-", b"x-forwarded-", b"ucp-verified")

TCHAR: Final = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
VALUE: Final = bytes([*range(0x21, 0x7F), *range(0x80, 0x100)])
QUERY: Final = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@/?[]"
SEGMENT: Final = string.ascii_letters + string.digits + "-._~:=@!$,"
KEY: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "\"',")

TRACE: Final = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Generator:
    """Drafts requests that must be accepted, from a seed."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.rng = random.Random(SEED)  # noqa: S311 - repeatable samples, no secrets

    def draft(self, number: int) -> tuple[str, bool, Draft]:
        rng = self.rng
        # Every operation in turn, so that none is left to chance.
        name, method, template, keyed = OPERATIONS[number % len(OPERATIONS)]
        path = template.replace("{id}", self._segment())
        draft = Draft(method, f"/ucp/v1{path}{self._query()}")
        if method not in ("GET", "DELETE") and rng.random() < 0.9:
            draft.body = self._body()
        draft.lines = self._needed(draft, keyed=keyed) + self._framing(draft) + self._odd(draft)
        rng.shuffle(draft.lines)
        if rng.random() < 0.02:
            draft.version = "HTTP/1.0"
            # RFC 9112 section 6.1: no transfer coding before HTTP/1.1.
            if draft.chunks is not None:
                draft.chunks = None
                draft.put("Content-Length", str(len(draft.body))).drop("Transfer-Encoding")
        return name, keyed, draft

    def _cased(self, name: str) -> bytes:
        how = self.rng.randrange(4)
        if how == 3:
            return "".join(self.rng.choice((each.lower(), each.upper())) for each in name).encode()
        return (name, name.lower(), name.upper())[how].encode()

    def _text(self, alphabet: str, low: int, high: int) -> str:
        return "".join(self.rng.choices(alphabet, k=self.rng.randint(low, high)))

    def _segment(self) -> str:
        while True:
            segment = self._text(SEGMENT, 1, 30)
            if segment not in (".", ".."):
                return segment

    def _query(self) -> str:
        if self.rng.random() < 0.4:
            return ""
        pieces = [
            self.rng.choice((self._text(QUERY, 0, 12), f"%{self.rng.randrange(256):02x}", "%2F%2e"))
            for _ in range(self.rng.randrange(6))
        ]
        return "?" + "".join(pieces)

    def _body(self) -> bytes:
        rng = self.rng
        size = rng.choice((1, 2, rng.randrange(1, 600), rng.randrange(600, 9000), 65536))
        if size > 40 and rng.random() < 0.5:
            return json.dumps({"line_items": [self._text(TCHAR, size, size)]}).encode()
        body = rng.randbytes(size)
        return body if not body.startswith(b"\xef\xbb\xbf") else b"{}"

    def _needed(self, draft: Draft, *, keyed: bool) -> list[Line]:
        rng = self.rng
        host = rng.choice(("shop.example.com", "Shop.EXAMPLE.com", "shop.example.com:443"))
        profile = self._platform.profile_url
        agent = rng.choice(
            (f'profile="{profile}"', f'a=1,  profile="{profile}";v=2 ,\tb', f'profile="{profile}"')
        )
        lines = [(self._cased("Host"), host.encode()), (self._cased("UCP-Agent"), agent.encode())]
        if keyed:
            key = rng.choice((str(uuid.UUID(int=rng.getrandbits(128))), self._text(KEY, 22, 255)))
            lines.append((self._cased("Idempotency-Key"), key.encode()))
        if draft.body:
            media = rng.choice(("application/json", "Application/JSON;charset=utf-8"))
            digest = content_digest(draft.body)
            if rng.random() < 0.3:
                digest += f",  {content_digest(draft.body, 'sha-512')}"
            lines += [
                (self._cased("Content-Type"), media.encode()),
                (self._cased("Content-Digest"), digest.encode()),
            ]
        return lines

    def _framing(self, draft: Draft) -> list[Line]:
        rng = self.rng
        if draft.method in ("GET", "DELETE"):
            return [(self._cased("Content-Length"), b"0")] if rng.random() < 0.1 else []
        if rng.random() < 0.4:
            draft.chunks = [rng.randrange(1, 5000) for _ in range(rng.randrange(4))]
            return [(self._cased("Transfer-Encoding"), b"chunked")]
        if not draft.body and rng.random() < 0.5:
            return []
        return [(self._cased("Content-Length"), str(len(draft.body)).encode())]

    def _value(self) -> bytes:
        rng = self.rng
        words = [
            bytes(rng.choices(VALUE, k=rng.randint(1, 20))) for _ in range(rng.randrange(1, 5))
        ]
        return rng.choice((b" ", b"\t", b"  ")).join(words) if rng.random() < 0.9 else b""

    def _odd(self, draft: Draft) -> list[Line]:
        """Draft lines that nothing asks for: some go on, some must not."""
        rng = self.rng
        lines: list[Line] = []
        for _ in range(rng.randrange(8)):
            name = ("X" + self._text(TCHAR, 1, 15)).encode()
            lines += [(name, self._value()) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        usual = (
            *((b"Cookie", b"a=1; b=2"), (b"Cookie", b"c=3"), (b"Accept", b"*/*;q=0.1")),
            *((b"Accept-Encoding", b"gzip, br"), (b"Authorization", b"Bearer abc.def")),
            *((b"User-Agent", b"agent/1 (x)"), (b"Content-Language", b"de"), (b"Range", b"bytes=")),
            *((b"Cache-Control", b"no-cache"), (b"Cache-Control", b"no-transform")),
            *((b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT"), (b"X_custom_name", b"kept")),
        )
        stripped = (
            *((b"X-Forwarded-For", b"203.0.113.9"), (b"x-forwarded-proto", b"http")),
            *((b"X-Forwarded-Anything", b"1"), (b"Forwarded", b"for=203.0.113.9")),
            *((b"X-Real-IP", b"203.0.113.9"), (b"X-HTTP-Method", b"DELETE")),
            *((b"X-HTTP-Method-Override", b"DELETE"), (b"X-Method-Override", b"DELETE")),
            *((b"X-Original-URL", b"/admin"), (b"X-REWRITE-url", b"/admin")),
            *((b"HTTP2-Settings", b"AAMAAABkAAQAAP__"), (b"Connection", b"keep-alive, TE")),
            *((b"TE", b"trailers"), (b"Keep-Alive", b"timeout=5"), (b"Proxy-Authorization", b"x")),
            *((b"Proxy-Connection", b"keep-alive"), (b"Trailer", b"X-Sum"), (b"Upgrade", b"h2c")),
            *((b"Audit-ID", b"mine"), (b"UCP-Verified", b"true"), (b"ucp-verified-tier", b"root")),
            *(
                (b"UCP-VERIFIED-Anything", b"1"),
                (b"Traceparent", b"not one"),
                (b"traceparent", TRACE),
            ),
            *((b"Tracestate", b"vendor=1"), (b"Expect", b"100-continue")),
        )
        picked = rng.sample(usual, rng.randrange(5)) + rng.sample(stripped, rng.randrange(7))
        if draft.chunks is None and not draft.body:
            # Waiting for 100 makes sense only where a body follows.
            picked = [line for line in picked if line[0] != b"Expect"]
        return lines + [(self._cased(name.decode()), value) for name, value in picked]

    def sign(self, draft: Draft) -> Draft:
        """Sign it, now and then beside a signature that proves nothing."""
        rng = self.rng
        components = covered(draft)
        rng.shuffle(components)
        if rng.random() < 0.2:
            components.append("@request-target")
        given, value = self._platform.signature(
            draft, components, nonce=self._text(string.ascii_letters, 8, 20)
        )
        if rng.random() < 0.2:
            given += ', other=("@method");created=1;keyid="unknown";tag="for-somebody-else"'
            value += f", other=:{'A' * 86}==:"
        for name, text in (("Signature-Input", given), ("Signature", value)):
            place = rng.randrange(len(draft.lines) + 1)
            draft.lines.insert(place, (self._cased(name), text.encode()))
        return draft


def forwarded_lines(draft: Draft, *, keyed: bool) -> list[Line]:
    """Say which of the sent lines the merchant must see, in their order."""
    kept = []
    for name, value in draft.lines:
        folded = name.lower()
        if folded in STRIPPED or folded.startswith(STRIPPED_BEGINNINGS):
            continue
        if keyed and folded == b"accept-encoding":
            continue
        kept.append((name, value))
    return kept


def added_lines(draft: Draft, operation: str, platform: Platform, *, keyed: bool) -> dict[str, str]:
    """Say which lines the connector adds, as regular expressions."""
    trace = r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
    given = draft.values("traceparent")
    if given == [TRACE]:
        trace = re.escape(TRACE.decode())
    uuid7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    lines = {
        "UCP-Verified": "true",
        "UCP-Verified-Identity": re.escape(platform.profile_url),
        "UCP-Verified-Keyid": "platform-2026",
        "UCP-Verified-Thumbprint": r"[A-Za-z0-9_-]{43}",
        "UCP-Verified-Scheme": "rfc9421",
        "UCP-Verified-Tier": "registered",
        "UCP-Verified-Version": "2026-08-25",
        "UCP-Verified-Operation": operation,
        "Audit-ID": uuid7,
        "traceparent": trace,
        "X-Forwarded-For": re.escape("127.0.0.1"),
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": re.escape(draft.values("host")[0].decode()),
    }
    if given == [TRACE] and draft.values("tracestate"):
        lines["tracestate"] = "vendor=1"
    if keyed:
        lines["Accept-Encoding"] = "identity"
        lines["UCP-Verified-Claim"] = r"[0-9a-f]{32}"
    if draft.chunks is not None or (draft.body and not draft.values("content-length")):
        lines["Content-Length"] = str(len(draft.body))
    return lines


def check(seen: Seen, draft: Draft, operation: str, platform: Platform, *, keyed: bool) -> None:
    """Hold what arrived against what was sent."""
    assert seen.request_line == f"{draft.method} {draft.target} HTTP/1.1".encode()
    assert seen.body == draft.body
    lines, expected = seen.lines, forwarded_lines(draft, keyed=keyed)
    assert lines[: len(expected)] == expected
    ours = lines[len(expected) :]
    wanted = added_lines(draft, operation, platform, keyed=keyed)
    folded = {name.decode().lower(): value.decode("latin-1") for name, value in ours}
    assert len(folded) == len(ours)
    assert folded.keys() == {name.lower() for name in wanted}
    for name, pattern in wanted.items():
        assert re.fullmatch(pattern, folded[name.lower()]), name


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    shop = module_merchant.settings(
        platforms={"registered": [platform.registration()]},
        operations=[
            {"name": name, "method": method, "path": path, "kind": "write"}
            for name, method, path, _ in OPERATIONS[-2:]
        ],
    )
    with running_gateway(tmp_path_factory.mktemp("gateway"), configuration(shop)) as running:
        yield running


def test_a_thousand_accepted_requests_arrive_as_they_were_sent(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    generator = Generator(platform)
    connection: Connection | None = None
    audit_ids = set()
    for number in range(REQUESTS):
        operation, keyed, unsigned = generator.draft(number)
        draft = generator.sign(unsigned)
        if connection is None:
            connection = gateway.connect()
        answer = connection.exchange(draft.wire())
        assert answer.status == 200, (number, draft.head(), answer.body)
        seen = merchant.requests[-1]
        assert len(merchant.requests) == number + 1
        check(seen, draft, operation, platform, keyed=keyed)
        assert answer.body == b'{"ok": true}'
        assert seen.values("Audit-ID") == answer.values("Audit-ID")
        audit_ids.add(answer.value("Audit-ID"))
        if answer.values("Connection") == ["close"]:
            connection.close()
            connection = None
    assert len(audit_ids) == REQUESTS
    if connection is not None:
        connection.close()
