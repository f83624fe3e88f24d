"""Where documents and merchants are found on loopback."""

from __future__ import annotations

from typing import Any, Final

import pytest

from connector.diagnosis.vectors import Case, Document, Reject, Repair, VectorFile, WireRequest
from connector.diagnosis.wire.places import Surroundings

PORT: Final = 4711
PROFILE: Final = "https://platform.example/.well-known/ucp"
QUERY: Final = "https://query.example/ucp?v=1"
GOOD: Final = Document(b"{}", 200, None)
REQUEST: Final = WireRequest("GET", "/", "https", [], b"")


def case(**members: Any) -> Case:
    return Case(
        **{
            "id": "one",
            "description": "",
            "rule": "",
            "settings": {},
            "now": 0,
            "request": REQUEST,
            "expect": Reject("signature_invalid", None),
            **members,
        }
    )


def around(*documents: tuple[str, Document], **members: Any) -> Surroundings:
    given = dict(documents or [(PROFILE, GOOD), (QUERY, GOOD)])
    return Surroundings(VectorFile("", "", {}, given, ()), case(**members), PORT)


def origin(surroundings: Surroundings, url: str = PROFILE) -> str:
    return surroundings.places[url].origin.partition("://")[2]


def test_a_place_is_an_address_of_this_machine_and_follows_from_the_case() -> None:
    place = around().places[PROFILE]
    assert place.address.startswith("127.")
    assert place.url == f"http://{place.address}:{PORT}/.well-known/ucp"
    assert place == around().places[PROFILE]
    assert place.url != around(id="two").places[PROFILE].url


def test_a_query_stays_part_of_the_url() -> None:
    assert around().places[QUERY].target == "/ucp?v=1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PROFILE, "http://{0}/.well-known/ucp"),
        ("HTTPS://PLATFORM.EXAMPLE/.well-known/ucp", "HTTP://{0}/.well-known/ucp"),
        ("https://platform.example:443/.well-known/ucp", "http://{0}/.well-known/ucp"),
        # What is wrong with a URL stays wrong with it, and would lead to the document.
        (f"{PROFILE}#x", "http://{0}/.well-known/ucp#x"),
        (f"{PROFILE}/", "http://{0}/.well-known/ucp/"),
        (f"{PROFILE} x", "http://{0}/.well-known/ucp x"),
        ("https://platform.example/.WELL-known/ucp", "http://{0}/.WELL-known/ucp"),
        ("https://a:b@platform.example/", "http://a:b@{0}/"),
        ("//platform.example/.well-known/ucp", "//{0}/.well-known/ucp"),
        ("ftp://platform.example/", "ftp://{0}/"),
        (r"https:\\platform.example\ucp", r"http:\\{0}\ucp"),
        # Nothing of the file's.
        ("https://elsewhere.example/.well-known/ucp", None),
        ("https://platform.example./.well-known/ucp", None),
        ("https://-platform.example/.well-known/ucp", None),
        # On loopback it would be right.
        ("http://platform.example/.well-known/ucp", None),
    ],
)
def test_urls_lead_to_loopback_as_they_are_spelled(text: str, expected: str | None) -> None:
    surroundings = around()
    wanted = text if expected is None else expected.format(origin(surroundings))
    for frame in ('profile="{}"', "profile={}", "({})", "a\n{}\nb", '{{"profile": "{}"}}'):
        moved = surroundings.with_documents(frame.format(text))
        # Where the URL ends is not the same everywhere; what it is, is.
        assert moved == frame.format(wanted)


def test_another_port_stays_another_port() -> None:
    surroundings = around()
    address = surroundings.places[PROFILE].address
    moved = surroundings.with_documents("https://platform.example:8443/.well-known/ucp")
    assert moved == f"http://{address}:8443/.well-known/ucp"


def test_documents_of_one_host_keep_their_own_places() -> None:
    other = "https://platform.example/other"
    surroundings = around((PROFILE, GOOD), (other, GOOD))
    assert surroundings.with_documents(other) == surroundings.places[other].url
    assert surroundings.places[other].address != surroundings.places[PROFILE].address


@pytest.mark.parametrize(
    ("error", "beginning"),
    [
        ("timeout", "http://127."),
        ("connection", "http://127."),
        ("tls", "https://127."),
        ("special_use", "https://10.0.0.1/"),
    ],
)
def test_what_goes_wrong_decides_where_the_place_is(error: str, beginning: str) -> None:
    surroundings = around((PROFILE, Document(None, 0, error)))
    assert surroundings.with_documents(PROFILE).startswith(beginning)


def test_a_name_without_an_address_stays_a_name() -> None:
    surroundings = around((PROFILE, Document(None, 0, "unresolvable")))
    assert surroundings.with_documents(PROFILE) == PROFILE


def test_a_pinned_profile_is_not_moved() -> None:
    registered = [{"profile": PROFILE, "keys": [{}], "version": "2026-08-25"}]
    surroundings = around(settings={"platforms": {"registered": registered}})
    assert surroundings.with_documents(PROFILE) == PROFILE


def test_the_document_behind_a_fault_is_the_repair() -> None:
    path = "/documents/https:~1~1platform.example~1.well-known~1ucp"
    repair = Repair("replace", path, {"json": {"good": True}})
    fault = (PROFILE, Document(None, 503, None))
    assert around(fault, repair=repair).places[PROFILE].behind == b'{"good": true}'
    assert around(fault, repair=repair._replace(path="/now")).places[PROFILE].behind == b""
    assert around(fault).places[PROFILE].behind == b""


def test_settings_have_an_authority_of_their_own() -> None:
    usual, other = around(), around(settings={"versions": ["2026-08-25"]})
    assert usual.with_authority("Shop.example.com:443") == "Shop.example.com:443"
    assert other.with_authority("Shop.example.com:443") == f"{other.label}Shop.example.com:443"
    assert other.label == around(settings={"versions": ["2026-08-25"]}, id="two").label


def test_a_registered_profile_is_where_the_case_has_it() -> None:
    registered = [{"profile": PROFILE, "schemes": ["rfc9421"]}]
    surroundings = around(settings={"platforms": {"registered": registered}})
    (moved,) = surroundings.settings["platforms"]["registered"]
    assert moved["profile"] == surroundings.places[PROFILE].url


def test_the_endpoint_is_that_of_the_settings() -> None:
    assert around().endpoint == ""
    assert around(settings={"endpoints": {"rest": "/ucp/v1"}}).endpoint == "/ucp/v1"
