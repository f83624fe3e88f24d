from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.admission.claim_record import NotAClaim, claim_id, claim_name, read_claim
from connector.admission.desk import MOST_CLAIMS, ClaimDesk, Resolution
from connector.admission.scripts import ADMIT, SETTLE
from connector.store.errors import StoreUnavailable
from connector.telemetry.decisions import resolution_line
from tests.connector.admission.claims_in_store import (
    AUDIT_ID,
    IDENTITY,
    PAYLOAD,
    TOKEN,
    fields_of,
    put_claim,
    with_client,
)
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from connector.admission.desk import Listing
    from connector.store.client import StoreClient
    from connector.store.scripts import Script
    from tests.store_servers import StoreServer

KEEP: Final = 48 * 3600.0
TOMBSTONE: Final = 30 * 86400.0
NAME: Final = b"ucp1:{%b}:claim:%b" % (b"a" * 32, b"b" * 64)
FIELDS: Final = {b"state": b"unknown", b"payload": PAYLOAD}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with running_server(tmp_path_factory.mktemp("desk")) as server:
        yield server


@pytest.fixture
def server(running: StoreServer) -> StoreServer:
    running.ask("FLUSHALL")
    return running


def at_desk(server: StoreServer, act: Callable[[ClaimDesk], Awaitable[Any]], **options: Any) -> Any:
    async def run(client: StoreClient) -> Any:
        return await act(ClaimDesk(client, keep=KEEP, tombstone=TOMBSTONE, **options))

    return with_client(server, run)


def listed(server: StoreServer, *, limit: int = 100, **asked: Any) -> Listing:
    found: Listing = at_desk(server, lambda desk: desk.list(limit=limit, **asked))
    return found


def ids(listing: Listing) -> set[str]:
    return {record.claim_id for record in listing.claims}


def resolved(server: StoreServer, claim: str, outcome: str = "executed") -> Resolution:
    resolution: Resolution = at_desk(
        server, lambda desk: desk.resolve(claim, outcome, "ada", "seen in the order system")
    )
    return resolution


# Names and records


@pytest.mark.parametrize("kind", ["", "unkeyed."])
def test_an_id_names_one_key_in_the_store(kind: str) -> None:
    text = f"{kind}{'a' * 32}.{'b' * 64}"
    assert claim_id(claim_name(text)) == text
    assert claim_name(f"{'a' * 32}.{'b' * 64}") == NAME


@pytest.mark.parametrize(
    "text",
    ["", "x", f"{'A' * 32}.{'b' * 64}", f"{'a' * 32}.{'b' * 64}\n", f"other.{'a' * 32}.{'b' * 64}"],
)
def test_what_is_no_id_names_nothing(text: str) -> None:
    with pytest.raises(NotAClaim):
        claim_name(text)


@pytest.mark.parametrize(
    "changed",
    [
        {b"state": b"done"},
        {b"state": b""},
        {b"payload": b"short"},
        {b"token": b"not hexadecimal"},
        {b"state": b"claimed"},
        {b"state": b"claimed", b"lease": b"-1"},
        {b"renewed": b"1e9"},
        {b"claimed": b"9" * 17},
        {b"about": b"{"},
        {b"about": b"[" * 10_000},
        {b"about": b"[]"},
        {b"about": b'{"merchant": 1}'},
        {b"about": b'{"merchant": "%b"}' % (b"m" * 20_000)},
        {b"note": b"7"},
        {b"once": b"elsewhere"},
        {b"once": b"ucp1:{%b}:nonce:%b" % (b"c" * 32, b"b" * 64)},
        {b"once": b"ucp1:{%b}:rate:%b" % (b"a" * 32, b"b" * 64)},
    ],
)
def test_a_record_that_is_not_shaped_as_a_claim_is_none(changed: dict[bytes, bytes]) -> None:
    read_claim(NAME, FIELDS, 0.0)
    with pytest.raises(NotAClaim):
        read_claim(NAME, FIELDS | changed, 0.0)


@given(
    st.dictionaries(
        st.sampled_from(
            [b"state", b"payload", b"token", b"lease", b"about", b"note", b"once", b"renewed"]
        ),
        st.binary(max_size=64) | st.sampled_from([b"claimed", PAYLOAD, b"{}", b"12"]),
    )
)
def test_whatever_a_record_holds_it_is_a_claim_or_none(fields: dict[bytes, bytes]) -> None:
    try:
        record = read_claim(NAME, fields, 0.0)
    except NotAClaim:
        return
    assert json.loads(json.dumps(record.as_json()))["claim"] == f"{'a' * 32}.{'b' * 64}"


def test_a_claim_counts_as_unknown_from_the_end_of_its_lease() -> None:
    fields = FIELDS | {b"state": b"claimed", b"lease": b"1795000000000000"}
    before = read_claim(NAME, fields, 1_794_999_999.9)
    after = read_claim(NAME, fields, 1_795_000_000.0)
    assert (before.state, before.lapsed) == ("claimed", False)
    assert (after.state, after.lapsed) == ("unknown", True)


def test_a_claim_that_the_store_had_lost_is_shown_with_what_is_known() -> None:
    record = read_claim(NAME, FIELDS | {b"renewed": b"1795000000000000"}, 0.0)
    shown = record.as_json()
    assert (shown["merchant"], shown["claimed"]) == ("", None)
    assert shown["renewed"] == "2026-11-18T11:06:40.000Z"


# Listing


def test_a_listing_has_every_claim_of_unknown_outcome_and_no_other(server: StoreServer) -> None:
    unknown = put_claim(server)
    unkeyed = put_claim(server, kind="unkeyed.")
    lapsed = put_claim(server, state="claimed")
    live = put_claim(server, state="claimed", renewed_ago=1)
    put_claim(server, state="completed")
    put_claim(server, state="released")

    listing = listed(server)

    assert ids(listing) == {unknown, unkeyed, lapsed}
    assert (listing.skipped, listing.complete) == (0, True)
    assert ids(listed(server, states=("claimed",))) == {live}


def test_a_listing_is_narrowed_by_what_an_order_system_knows(server: StoreServer) -> None:
    other_audit = json.dumps({"merchant": "shop", "audit_id": "other"})
    mine = put_claim(server, token="f" * 32)
    other_merchant = put_claim(server, merchant="other")
    other_operation = put_claim(server, operation="update_cart")
    elsewhere = put_claim(server, about=other_audit)

    assert ids(listed(server, token="f" * 32)) == {mine}
    assert ids(listed(server, merchant="other")) == {other_merchant}
    assert ids(listed(server, operation="update_cart")) == {other_operation}
    assert ids(listed(server, audit_id="other")) == {elsewhere}


def test_a_listing_begins_with_the_oldest(server: StoreServer) -> None:
    claims = [put_claim(server, renewed_ago=age) for age in (100, 300, 200)]
    found = [record.claim_id for record in listed(server).claims]
    assert found == [claims[1], claims[2], claims[0]]


def test_a_listing_that_is_cut_says_so(server: StoreServer) -> None:
    for _ in range(3):
        put_claim(server)
    cut, whole = listed(server, limit=2), listed(server, limit=3)
    assert (len(cut.claims), cut.complete) == (2, False)
    assert (len(whole.claims), whole.complete) == (3, True)


def test_a_listing_looks_at_a_bounded_number_of_names(server: StoreServer) -> None:
    for _ in range(120):
        put_claim(server, state="completed")
    listing = at_desk(server, lambda desk: desk.list(limit=1), most_names=60)
    assert (listing.claims, listing.complete) == ([], False)


def test_what_is_not_a_claim_is_skipped_and_counted(server: StoreServer) -> None:
    mine = put_claim(server)
    put_claim(server, payload="not a digest")
    server.ask("SET", NAME, "a string under a claim's name")
    server.ask("SET", "ucp1:{x}:claim:y", "another name, which is not even read")

    listing = listed(server)

    assert ids(listing) == {mine}
    assert listing.skipped == 2


@pytest.mark.parametrize("asked", [{"states": ("lost",)}, {"limit": 0}, {"limit": MOST_CLAIMS + 1}])
def test_a_listing_of_what_is_not_is_refused(server: StoreServer, asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="limit is 1 to 1000"):
        listed(server, **asked)


# One claim


def test_one_claim_is_shown_without_its_answer(server: StoreServer) -> None:
    claim = put_claim(server, again="1")
    server.ask("SET", claim_name(claim).replace(b":claim:", b":answer:"), "the answer itself")

    record = at_desk(server, lambda desk: desk.show(claim))
    shown = record.as_json()

    assert shown["claim"] == claim
    assert (shown["merchant"], shown["operation"]) == ("shop", "create_checkout")
    assert (shown["identity"], shown["audit_id"]) == (IDENTITY, AUDIT_ID)
    assert (shown["token"], shown["payload"]) == (TOKEN, PAYLOAD.hex())
    assert (shown["state"], shown["again"], shown["note"]) == ("unknown", True, None)
    assert "the answer itself" not in json.dumps(shown)


@pytest.mark.parametrize("text", ["no id", f"{'a' * 32}.{'b' * 64}", f"{'c' * 32}.{'d' * 64}"])
def test_there_is_no_claim_where_something_else_stands(server: StoreServer, text: str) -> None:
    server.ask("SET", NAME, "a string under a claim's name")
    assert at_desk(server, lambda desk: desk.show(text)) is None


# Resolving


def test_an_executed_write_is_never_sent_again(server: StoreServer) -> None:
    claim = put_claim(server)

    resolution = resolved(server, claim)

    assert resolution.word == "done"
    fields = fields_of(server, claim)
    assert (fields[b"state"], fields[b"token"]) == (b"completed", b"")
    note = json.loads(fields[b"note"])
    assert (note["outcome"], note["by"]) == ("executed", "ada")
    assert note["audit_id"] == resolution.audit_id
    kept = server.ask("PTTL", claim_name(claim)) / 1000
    assert KEEP + TOMBSTONE - 60 < kept <= KEEP + TOMBSTONE


def test_a_write_that_was_not_executed_may_be_sent_again(server: StoreServer) -> None:
    claim = put_claim(server)

    assert resolved(server, claim, "not_executed").word == "done"

    assert fields_of(server, claim)[b"state"] == b"released"
    assert KEEP - 60 < server.ask("PTTL", claim_name(claim)) / 1000 <= KEEP
    record = at_desk(server, lambda desk: desk.show(claim))
    assert record.note["reason"] == "seen in the order system"


def test_the_nonce_of_a_write_that_was_not_executed_is_forgotten(server: StoreServer) -> None:
    slot = "a" * 32
    once = f"ucp1:{{{slot}}}:nonce:{'e' * 64}"
    server.ask("SET", once, TOKEN)
    server.ask("HSET", NAME, "state", "unknown", "payload", PAYLOAD, "renewed", "1", "once", once)
    assert resolved(server, claim_id(NAME), "not_executed").word == "done"
    assert server.ask("EXISTS", once) == 0


def test_a_claim_whose_lease_runs_is_not_resolved(server: StoreServer) -> None:
    claim = put_claim(server, state="claimed", renewed_ago=1)
    resolution = resolved(server, claim)
    assert resolution.word == "live"
    assert "lease runs" in resolution.explanation
    assert fields_of(server, claim)[b"state"] == b"claimed"


def test_not_executed_waits_for_two_leases_of_quiet_and_executed_does_not(
    server: StoreServer,
) -> None:
    claim = put_claim(server, state="claimed", renewed_ago=15)
    resolution = resolved(server, claim, "not_executed")
    assert resolution.word == "early"
    assert 0 < resolution.wait <= 5
    assert resolution.explanation.endswith(" s")
    assert resolved(server, claim, "executed").word == "done"


def test_what_is_said_of_one_attempt_holds_for_no_other(server: StoreServer) -> None:
    claim = put_claim(server)
    other = TOKEN[::-1]
    for outcome in ("executed", "not_executed"):

        def say(desk: ClaimDesk, outcome: str = outcome) -> Awaitable[Resolution]:
            return desk.resolve(claim, outcome, "ada", "looked for it", token=other)

        told = at_desk(server, say)
        assert told.word == "changed"
        assert told.explanation == "it is another attempt by now: look again"
    assert fields_of(server, claim)[b"state"] == b"unknown"
    told = at_desk(server, lambda desk: desk.resolve(claim, "executed", "ada", "it", token=TOKEN))
    assert told.word == "done"


def test_an_attempt_that_begins_while_an_operator_speaks_is_not_resolved(
    server: StoreServer,
) -> None:
    claim = put_claim(server)

    async def say(desk: ClaimDesk) -> Resolution:
        before = await desk.show(claim)
        assert before is not None
        server.ask("HSET", claim_name(claim), "token", "f" * 32)
        word, _ = await desk._settle(before, "not_executed", "{}", "")
        assert word == "changed"
        return await desk.resolve(claim, "executed", "ada", "looked again")

    assert at_desk(server, say).word == "done"


def test_nothing_is_resolved_twice(server: StoreServer) -> None:
    claim = put_claim(server)
    first = resolved(server, claim)
    again = resolved(server, claim, "not_executed")
    assert (again.word, again.explanation) == (
        "settled",
        "there is nothing to resolve: it is completed",
    )
    assert json.loads(fields_of(server, claim)[b"note"])["audit_id"] == first.audit_id


@pytest.mark.parametrize("text", ["no id", f"{'c' * 32}.{'d' * 64}"])
def test_there_is_nothing_to_resolve_where_there_is_no_claim(
    server: StoreServer, text: str
) -> None:
    assert resolved(server, text).word == "absent"
    assert server.ask("DBSIZE") == 0


@pytest.mark.parametrize(
    ("outcome", "by", "reason"),
    [
        ("perhaps", "ada", "a reason"),
        ("executed", "", "a reason"),
        ("executed", "a" * 101, "a reason"),
        ("executed", "ada", "  "),
        ("executed", "ada", "two\nlines"),
        ("executed", "ada", "\x1b[2J"),
        ("executed", "ada", "r" * 501),
    ],
)
def test_a_resolution_says_who_and_why_in_one_line(
    server: StoreServer, outcome: str, by: str, reason: str
) -> None:
    claim = put_claim(server)
    with pytest.raises(ValueError, match="is "):
        at_desk(server, lambda desk: desk.resolve(claim, outcome, by, reason))
    assert fields_of(server, claim)[b"state"] == b"unknown"


def test_a_resolution_leaves_a_decision_line(server: StoreServer) -> None:
    claim = put_claim(server, state="claimed")
    resolution = resolved(server, claim)
    line = resolution.line()
    said = json.loads(line)
    assert line.endswith("}\n")
    assert said.pop("time").endswith("Z")
    assert said == {
        "audit_id": resolution.audit_id,
        "merchant": "shop",
        "operation": "create_checkout",
        "decision": "resolve",
        "claim": claim,
        "outcome": "executed",
        "by": "ada",
        "reason": "seen in the order system",
        "before": "unknown",
    }


def test_what_an_operator_says_cannot_end_the_decision_line() -> None:
    line = resolution_line(
        0.0, "id", "m", "o", claim="c", outcome="executed", by='"\n', reason="é\x00", before="x"
    )
    assert line.count("\n") == 1
    assert json.loads(line)["by"] == '"\n'
    assert line.isascii()


# With the scripts of requests


def test_a_claim_of_the_admission_is_found_and_its_old_owner_refused(server: StoreServer) -> None:
    token, answer = TOKEN.encode(), NAME.replace(b":claim:", b":answer:")
    rates = [b"ucp1:{%b}:rate:%b" % (b"a" * 32, each * 64) for each in (b"1", b"2")]
    about = json.dumps({"merchant": "shop", "operation": "create_checkout"}).encode()
    admit: Sequence[bytes] = (
        *(b"write", b"1", b"0", b"0", b"", b"0", token),
        *(b"0", b"0", PAYLOAD, b"1", b"0", about),
    )

    async def act(client: StoreClient) -> None:
        desk = ClaimDesk(client, keep=KEEP, tombstone=TOMBSTONE, quiet=0.0)
        reply = await client.run(ADMIT, (*rates, NAME, answer), admit)
        assert reply[0] == b"claimed"
        (record,) = (await desk.list(limit=10)).claims
        assert (record.token, record.lapsed, record.merchant) == (TOKEN, True, "shop")

        resolution = await desk.resolve(record.claim_id, "not_executed", "ada", "no such order")
        assert resolution.word == "done"

        late = (b"completed", token, PAYLOAD, b"", b"an answer", b"1000", b"1000", b"")
        assert (await client.run(SETTLE, (NAME, answer), late))[0] == b"stale"
        assert (await client.run(ADMIT, (*rates, NAME, answer), admit))[0] == b"claimed"

    with_client(server, act)


# The store's failures


class Unsteady:
    """A client whose reply to a resolution is lost; ``before`` says when."""

    def __init__(self, client: StoreClient, *, before: bool, again: bool = False) -> None:
        self._client = client
        self._before = before
        self._again = again
        self.fields = client.fields
        self.scan = client.scan

    async def run(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        if not self._before:
            await self._client.run(script, keys, arguments)
        if self._again:
            return await self._client.run(script, keys, arguments)
        raise StoreUnavailable("The store did not reply.", applied=True)


def resolve_unsteadily(server: StoreServer, claim: str, **options: bool) -> Resolution:
    async def run(client: StoreClient) -> Resolution:
        unsteady: Any = Unsteady(client, **options)
        desk = ClaimDesk(unsteady, keep=KEEP, tombstone=TOMBSTONE)
        return await desk.resolve(claim, "executed", "ada", "seen")

    resolution: Resolution = with_client(server, run)
    return resolution


def test_a_resolution_whose_reply_was_lost_is_told_by_its_note(server: StoreServer) -> None:
    assert resolve_unsteadily(server, put_claim(server), before=False).word == "done"


def test_a_resolution_that_ran_twice_is_done_and_not_settled(server: StoreServer) -> None:
    claim = put_claim(server)
    assert resolve_unsteadily(server, claim, before=False, again=True).word == "done"


def test_a_resolution_that_never_arrived_is_not_done(server: StoreServer) -> None:
    claim = put_claim(server)
    with pytest.raises(StoreUnavailable):
        resolve_unsteadily(server, claim, before=True)
    assert fields_of(server, claim)[b"state"] == b"unknown"


def test_without_a_store_nothing_is_listed_or_shown(server: StoreServer) -> None:
    claim = put_claim(server)

    async def act(client: StoreClient) -> None:
        desk = ClaimDesk(client, keep=KEEP, tombstone=TOMBSTONE, now=time.time)
        await client.aclose()
        with pytest.raises(StoreUnavailable):
            await desk.list(limit=1)
        with pytest.raises(StoreUnavailable):
            await desk.show(claim)

    with_client(server, act)
