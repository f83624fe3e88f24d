from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Refusal
from connector.platforms.agent import agent_reader, read_agent

URL = "https://platform.example/.well-known/ucp"


@pytest.mark.parametrize(
    "value",
    [
        b'profile="https://platform.example/.well-known/ucp"',
        b'name="agent";v=2, profile="HTTPS://PLATFORM.example:443/.well-known/ucp";q=1, flag',
        b' profile="https://platform.example/.well-known/ucp" ',
    ],
)
def test_the_profile_member_is_read_and_normalised(value: bytes) -> None:
    assert read_agent(value).url == URL


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "profile_missing"),
        (b'name="agent"', "profile_missing"),
        (b'Profile="https://platform.example/"', "agent_malformed"),
        (b"profile", "profile_not_a_string"),
        (b"profile=token", "profile_not_a_string"),
        (b"profile=1", "profile_not_a_string"),
        (b'profile=%"https://platform.example/"', "profile_not_a_string"),
        (b'profile=("https://platform.example/")', "profile_not_a_string"),
        (b"profile=:aHR0cHM6Ly8=:", "profile_not_a_string"),
        (b"profile=https://platform.example/", "profile_not_a_string"),
        (b'"https://platform.example/"', "agent_malformed"),
        (b'profile="https://platform.example/', "agent_malformed"),
        (b'profile="https://platform.example/",', "agent_malformed"),
        (b'profile="https://a.example/", profile="https://b.example/"', "agent_malformed"),
        (b'profile="http://platform.example/"', "scheme"),
        (b'profile="https://127.0.0.1/"', "special_use"),
        (b'profile=""', "not_a_url"),
        (b'profile="https://\xc3\xa9.example/"', "agent_malformed"),
    ],
)
def test_anything_else_is_an_invalid_profile_url(value: bytes, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_agent(value)
    assert (caught.value.code.name, caught.value.reason) == ("invalid_profile_url", reason)


def test_a_value_is_read_once_and_then_remembered() -> None:
    read = agent_reader()
    value = b'profile="https://platform.example/.well-known/ucp"'
    assert read(value) is read(value)


def test_a_long_value_is_read_but_not_remembered() -> None:
    read = agent_reader()
    value = b'profile="https://platform.example/.well-known/ucp", pad="%s"' % (b"x" * 2000)
    assert read(value).url == read(value).url == URL


def test_readers_with_and_without_the_loopback_switch_share_no_memory() -> None:
    value = b'profile="http://127.0.0.1:8183/ucp"'
    assert agent_reader(allow_loopback=True)(value).url == "http://127.0.0.1:8183/ucp"
    with pytest.raises(Refusal):
        agent_reader()(value)


@given(
    st.binary(max_size=80) | st.binary(max_size=40).map(lambda junk: b'profile="https://' + junk)
)
def test_nothing_but_a_refusal_escapes_on_arbitrary_octets(value: bytes) -> None:
    try:
        url = read_agent(value)
    except Refusal as refusal:
        assert refusal.code.name == "invalid_profile_url"  # noqa: PT017 - either way is right
    else:
        assert url.scheme == "https"
