import pytest

from connector.errors import Refusal
from connector.ingress.authority import AuthorityTable

ENTRIES = [
    ("Shop.Example.com", "flowers", "https"),
    ("cakes.example:443", "cakes", "https"),
    ("plain.example", "plain", "http"),
    ("shop.example.com:8443", "test", "https"),
    ("[2001:db8::1]", "six", "https"),
]


def merchant(host: bytes) -> str:
    found = AuthorityTable(ENTRIES).resolve({b"host": [host]}, trusted=False)
    assert found.forwarded is None
    return found.merchant


def refused(table: AuthorityTable, index: dict[bytes, list[bytes]], *, trusted: bool) -> str:
    with pytest.raises(Refusal) as caught:
        table.resolve(index, trusted=trusted)
    return caught.value.code.name


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"shop.example.com", "flowers"),
        (b"shop.example.com:443", "flowers"),
        (b"SHOP.example.COM:443", "flowers"),
        (b"cakes.example", "cakes"),
        (b"cakes.example:443", "cakes"),
        (b"plain.example:80", "plain"),
        (b"shop.example.com:8443", "test"),
        (b"[2001:DB8::1]:443", "six"),
    ],
)
def test_case_and_the_default_port_of_the_scheme_make_no_difference(
    host: bytes, expected: str
) -> None:
    assert merchant(host) == expected


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"shop.example.com:80",
        b"shop.example.com:0443",
        b"shop.example.com.",
        b"plain.example:443",
        b"xshop.example.com",
        b"127.0.0.1",
    ],
)
def test_another_authority_is_unknown(host: bytes) -> None:
    assert refused(AuthorityTable(ENTRIES), {b"host": [host]}, trusted=True) == "unknown_authority"


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"user@shop.example.com",
        b"shop.example.com/",
        b"shop.example.com, evil.example",
        b"shop.example.com evil.example",
        b"shop.example.com:",
        b"shop.example.com:44x",
        b"https://shop.example.com",
        b"shop.example.com?x",
        b"shop.example.com#",
        b"shop.example.com\\",
        b"shop.example.com:443:443",
        b"shop%2eexample.com",
        "\u212aelvin.example".encode(),
        b"[::1",
    ],
)
def test_what_is_no_authority_is_malformed(host: bytes) -> None:
    assert refused(AuthorityTable(ENTRIES), {b"host": [host]}, trusted=True) == "malformed_request"


def test_a_forwarded_host_counts_only_where_configured_and_from_a_trusted_proxy() -> None:
    index = {b"host": [b"10.0.0.1"], b"x-forwarded-host": [b"Shop.example.com"]}
    assert refused(AuthorityTable(ENTRIES), index, trusted=True) == "unknown_authority"
    table = AuthorityTable(ENTRIES, source="x-forwarded-host")
    assert refused(table, index, trusted=False) == "unknown_authority"
    found = table.resolve(index, trusted=True)
    assert found == ("flowers", "https", "Shop.example.com")


@pytest.mark.parametrize("values", [[], [b"shop.example.com"] * 2, [b"shop.example.com, a"], [b""]])
def test_a_proxy_that_is_asked_has_to_name_one_host(values: list[bytes]) -> None:
    index = {b"host": [b"shop.example.com"]} | ({b"x-forwarded-host": values} if values else {})
    table = AuthorityTable(ENTRIES, source="x-forwarded-host")
    assert refused(table, index, trusted=True) == "malformed_request"


@pytest.mark.parametrize(
    "entries",
    [
        [("shop.example.com", "a", "https"), ("SHOP.example.com:443", "b", "https")],
        [("shop.example.com", "a", "https"), ("shop.example.com", "a", "https")],
        [("https://shop.example.com", "a", "https")],
        [("", "a", "https")],
    ],
)
def test_a_table_that_makes_no_sense_is_refused_at_start(
    entries: list[tuple[str, str, str]],
) -> None:
    with pytest.raises(ValueError, match="authority"):
        AuthorityTable(entries)


def test_an_unknown_source_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="authority_from"):
        AuthorityTable(ENTRIES, source="forwarded")
