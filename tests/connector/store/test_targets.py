from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.store.targets import Endpoint, Target, parse_target

PLAIN = Endpoint("h", 6379, None, None, None, 0, tls=False)
SECRET, COLONS, UMLAUT, OTHER = "s3cr3t/@", "a:b", "päss", "other!"
ENCODED = "s3cr3t%2F%40"


def single(**fields: object) -> Target:
    return Target("single", (PLAIN._replace(**fields),))  # type: ignore[arg-type]  # a table's row


def cluster(*endpoints: Endpoint) -> Target:
    return Target("cluster", endpoints)


def sentinels(*addresses: tuple[str, int], **fields: object) -> tuple[Endpoint, ...]:
    return tuple(
        PLAIN._replace(host=host, port=port)._replace(**fields)  # type: ignore[arg-type]  # a row
        for host, port in addresses
    )


NOWHERE = PLAIN._replace(host="", port=0)

GOOD = {
    "embedded:": Target("embedded", ()),
    "redis://h": single(),
    "REDIS://h": single(),
    "redis://h/": single(),
    "redis://h:7000/3": single(port=7000, database=3),
    "redis://store_1.internal-net:1": single(host="store_1.internal-net", port=1),
    "redis://[::1]": single(host="::1"),
    "redis://[2001:db8::2]:7000/1": single(host="2001:db8::2", port=7000, database=1),
    f"redis://:{ENCODED}@h": single(password=SECRET),
    f"redis://gate%3Away:{ENCODED}@h": single(username="gate:way", password=SECRET),
    "redis://gateway:a:b@h": single(username="gateway", password=COLONS),
    "redis://gateway@h": single(username="gateway", password=""),
    "redis://gateway:@h": single(username="gateway", password=""),
    "redis://@h": single(),
    "redis://:@h": single(),
    "redis://:p%C3%A4ss@h": single(password=UMLAUT),
    "rediss://h": single(tls=True),
    "unix:///run/store.sock": single(host="", port=0, path="/run/store.sock"),
    f"unix://gateway:{ENCODED}@/run/a%20b?db=2": single(
        host="", port=0, path="/run/a b", username="gateway", password=SECRET, database=2
    ),
    "redis+sentinel://a/shop": Target("sentinel", sentinels(("a", 26379)), "shop", NOWHERE),
    f"redis+sentinel://gateway:{ENCODED}@a:1,[::1]:2,b/shop/4"
    "?tls=true&sentinel_username=asker&sentinel_password=other%21": Target(
        "sentinel",
        sentinels(("a", 1), ("::1", 2), ("b", 26379), username="asker", password=OTHER, tls=True),
        "shop",
        NOWHERE._replace(username="gateway", password=SECRET, database=4, tls=True),
    ),
    "redis+sentinel://a/shop?sentinel_password=other%21": Target(
        "sentinel", sentinels(("a", 26379), password=OTHER), "shop", NOWHERE
    ),
    "redis+cluster://h": cluster(PLAIN),
    f"redis+cluster://gateway:{ENCODED}@h,[::1]:7001/?tls=true": cluster(
        PLAIN._replace(username="gateway", password=SECRET, tls=True),
        Endpoint("::1", 7001, None, "gateway", SECRET, 0, tls=True),
    ),
    "redis+cluster://a:1,b:2?tls=false": cluster(
        PLAIN._replace(host="a", port=1), PLAIN._replace(host="b", port=2)
    ),
}

BAD = {
    "": "begins with one of",
    "h:6379": "begins with one of",
    "http://h": "begins with one of",
    "embedded:/data": "nothing follows",
    "redis:h": "// follows",
    "redis://": "lacks a host",
    "redis:///0": "lacks a host",
    "redis://a,b": "lacks a host",
    "redis://-h": "lacks a host",
    "redis://h:": "a port",
    "redis://h:0": "a port",
    "redis://h:65536": "a port",
    "redis://h:+1": "a port",
    "redis://h:1:2": "a port",
    "redis://[::1]6379": "a port",
    "redis://[::1": "no IPv6 address",
    "redis://[h]": "no IPv6 address",
    "redis://[fe80::1%25eth0]": "no IPv6 address",
    "redis://h/x": "the database",
    "redis://h/-1": "the database",
    "redis://h/0/1": "the database",
    "redis://h?db=1": "known here: none",
    "redis://h?tls=true": "known here: none",
    "redis://h#1": "no fragment",
    "redis://:pass word@h": "printable ASCII",
    "redis://:päss@h": "printable ASCII",
    "redis://h\n": "printable ASCII",
    f"redis://:{SECRET}h": "one @",
    "redis://gateway:26379/s3cr3t@h": "one @",
    "redis://gateway:26379?s3cr3t@h": "one @",
    "redis://:s3cr3t@x@h": "one @",
    "redis://:s3cr3t%@h": "hexadecimal",
    "redis://:s3cr3t%zz@h": "hexadecimal",
    "redis://:s3cr3t%ff@h": "UTF-8",
    "unix://run/store.sock": "no host",
    "unix://": "no host",
    "unix:///": "no host",
    "unix:///s?db=x": "the database",
    "unix:///s?tls=true": "known here: db",
    "redis+sentinel://a": "names the service",
    "redis+sentinel://a/": "names the service",
    "redis+sentinel://a//0": "names the service",
    "redis+sentinel:///shop": "lacks a host",
    "redis+sentinel://a,/shop": "lacks a host",
    "redis+sentinel://a,a:26379/shop": "twice",
    "redis+sentinel://a/shop/x": "the database",
    "redis+sentinel://a/shop?TLS=true": "known here: sentinel_password, sentinel_username, tls",
    "redis+sentinel://a/shop?tls=yes": "true or false",
    "redis+sentinel://a/shop?tls=true&tls=true": "twice",
    "redis+cluster://a/0": "one database",
    "redis+cluster://a?sentinel_password=s3cr3t": "known here: tls",
    "redis+cluster://a,,b": "lacks a host",
}


@pytest.mark.parametrize("url", GOOD)
def test_a_url_names_its_target(url: str) -> None:
    assert parse_target(url) == GOOD[url]


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_store_is_refused_without_a_quotation(url: str) -> None:
    with pytest.raises(ValueError, match=re.escape(BAD[url])) as refused:
        parse_target(url)
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("url", [url for url in GOOD if ENCODED in url])
def test_no_repr_shows_a_password(url: str) -> None:
    target = parse_target(url)
    shown = f"{target!r} {target} {target.endpoints!r} {target.master}"
    assert "s3cr3t" not in shown
    assert "other" not in shown


@given(st.text("redisunixsetlcmb+:/@[]%0Z9?=&,#. ü", max_size=60))
def test_whatever_is_written_is_a_target_or_a_value_error(text: str) -> None:
    for url in (text, f"redis+sentinel://{text}", f"redis://{text}", f"unix://{text}"):
        try:
            target = parse_target(url)
        except ValueError:
            continue
        assert target.kind == "embedded" or target.endpoints
