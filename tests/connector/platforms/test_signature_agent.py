"""Signature-Agent as a dictionary of typed URLs."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.egress.urls import DocumentKind
from connector.errors import Refusal
from connector.platforms.key_directory import DIRECTORY_PATH
from connector.platforms.signature_agent import MAX_OCTETS, read_signature_agent

URL = "https://agent.example"


def refusal(*lines: bytes) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        read_signature_agent(lines, "sig1")
    assert caught.value.explanation
    return caught.value.code.name, caught.value.reason


@pytest.mark.parametrize(
    ("value", "url", "document", "kind"),
    [
        (f'sig1="{URL}"', URL, URL + DIRECTORY_PATH, "directory"),
        (f'sig1="{URL}/";type=directory', f"{URL}/", URL + DIRECTORY_PATH, "directory"),
        (f'sig1="{URL}/ucp";type=jwks_uri', f"{URL}/ucp", f"{URL}/ucp", "jwks_uri"),
        (f'sig1="{URL}/card";type=cimd', f"{URL}/card", f"{URL}/card", "cimd"),
        (
            'other=7, sig1="HTTPS://AGENT.example:443/Card";x=1;type=cimd;y',
            f"{URL}/Card",
            f"{URL}/Card",
            "cimd",
        ),
    ],
)
def test_a_member_is_a_url_and_what_is_there(
    value: str, url: str, document: str, kind: str
) -> None:
    member = read_signature_agent([value.encode()], "sig1")
    assert member.url.url == url
    assert (member.document.location, member.document.kind) == (document, DocumentKind(kind))


def test_lines_are_one_dictionary_and_each_label_has_its_own_member() -> None:
    lines = [b'a="https://a.example/";type=jwks_uri', b'b="https://b.example/";type=jwks_uri']
    assert read_signature_agent(lines, "a").url.url == "https://a.example/"
    assert read_signature_agent(lines, "b").url.url == "https://b.example/"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (f'"{URL}"', "string"),
        (f' "{URL}";type=directory', "string"),
        (f'"{URL}", sig1="{URL}"', "string"),
        (URL, "malformed"),
        (f'sig1="{URL}', "malformed"),
        (f'sig1="{URL}", sig1="{URL}"', "malformed"),
        ("", "member_missing"),
        (f'sig2="{URL}"', "member_missing"),
        ("sig1", "not_a_string"),
        (f'sig1=("{URL}")', "not_a_string"),
        ("sig1=:AAAA:", "not_a_string"),
        (f'sig1=%"{URL}"', "not_a_string"),
        (f'sig1="{URL}";type="directory"', "type"),
        (f'sig1="{URL}";type', "type"),
        (f'sig1="{URL}";type=profile', "type"),
        (f'sig1="{URL}";type=Directory', "type"),
        (f'sig1="{URL}";type=x509', "type"),
        (f'sig1="{URL}/path"', "not_an_origin"),
        (f'sig1="{URL}?"', "not_an_origin"),
        (f'sig1="{URL}{DIRECTORY_PATH}";type=directory', "not_an_origin"),
    ],
)
def test_what_is_no_such_member_is_refused(value: str, reason: str) -> None:
    assert refusal(value.encode()) == ("signature_invalid", f"signature_agent_{reason}")


@pytest.mark.parametrize(
    "url",
    [
        "http://agent.example",
        "data:application/json,%7B%7D",
        "https://10.0.0.1",
        "https://localhost@agent.example",
        "https://agent.example/#x",
    ],
)
def test_a_url_is_judged_like_that_of_a_profile(url: str) -> None:
    refused = refusal(f'sig1="{url}";type=jwks_uri'.encode())
    assert refused == ("invalid_profile_url", "signature_agent_url")


def test_a_longer_header_is_not_read() -> None:
    lines = [b"a=1", b"b=" + b"1" * MAX_OCTETS]
    assert refusal(*lines) == ("signature_invalid", "signature_agent_too_long")


@given(st.binary(max_size=80))
def test_any_octets_are_read_or_refused(value: bytes) -> None:
    with contextlib.suppress(Refusal):
        assert read_signature_agent([b"sig1=" + value], "sig1").url.scheme == "https"
