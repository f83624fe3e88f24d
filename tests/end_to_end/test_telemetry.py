"""What an operator sees: decision lines, metrics, health; and what nobody may see there."""

from __future__ import annotations

import json
import threading
import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from canonical import load_key
from tests.end_to_end.gateway import PATIENCE, configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Draft, Platform
from tests.end_to_end.raw_server import Seen, Visit, answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

ALWAYS: Final = {
    *("time", "audit_id", "merchant", "operation", "decision", "status", "duration_ms"),
}
REFUSED: Final = {"code", "reason", "explanation"}
PROVEN: Final = {"identity", "keyid", "thumbprint", "scheme", "tier", "version"}


@pytest.fixture(scope="module")
def settings(module_merchant: Merchant, platform: Platform) -> dict[str, Any]:
    shop = module_merchant.settings(platforms={"registered": [platform.registration()]})
    return configuration(shop, trusted_proxies=["127.0.0.1"])


@pytest.fixture(scope="module")
def gateway(
    settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
        yield running


def test_an_accepted_request_is_told_with_who_proved_what(
    gateway: RunningGateway, platform: Platform
) -> None:
    found = gateway.decision(gateway.ask(platform.signed().wire()))
    assert found.keys() == ALWAYS | PROVEN
    told = {name: value for name, value in found.items() if name in PROVEN}
    assert told == {
        "identity": platform.profile_url,
        "keyid": platform.jwk["kid"],
        "thumbprint": load_key(platform.jwk).thumbprint,
        "scheme": "rfc9421",
        "tier": "registered",
        "version": "2026-08-25",
    }
    assert (found["merchant"], found["operation"]) == ("shop", "get_order")
    assert (found["decision"], found["status"]) == ("accept", 200)
    assert found["duration_ms"] > 0


def test_a_refused_request_is_told_with_the_first_thing_that_was_wrong(
    gateway: RunningGateway, platform: Platform
) -> None:
    draft = platform.sign(platform.draft(), ["@method", "@path", "ucp-agent"])
    found = gateway.decision(gateway.ask(draft.wire()))
    assert found.keys() == ALWAYS | REFUSED
    assert (found["decision"], found["code"]) == ("reject", "signature_invalid")
    assert found["reason"] == "coverage_insufficient"
    assert "@authority" in found["explanation"]


def test_what_is_refused_after_the_proof_is_told_with_who_asked(
    gateway: RunningGateway, platform: Platform
) -> None:
    draft = platform.sign(platform.draft("POST", CHECKOUTS, b"{}").drop("Idempotency-Key"))
    found = gateway.decision(gateway.ask(draft.wire()))
    assert found.keys() == ALWAYS | REFUSED | PROVEN
    assert found["identity"] == platform.profile_url


def test_a_request_for_nobody_is_told_without_a_merchant(
    gateway: RunningGateway, platform: Platform
) -> None:
    answered = gateway.ask(platform.signed().put("Host", "other.example.com").wire())
    assert gateway.decision(answered)["merchant"] == ""


def _families(gateway: RunningGateway) -> dict[str, Any]:
    scraped = gateway.admin("/metrics")
    assert scraped.status == 200
    assert scraped.value("Content-Type").startswith("text/plain; version=0.0.4")
    text = scraped.body.decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def _requests(gateway: RunningGateway) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels[name] for name in ("merchant", "operation", "decision", "code")): (
            sample.value
        )
        for sample in _families(gateway)["ucp_connector_requests"].samples
    }


def test_requests_are_counted_by_what_was_decided(
    gateway: RunningGateway, platform: Platform
) -> None:
    before = _requests(gateway)
    for draft in (
        platform.signed(),
        platform.signed(),
        platform.signed("POST", CHECKOUTS, b"{}"),
        platform.draft(),
        platform.signed().put("Host", "other.example.com"),
    ):
        gateway.ask(draft.wire())
    after = _requests(gateway)
    grown = {key: value - before.get(key, 0) for key, value in after.items()}
    assert {key: value for key, value in grown.items() if value} == {
        ("shop", "get_order", "accept", ""): 2,
        ("shop", "create_checkout", "accept", ""): 1,
        ("shop", "", "reject", "signature_missing"): 1,
        ("", "", "reject", "unknown_authority"): 1,
    }


def test_the_time_of_each_step_is_measured(gateway: RunningGateway, platform: Platform) -> None:
    gateway.ask(platform.signed().wire())
    samples = _families(gateway)["ucp_connector_step_seconds"].samples
    counts = {each.labels["step"]: each.value for each in samples if each.name.endswith("_count")}
    sums = {each.labels["step"]: each.value for each in samples if each.name.endswith("_sum")}
    assert counts.keys() >= {"verify", "forward", "total"}
    assert all(counts.values())
    assert sums["total"] >= sums["forward"]


def test_what_runs_is_shown_as_in_flight(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    released = threading.Event()

    def slow(visit: Visit, seen: Seen) -> None:
        assert released.wait(PATIENCE)
        answer()(visit, seen)

    def in_flight() -> float:
        (sample,) = _families(gateway)["ucp_connector_in_flight"].samples
        return float(sample.value)

    merchant.script[f"{ORDERS}/slow"] = slow
    assert in_flight() == 0
    with gateway.connect() as connection:
        connection.send(platform.signed(target=f"{ORDERS}/slow").wire())
        merchant.await_requests(1)
        assert in_flight() == 1
        released.set()
        assert connection.answer().status == 200
    assert in_flight() == 0


def test_health_is_told_on_the_operators_listener_only(
    gateway: RunningGateway, platform: Platform
) -> None:
    assert gateway.admin("/livez").document() == {"status": "alive"}
    assert gateway.admin("/readyz").document()["status"] == "ready"
    assert gateway.admin("/elsewhere").status == 404
    for path in ("/livez", "/readyz", "/metrics"):
        answered = gateway.ask(platform.signed(target=path).wire())
        assert answered.document()["code"] == "unknown_operation"


# What nobody may see

SECRETS: Final = {
    "card": "4111111111111111",
    "e-mail": "buyer.private@example.org",
    "bearer": "bearer-0f9e8d7c6b5a",
    "cookie": "session-1a2b3c4d5e6f",
    "id": "chk_9z8y7x6w5v4u",
    "query": "query-value-5t6r7e8w",
    "own": "own-header-1q2w3e4r",
    "key": "idempotency-key-7u8i9o0p-secret",
    "nonce": "nonce-3e4r5t6z7u",
    "address": "203.0.113.77",
    "odd": "odd-name-6h7j8k9l",
}
BODY: Final = json.dumps({"card": SECRETS["card"], "email": SECRETS["e-mail"]}).encode()


def _secretive(platform: Platform, method: str = "POST", authority: str = AUTHORITY) -> Draft:
    """Draft a request that has a secret wherever one can be."""
    target = f"{CHECKOUTS}/{SECRETS['id']}?{SECRETS['query']}"
    if method == "POST":
        target = target.replace("?", "/complete?")
    draft = platform.draft(method, target, BODY if method != "GET" else b"")
    draft.put("Host", authority).add("Authorization", f"Bearer {SECRETS['bearer']}")
    draft.add("Cookie", f"session={SECRETS['cookie']}").add("From", SECRETS["e-mail"])
    draft.add("X-Own", SECRETS["own"]).add("X-Forwarded-For", SECRETS["address"])
    draft.add(f"X-{SECRETS['odd']}", "1")
    return draft if method == "GET" else draft.put("Idempotency-Key", SECRETS["key"])


def _attacks(platform: Platform) -> Iterator[Draft]:
    """Yield requests that are refused at every step, each with secrets in it."""
    stranger = Platform(kid="stranger-2026")

    def fresh() -> Draft:
        return _secretive(platform)

    def signed() -> Draft:
        return platform.sign(fresh(), nonce=SECRETS["nonce"])

    yield fresh()
    yield _secretive(platform, authority=f"{SECRETS['odd']}.example.com")
    yield signed().put("Host", f"{SECRETS['odd']} {SECRETS['own']}")
    yield stranger.sign(_secretive(stranger))
    for name, value in (
        ("Content-Digest", f"sha-256=:{SECRETS['own']}:"),
        ("Content-Digest", f"{SECRETS['own']}="),
        ("Content-Type", f"text/{SECRETS['own']}"),
        ("Content-Encoding", SECRETS["own"]),
        ("Idempotency-Key", f"{SECRETS['key']},{SECRETS['own']}"),
        ("UCP-Agent", f'profile="{SECRETS["own"]}"'),
        ("UCP-Agent", f"{SECRETS['own']}=?2"),
        ("UCP-Agent", f'profile="https://10.0.0.1/{SECRETS["id"]}?{SECRETS["query"]}"'),
        ("UCP-Agent", f'profile="https://{SECRETS["bearer"]}@platform.example/"'),
    ):
        yield platform.sign(fresh().put(name, value))
        yield signed().put(name, value)
    for name, value in (
        ("Signature-Input", f"sig1=({SECRETS['own']}"),
        ("Signature-Input", f'sig1=("@{SECRETS["odd"]}");keyid="{SECRETS["key"]}"'),
        ("Signature-Input", f'{SECRETS["odd"]}=("@method");keyid="{SECRETS["key"]}"'),
        ("Signature", f"sig1={SECRETS['own']}"),
        ("Signature", f"sig1=:{SECRETS['own']}:"),
        ("Transfer-Encoding", SECRETS["own"]),
        ("Connection", SECRETS["own"]),
        ("Expect", SECRETS["own"]),
        ("X-Bad", f"{SECRETS['own']}\x01"),
        (f"X {SECRETS['odd']}", "1"),
        ("UCP_Verified", SECRETS["own"]),
    ):
        yield signed().put(name, value)
    components = ["@method", "@authority", "@path", "@query", "ucp-agent", "x-own"]
    yield platform.sign(fresh(), components)
    yield platform.sign(fresh(), [*components, f"x-{SECRETS['odd']}"])
    retargeted = signed()
    retargeted.target = f"{CHECKOUTS}/{SECRETS['id']}//{SECRETS['own']}?{SECRETS['query']}"
    yield retargeted
    longer = signed()
    longer.target += SECRETS["own"]
    yield longer
    elsewhere = platform.draft("POST", f"/{SECRETS['id']}/{SECRETS['own']}", BODY)
    yield platform.sign(elsewhere)
    deeper = platform.draft("POST", f"{CHECKOUTS}/{SECRETS['id']}/{SECRETS['own']}", BODY)
    yield platform.sign(deeper)
    yield signed().put("Content-Length", SECRETS["card"])
    other = signed()
    other.method = SECRETS["own"].upper().replace("-", "")
    yield other


def test_no_secret_is_in_what_an_operator_sees(
    settings: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with running_gateway(tmp_path, settings) as gateway:
        for method in ("GET", "PUT", "POST"):
            draft = platform.sign(_secretive(platform, method), nonce=SECRETS["nonce"])
            assert gateway.ask(draft.wire()).status == 200

        def silent(visit: Visit, _: Seen) -> None:
            visit.say(
                f"HTTP/1.1 {SECRETS['own']}\r\n{SECRETS['odd']}: {SECRETS['card']}\r\n".encode()
            )
            visit.close()

        another = _secretive(platform).put("Idempotency-Key", str(uuid.uuid4()))
        draft = platform.sign(another)
        merchant.script[draft.target] = silent
        assert gateway.ask(draft.wire()).status == 503
        count = 0
        for attack in _attacks(platform):
            count += 1
            with gateway.connect() as connection:
                answered = connection.exchange(attack.wire())
            assert answered.status >= 400, attack.head()
            _check_no_secret(answered.body.decode(), attack)
        seen = [gateway.admin(path).body.decode() for path in ("/metrics", "/readyz", "/livez")]
        assert gateway.stop() == 0
        assert len(gateway.stdout) == 4 + count
        for text in (*seen, *gateway.stdout, *gateway.stderr):
            _check_no_secret(text)


def _check_no_secret(text: str, draft: Draft | None = None) -> None:
    lower = text.lower()
    for name, secret in SECRETS.items():
        assert secret.lower() not in lower, (name, text, draft and draft.head())
