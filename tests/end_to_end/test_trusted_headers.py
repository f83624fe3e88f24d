"""What the merchant may believe because only the connector can have said it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS, ORDERS
from tests.end_to_end.refusals import check_never_forwarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform

FORGED: Final = "forged-by-the-caller"
NAMES: Final = (
    *("UCP-Verified", "UCP-Verified-Identity", "UCP-Verified-Keyid", "UCP-Verified-Thumbprint"),
    *("UCP-Verified-Scheme", "UCP-Verified-Tier", "UCP-Verified-Version"),
    *("UCP-Verified-Operation", "UCP-Verified-Claim", "UCP-Verified-Whatever", "Audit-ID"),
    *("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"),
    *("X-Forwarded-Prefix", "X-Forwarded-User", "Forwarded", "X-Real-IP", "X-HTTP-Method"),
    *("X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"),
    *("HTTP2-Settings", "Proxy-Authorization", "Proxy-User"),
)


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    shop = module_merchant.settings(platforms={"registered": [platform.registration()]})
    with running_gateway(tmp_path_factory.mktemp("gateway"), configuration(shop)) as running:
        yield running


def _as_cgi_reads(name: str) -> str:
    """RFC 3875 section 4.1.18, and WSGI after it: both marks become the same variable."""
    return name.upper().replace("-", "_")


def _spellings(name: str) -> Iterator[str]:
    yield from dict.fromkeys((name, name.lower(), name.upper(), name.swapcase()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("signed", [False, True], ids=["beside", "covered by"])
def test_what_the_caller_says_in_our_name_is_not_heard(
    name: str, *, signed: bool, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    for spelling in _spellings(name):
        draft = platform.draft().add(spelling, FORGED).add(spelling, FORGED)
        components = ["@method", "@authority", "@path", "ucp-agent"]
        platform.sign(draft, [*components, name.lower()] if signed else components)
        assert gateway.ask(draft.wire()).status == 200
    for seen in merchant.requests:
        assert FORGED not in seen.head.decode("latin-1").replace(
            _signature_input(seen.values("Signature-Input")), ""
        )
        names = [_as_cgi_reads(each.decode()) for each, _ in seen.lines]
        assert names.count(_as_cgi_reads(name)) <= 1
        assert seen.values("UCP-Verified") == ["true"]


def _signature_input(values: list[str]) -> str:
    (value,) = values
    return value


@pytest.mark.parametrize("name", NAMES)
def test_no_other_spelling_gets_through(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    places = [at for at, mark in enumerate(name) if mark == "-"]
    for chosen in itertools.product("-_", repeat=len(places)):
        if "_" not in chosen:
            continue
        marks = dict(zip(places, chosen, strict=True))
        spelling = "".join(marks.get(at, mark) for at, mark in enumerate(name))
        answered = gateway.ask(platform.signed().add(spelling, FORGED).wire())
        assert answered.status == 400
        assert answered.document()["code"] == "malformed_request"
    check_never_forwarded(gateway, merchant, platform)


@pytest.mark.parametrize("mark", "!#$%&'*+.^`|~")
def test_no_other_mark_stands_for_the_hyphen(
    mark: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    """Some gateways turn every odd octet of a name into an underscore."""
    for name in ("UCP-Verified", "X-Forwarded-For", "Audit-ID", "Idempotency-Key"):
        spelling = name.replace("-", mark)
        answered = gateway.ask(platform.signed().add(spelling, FORGED).wire())
        assert (answered.status, answered.document()["code"]) == (400, "malformed_request")
    check_never_forwarded(gateway, merchant, platform)


def test_a_name_that_is_only_alike_goes_on(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.signed().add("X-UCP-Verified", FORGED).add("Not_Ours", FORGED)
    assert gateway.ask(draft.wire()).status == 200
    (seen,) = merchant.requests
    assert seen.values("X-UCP-Verified") == [FORGED]
    assert seen.values("Not_Ours") == [FORGED]


def test_a_pipelined_request_is_judged_by_itself(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    good, unsigned = platform.signed(), platform.draft()
    last = platform.signed(target=f"{ORDERS}/3")
    with gateway.connect() as connection:
        connection.send(good.wire() + unsigned.wire() + last.wire())
        assert [connection.answer().status for _ in range(3)] == [200, 401, 200]
    assert [seen.target.decode() for seen in merchant.requests] == [good.target, last.target]


def test_a_signature_is_not_lent_to_the_next_request(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.signed("POST", CHECKOUTS, b'{"a": 1}')
    with gateway.connect() as connection:
        assert connection.exchange(draft.wire()).status == 200
        for change in (b'{"a": 2}', b'{"b": 1}'):
            draft.body = change
            answered = connection.exchange(draft.wire())
            assert answered.document()["code"] == "digest_mismatch"
    assert len(merchant.requests) == 1
