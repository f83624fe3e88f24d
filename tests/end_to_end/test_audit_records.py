"""What a gateway writes down of each request, and that it is all there however it ends."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import pytest

from canonical import load_key
from connector.audit.denials import BURST, RATE
from tests.end_to_end import audit_log
from tests.end_to_end.client import Connection
from tests.end_to_end.gateway import (
    PATIENCE,
    RunningGateway,
    configuration,
    running_gateway,
    start,
)
from tests.end_to_end.merchant import PROFILE_PATH
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Draft, Platform
from tests.end_to_end.raw_server import Seen, Visit, answer, nobody
from tests.end_to_end.refusals import check_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.audit_log import Record
    from tests.end_to_end.client import Answer
    from tests.end_to_end.merchant import Merchant

BODY: Final = b'{"line_items": []}'
MEBIBYTE: Final = 1 << 20
HASTY: Final = "hasty.example.com"
OBSERVED: Final = "observed.example.com"
RATED: Final = "rated.example.com"
DOWN: Final = "down.example.com"
FLOOD: Final = 1500
"""Refusals, three times what has room at once."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def gateway(module_merchant: Merchant, platform: Platform, home: Path) -> Iterator[RunningGateway]:
    platforms = {"registered": [platform.registration()]}

    def shop(name: str, authority: str, **more: Any) -> dict[str, Any]:
        return module_merchant.settings(
            id=name, authorities=[authority], **{"platforms": platforms, **more}
        )

    slow = {"registered": [platform.registration(rates={"writes": "1/h"})]}
    with nobody() as origin:
        settings = configuration(
            module_merchant.settings(platforms=platforms),
            shop("hasty", HASTY, upstream={"response_timeout": "300ms"}),
            shop("observed", OBSERVED, enforcement={"signatures": "insecure_observe"}),
            shop("rated", RATED, enforcement={"rates": "observe"}, platforms=slow),
            shop("down", DOWN, upstream={"url": origin}),
        )
        with running_gateway(home, settings) as running:
            yield running
    # Whatever the tests of this module did, the log is whole in the end.
    audit_log.whole(home)


def _both(home: Path, answered: Answer) -> tuple[Record, Record]:
    """Return the two records of a request, in order."""
    received, completed = audit_log.of(home, answered.value("Audit-ID"))
    assert (received["type"], completed["type"]) == ("received", "completed")
    assert int(received["order"]) <= int(completed["order"])
    assert received["merchant"] == completed["merchant"]
    return received, completed


def _members(record: Record, **members: Any) -> None:
    assert {name: record.get(name) for name in members} == members


def test_a_read_leaves_who_asked_for_what_and_what_became_of_it(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    merchant.script[f"{ORDERS}/ord_1?expand=a"] = answer(b'{"id": "ord_1"}')
    draft = platform.signed(target=f"{ORDERS}/ord_1?expand=a")
    answered = gateway.ask(draft.wire())
    assert answered.status == 200
    (seen,) = merchant.requests
    assert seen.values("Audit-ID") == [answered.value("Audit-ID")]

    received, completed = _both(home, answered)

    key = load_key(platform.jwk)
    public = {name: platform.jwk[name] for name in ("kty", "crv", "x", "y")}
    assert received["caller"] == {
        "identity": platform.profile_url,
        "keyid": platform.jwk["kid"],
        "thumbprint": key.thumbprint,
        "scheme": "rfc9421",
        "label": "sig1",
        "tier": "registered",
        "version": "2026-08-25",
        "key": public,
    }
    request = received["request"]
    _members(request, method="GET", operation="get_order", kind="read", octets=0)
    assert request["path"].startswith("/orders/h1:")
    assert request["query"].startswith("h1:")
    assert "idempotency_key" not in request
    _members(received["decision"], result="admitted", rule="registered", claim=None)
    _members(received, merchant="shop", v=1)
    _members(completed, status=200, decision="accept", outcome="answered", octets=15, code=None)
    assert completed["duration"] > 0


def test_a_signature_in_the_log_is_the_one_that_was_sent(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    assert merchant.requests == []
    draft = platform.signed(target=f"{ORDERS}/ord_2")
    received, _ = _both(home, gateway.ask(draft.wire()))
    value = draft.values("Signature")[0].decode().removeprefix("sig1=:").removesuffix(":")
    found = received["signature"]
    assert (found["value"], found["hash"]) == (value, "sha-256")
    assert "base" not in found
    parameters = draft.values("Signature-Input")[0].decode().removeprefix("sig1=")
    lines = {
        "@method": "GET",
        "@authority": draft.values("Host")[0].decode(),
        "@path": f"{ORDERS}/ord_2",
        "ucp-agent": draft.values("UCP-Agent")[0].decode(),
    }
    base = "".join(f'"{name}": {value}\n' for name, value in lines.items())
    base += f'"@signature-params": {parameters}'
    assert found["base_hash"] == b64encode(sha256(base.encode()).digest()).decode()
    load_key(platform.jwk).verify(b64decode(found["value"]), base.encode())


def test_a_write_leaves_its_claim_and_its_replay_is_told_apart(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    merchant.script[CHECKOUTS] = answer(b'{"id": "chk_1"}', "201 Created")
    octets = platform.signed("POST", CHECKOUTS, BODY).wire()
    first, again = gateway.ask(octets), gateway.ask(octets)
    assert again.values("Idempotent-Replayed") == ["true"]
    (seen,) = merchant.requests

    received, completed = _both(home, first)
    replayed, repeated = _both(home, again)

    assert received["decision"]["result"] == "claimed"
    assert [received["decision"]["claim"]] == seen.values("UCP-Verified-Claim")
    _members(received["request"], kind="write", octets=len(BODY), path="/checkout-sessions")
    _members(completed, status=201, decision="accept", outcome="answered")
    assert replayed["audit_id"] != received["audit_id"]
    assert replayed["decision"]["result"] == "replay"
    _members(repeated, status=201, decision="replay", outcome="answered", octets=15)
    key = received["request"]["idempotency_key"]
    assert key == replayed["request"]["idempotency_key"]
    assert key.startswith("h1:")


def test_what_is_refused_leaves_one_record_with_what_was_known(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    unsigned = gateway.ask(platform.draft().wire())
    keyless = platform.draft("POST", CHECKOUTS, BODY).drop("Idempotency-Key")
    proven = gateway.ask(platform.sign(keyless).wire())
    nobodys = gateway.ask(platform.signed().put("Host", "other.example.com").wire())
    malformed = gateway.ask(platform.signed().add("Host", "b").wire())
    assert merchant.requests == []

    def denied(answered: Answer, code: str) -> Record:
        check_refusal(answered, code)
        (found,) = audit_log.of(home, answered.value("Audit-ID"), 1)
        _members(found, type="denied", status=answered.status, code=code)
        assert found["peer"].startswith("h1:")
        return found

    _members(denied(unsigned, "signature_missing"), merchant="shop", caller=None)
    found = denied(proven, "idempotency_key_missing")
    _members(found, merchant="shop")
    assert found["caller"]["identity"] == platform.profile_url
    _members(denied(nobodys, "unknown_authority"), merchant=None, caller=None)
    denied(malformed, "malformed_request")


def test_a_write_without_a_whole_answer_is_unknown_and_one_that_was_not_sent_is_told_so(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    def silent(visit: Visit, _: Seen) -> None:
        visit.wait_for_end()

    merchant.script[CHECKOUTS] = silent

    def ask(authority: str, code: str) -> Record:
        draft = platform.sign(platform.draft("POST", CHECKOUTS, BODY).put("Host", authority))
        answered = gateway.ask(draft.wire())
        check_refusal(answered, code)
        received, completed = _both(home, answered)
        assert received["decision"]["result"] == "claimed"
        _members(completed, decision="reject", code=code, status=answered.status)
        return completed

    assert ask(HASTY, "outcome_unknown")["outcome"] == "unknown"
    assert ask(DOWN, "upstream_unreachable")["outcome"] == "not_sent"


def test_a_streamed_answer_is_closed_as_one(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    merchant.script[f"{ORDERS}/large"] = answer(b"x" * (2 * MEBIBYTE))
    answered = gateway.ask(platform.signed(target=f"{ORDERS}/large").wire())
    assert len(answered.body) == 2 * MEBIBYTE
    _, completed = _both(home, answered)
    _members(completed, status=200, decision="accept", outcome="streamed", octets=None)


def test_what_is_only_observed_leaves_what_it_would_have_been_refused_with(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    draft = platform.draft("POST", CHECKOUTS, BODY).put("Host", OBSERVED)
    answered = gateway.ask(draft.wire())
    assert (answered.status, len(merchant.requests)) == (200, 1)
    received, completed = _both(home, answered)
    assert "caller" not in received
    assert "signature" not in received
    _members(received["decision"], result="observed", code="signature_missing")
    _members(received["request"], operation="create_checkout", kind="write", octets=len(BODY))
    _members(completed, decision="observe", code="signature_missing", status=200)
    assert completed["outcome"] == "answered"


def test_a_rate_that_is_only_observed_is_told(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    over = []
    for _ in range(2):
        draft = platform.sign(platform.draft("POST", CHECKOUTS, BODY).put("Host", RATED))
        received, completed = _both(home, gateway.ask(draft.wire()))
        assert completed["status"] == 200
        over.append(received["decision"].get("over_rate"))
    assert over == [None, "writes"]
    assert len(merchant.requests) == 2


def test_a_public_document_leaves_no_record(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    before, _ = _both(home, gateway.ask(platform.signed().wire()))
    assert gateway.ask(platform.draft(target=PROFILE_PATH).wire()).status == 200
    after, _ = _both(home, gateway.ask(platform.signed().wire()))
    ids = [each.get("audit_id") for each in audit_log.records(home)]
    assert ids[ids.index(before["audit_id"]) :] == [
        *(before["audit_id"], before["audit_id"]),
        *(after["audit_id"], after["audit_id"]),
    ]
    assert len(merchant.requests) == 2


def _resolve(gateway: RunningGateway, claim: str, said: dict[str, str]) -> Answer:
    body = json.dumps(said).encode()
    draft = Draft("POST", f"/claims/{claim}/resolve", body=body).add("Host", "localhost")
    draft.add("Content-Type", "application/json").add("Content-Length", str(len(body)))
    with Connection(gateway.admin_address) as connection:
        return connection.exchange(draft.wire())


def test_what_an_operator_decides_leaves_a_record_that_names_the_request(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, home: Path
) -> None:
    merchant.script[CHECKOUTS] = lambda visit, _: visit.close()
    answered = gateway.ask(platform.signed("POST", CHECKOUTS, BODY).wire())
    check_refusal(answered, "outcome_unknown")
    audit_id = answered.value("Audit-ID")
    listed = gateway.admin(f"/claims?audit_id={audit_id}").document()["claims"]
    (claim,) = listed
    said = {"outcome": "executed", "by": "ada", "reason": "seen in the order system"}
    resolved = _resolve(gateway, claim["claim"], said)
    assert resolved.status == 200, resolved.body

    def decided(each: Record) -> bool:
        return (each["type"], each.get("action")) == ("administration", "resolve_claim")

    (found,) = audit_log.await_records(home, decided)
    assert found["by"] == "ada"
    details = found["details"]
    told = resolved.document()
    assert {name: told[name] for name in details} == details
    _members(details, merchant="shop", operation="create_checkout", outcome="executed")
    assert details["reason"] == "seen in the order system"
    assert details["claim"] == claim["claim"]


@pytest.fixture
def shop(merchant: Merchant, platform: Platform) -> dict[str, Any]:
    return merchant.settings(platforms={"registered": [platform.registration()]})


def test_a_flood_of_refusals_leaves_few_records_and_counts_for_the_rest(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    octets = platform.draft().wire()
    began = time.monotonic()
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        with gateway.connect() as connection:
            for _ in range(FLOOD // 50):
                connection.send(octets * 50)
                for _ in range(50):
                    assert connection.answer().status == 401
        assert gateway.ask(platform.signed().wire()).status == 200
    most = BURST + RATE * (time.monotonic() - began) + 1
    denied = [each for each in audit_log.whole(tmp_path) if each["type"] == "denied"]
    single = [each for each in denied if "count" not in each]
    many = [each for each in denied if "count" in each]
    assert len(single) <= most
    assert len(single) + sum(each["count"] for each in many) == FLOOD
    assert len(many) >= 1
    for each in many:
        expected = {"code": "signature_missing", "merchant": "shop", "class": "loopback"}
        _members(each, **expected, audit_id=None, peer=None)
        assert each["since"] <= each["until"]
    assert len(merchant.requests) == 1


def test_what_a_process_that_was_killed_left_open_is_closed_as_unknown(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    released = threading.Event()

    def slow(visit: Visit, seen: Seen) -> None:
        assert released.wait(PATIENCE)
        answer()(visit, seen)

    merchant.script[CHECKOUTS] = slow
    with start(tmp_path, configuration(shop)) as process:
        gateway = RunningGateway(process)
        done = gateway.ask(platform.signed().wire())
        with gateway.connect() as connection:
            connection.send(platform.signed("POST", CHECKOUTS, BODY).wire())
            seen = merchant.await_requests(2)[1]
            process.kill()
            gateway.wait()
    released.set()
    (open_id,) = seen.values("Audit-ID")
    # It was on disk before the merchant saw it.
    assert [each["type"] for each in audit_log.of(tmp_path, open_id, 1)] == ["received"]

    with running_gateway(tmp_path, configuration(shop)) as again:
        assert again.ask(platform.signed().wire()).status == 200
    found = audit_log.whole(tmp_path)
    opened = [each for each in found if each["type"] == "opened"]
    closed = [each for each in found if each.get("audit_id") == open_id][1]
    orphans = [each for each in found if each.get("recovered")]
    assert closed in orphans
    assert opened[1]["orphans"] == len(orphans)
    _members(closed, type="completed", outcome="unknown", merchant="shop", status=None)
    assert {each["audit_id"] for each in orphans} <= {open_id, done.value("Audit-ID")}


def test_a_gateway_that_is_told_to_stop_closes_what_runs_and_signs_a_last_checkpoint(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    released = threading.Event()

    def slow(visit: Visit, seen: Seen) -> None:
        assert released.wait(PATIENCE)
        answer(b"{}", "201 Created")(visit, seen)

    merchant.script[CHECKOUTS] = slow
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        ids = [gateway.ask(platform.signed().wire()).value("Audit-ID") for _ in range(300)]
        with gateway.connect() as connection:
            connection.send(platform.signed("POST", CHECKOUTS, BODY).wire())
            merchant.await_requests(301)
            gateway.tell_to_stop()
            while gateway.admin("/readyz").status == 200:
                pass
            released.set()
            last = connection.answer()
        assert gateway.wait() == 0
    found = audit_log.whole(tmp_path)
    answered = [each for each in found if each["type"] == "completed"]
    assert sorted(each["audit_id"] for each in answered) == sorted([*ids, last.value("Audit-ID")])
    assert {each["outcome"] for each in answered} == {"answered"}
