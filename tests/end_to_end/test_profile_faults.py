"""What profile servers and our own resolver do wrong: each has its code, and an end."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import pytest

from tests.connector.upstream.certificates import Authority
from tests.end_to_end.client import HOST
from tests.end_to_end.fleet import ZONE, running_fleet
from tests.end_to_end.platform import ORDERS, Platform
from tests.end_to_end.raw_server import Behaviour, RawServer, Seen, Visit, answer
from tests.end_to_end.refusals import refused
from tests.store_servers import running_server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from tests.end_to_end.fleet import Fleet
    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

PATH: Final = "/.well-known/ucp"
BEFORE: Final = f"{ORDERS}/before"


class Certificates:
    """What a profile server may show: the right certificate, and wrong ones."""

    def __init__(self, folder: Path) -> None:
        ours, other = folder / "ours", folder / "other"
        ours.mkdir()
        other.mkdir()
        trusted = Authority(ours)
        self.authority = ours / "authority.pem"
        self.right = trusted.server(HOST)
        self.of_another_name = trusted.server("another.example")
        self.of_another_authority = Authority(other).server(HOST)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def fleet(
    module_merchant: Merchant,
    platform: Platform,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    shop = module_merchant.settings(platforms={"registered": [platform.registration()]})
    discovery = {"connect_timeout": "3s", "timeout": "3s"}
    with (
        TemporaryDirectory(prefix="f-") as name,
        running_server(Path(name)) as store,
        running_fleet(
            tmp_path_factory.mktemp("faults"),
            store,
            shop,
            count=1,
            trusting=certificates.authority,
            discovery=discovery,
        ) as running,
    ):
        yield running


@pytest.fixture
def gateway(fleet: Fleet) -> RunningGateway:
    return fleet.gateways[0]


@pytest.fixture
def host(certificates: Certificates) -> Iterator[RawServer]:
    with RawServer() as running:
        running.tls = certificates.right
        yield running


def stranger_at(host: RawServer, name: str = HOST) -> Platform:
    scheme = "https" if host.tls else "http"
    stranger = Platform(f"{scheme}://{name}:{host.port}{PATH}", "stranger-2026")
    host.default = answer(stranger.profile(), "200 OK", ("Cache-Control", "max-age=60"))
    return stranger


def _slow(visit: Visit, _: Seen) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _number in range(1000):
        visit.say(b" ")
        if visit.has_ended_within(0.05):
            return


def _endless(visit: Visit, _: Seen) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    # Until the other side has gone.
    while True:
        visit.say(b"1000\r\n" + b" " * 0x1000 + b"\r\n")


def _silent(visit: Visit, _: Seen) -> None:
    visit.wait_for_end()


def _reset(visit: Visit, _: Seen) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    visit.reset()


FAULTS: Final[dict[str, tuple[str, Behaviour]]] = {
    "500": ("profile_unreachable", answer(b"{}", "500 Internal Server Error")),
    "503": ("profile_unreachable", answer(b"{}", "503 Service Unavailable", ("Retry-After", "9"))),
    "slow bytes": ("profile_unreachable", _slow),
    "silence": ("profile_unreachable", _silent),
    "an endless body": ("profile_unreachable", _endless),
    "a reset": ("profile_unreachable", _reset),
    "a redirect": ("profile_unreachable", answer(b"", "302 Found", ("Location", "/elsewhere"))),
    "wrong JSON": ("profile_malformed", answer(b'{"ucp": {"version": "2026-08-25"}, "keys": [')),
    "another document": ("profile_malformed", answer(b'{"ucp": {}, "keys": []}')),
}


def check_fault(
    fleet: Fleet, merchant: Merchant, known: Platform, stranger: Platform, code: str
) -> None:
    """Have a platform refused while its server is at fault; known ones are not."""
    (gateway,) = fleet.gateways
    merchant.forget()
    refused(gateway, merchant, known, stranger.signed(target=BEFORE), code)
    merchant.forget()
    # Answered from memory for a while, and not for ever.
    refused(gateway, merchant, known, stranger.signed(target=BEFORE), code)
    assert BEFORE not in [seen.target.decode() for seen in merchant.requests]


def check_recovery(fleet: Fleet, merchant: Merchant, stranger: Platform) -> None:
    """Have a platform served once its server is well and its back-off is over."""
    merchant.forget()
    fleet.pass_time(61)
    assert fleet.gateways[0].ask(stranger.signed().wire()).status == 200
    assert [seen.values("UCP-Verified-Identity") for seen in merchant.requests] == [
        [stranger.profile_url]
    ]


@pytest.mark.parametrize("name", FAULTS)
def test_a_known_platforms_server_fails_and_recovers(
    name: str, fleet: Fleet, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    code, fault = FAULTS[name]
    stranger = stranger_at(host)
    well = host.default
    assert fleet.gateways[0].ask(stranger.signed().wire()).status == 200
    fleet.pass_time(61)
    host.default = fault
    check_fault(fleet, merchant, platform, stranger, code)
    # One attempt, and nothing else of it was asked for.
    assert [seen.target for seen in host.requests] == [PATH.encode()] * 2
    host.default = well
    check_recovery(fleet, merchant, stranger)


@pytest.mark.parametrize("name", ["of_another_name", "of_another_authority"])
def test_a_wrong_certificate_is_no_profile(
    name: str,
    fleet: Fleet,
    merchant: Merchant,
    platform: Platform,
    host: RawServer,
    certificates: Certificates,
) -> None:
    stranger = stranger_at(host)
    wrong: ssl.SSLContext = getattr(certificates, name)
    host.tls = wrong
    check_fault(fleet, merchant, platform, stranger, "profile_unreachable")
    assert not host.requests
    host.tls = certificates.right
    check_recovery(fleet, merchant, stranger)


def test_a_fault_within_a_documents_life_is_nobodys_business(
    fleet: Fleet, merchant: Merchant, host: RawServer
) -> None:
    stranger = stranger_at(host)
    assert fleet.gateways[0].ask(stranger.signed().wire()).status == 200
    host.default = FAULTS["500"][1]
    fleet.pass_time(50)
    assert fleet.gateways[0].ask(stranger.signed().wire()).status == 200
    # A kid that is not there makes the gateway ask, in vain; the document stays what it was.
    unknown = Platform(stranger.profile_url, "unknown")
    assert fleet.gateways[0].ask(unknown.signed().wire()).status == 424
    assert fleet.gateways[0].ask(stranger.signed().wire()).status == 200
    assert len(host.requests) == 2
    assert len(merchant.requests) == 3


def test_a_resolver_of_ours_that_fails_is_503_and_locks_nobody_out(
    fleet: Fleet, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    with RawServer() as host:
        known, stranger = stranger_at(host, f"known{ZONE}"), stranger_at(host, f"new{ZONE}")
        both = [known.public_jwk, {**stranger.public_jwk, "kid": "other"}]
        host.default = answer(known.profile(keys=both))
        stranger.jwk["kid"] = "other"
        assert gateway.ask(known.signed().wire()).status == 200
        merchant.forget()
        fleet.break_resolver()
        # Who is new has to come again; who is known is served as long as his document lives.
        refused(gateway, merchant, platform, stranger.signed(target=BEFORE), "discovery_pending")
        merchant.forget()
        assert gateway.ask(known.signed().wire()).status == 200
        fleet.pass_time(61)
        merchant.forget()
        refused(gateway, merchant, platform, known.signed(target=BEFORE), "discovery_pending")
        fleet.break_resolver(broken=False)
        # Not a back-off for what was no fault of theirs: a second is all.
        fleet.pass_time(2)
        assert gateway.ask(stranger.signed().wire()).status == 200
        assert gateway.ask(known.signed().wire()).status == 200
        # Nor is a refresh spent that never left this machine.
        rotated = Platform(known.profile_url, "rotated")
        fleet.pass_time(30)
        merchant.forget()
        fleet.break_resolver()
        refused(gateway, merchant, platform, rotated.signed(target=BEFORE), "discovery_pending")
        fleet.break_resolver(broken=False)
        host.default = answer(known.profile(keys=[known.public_jwk, rotated.public_jwk]))
        fleet.pass_time(2)
        assert gateway.ask(rotated.signed().wire()).status == 200
        assert BEFORE not in [seen.target.decode() for seen in merchant.requests]
