from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.egress.addresses import forbidden, is_loopback, special_use

SPECIAL = [
    "0.0.0.0",  # noqa: S104 - an address to judge, nothing is bound
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.0",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.254",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.216.34",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::5db8:d822",
    "64:ff9b:1::a00:1",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:0:5ef5:79fd:0:0:0:1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:5db8:d822::1",
    "2620:4f:8000::1",
    "3ffe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    # Space that IANA has not given out.
    "1::1",
    "200::1",
    "4000::1",
    "8000::1",
    "fe00::1",
    "::1:0:0:0",
]

ORDINARY = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:2800:220:1::1",
    "2a00:1450::1",
    "2003::1",
]


@pytest.mark.parametrize("text", SPECIAL)
def test_a_special_use_address_is_named_with_its_rfc(text: str) -> None:
    assert "RFC" in (special_use(ip_address(text)) or "")


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_public_address_is_none(text: str) -> None:
    assert special_use(ip_address(text)) is None


@pytest.mark.parametrize("embedding", ["::ffff:0:0", "64:ff9b::", "::", "::ffff:0:0:0"])
@given(inner=st.integers(0, 2**32 - 1))
def test_an_address_with_an_ipv4_address_in_it_is_special_use_whatever_it_carries(
    embedding: str, inner: int
) -> None:
    assert special_use(IPv6Address(int(IPv6Address(embedding)) + inner)) is not None


@given(inner=st.integers(0, 2**32 - 1), rest=st.integers(0, 2**80 - 1))
def test_6to4_is_special_use_whatever_it_carries(inner: int, rest: int) -> None:
    assert special_use(IPv6Address((0x2002 << 112) | (inner << 80) | rest)) is not None


@given(st.integers(0, 2**128 - 1))
def test_outside_global_unicast_everything_is_special_use(value: int) -> None:
    address = IPv6Address(value)
    assert special_use(address) is not None or value >> 125 == 0b001


def test_a_scoped_address_is_special_use() -> None:
    assert special_use(IPv6Address("2606:2800:220:1::1%2")) is not None


def test_only_the_two_plain_forms_are_loopback() -> None:
    texts = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::7f00:1", "10.0.0.1", "::"]
    assert [is_loopback(ip_address(text)) for text in texts] == [
        True,
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_the_loopback_switch_admits_loopback_and_nothing_else() -> None:
    admitted = [text for text in SPECIAL if not forbidden(ip_address(text), allow_loopback=True)]
    assert admitted == ["127.0.0.1", "127.255.255.255", "::1"]


def test_without_the_switch_loopback_is_forbidden() -> None:
    assert forbidden(IPv4Address("127.0.0.1"), allow_loopback=False) is not None
