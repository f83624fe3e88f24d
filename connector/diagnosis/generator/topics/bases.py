"""Signature bases built wrong: each negative is a good signature over what should not be signed."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from connector.diagnosis.generator.mistakes import over, over_base_with
from connector.diagnosis.generator.recipes import (
    GET,
    GET_COVERS,
    NOW,
    POST,
    POST_COVERS,
    Case,
    Recipe,
    Topic,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.diagnosis.generator.recipes import Edit

_METHOD: Final = "RFC 9421 section 2.2.1"
_AUTHORITY: Final = "RFC 9421 section 2.2.3, normalisation"
_PATH: Final = "RFC 9421 section 2.2.6"
_QUERY: Final = "RFC 9421 section 2.2.7"
_FIELDS: Final = "RFC 9421 section 2.1"
_PARAMETERS: Final = "RFC 9421 section 2.3, signature parameters"
_LINES: Final = "RFC 9421 section 2.5, lines"
_HASHING: Final = "RFC 9421 section 3.3.4"

_WRITE: Final = POST._replace(target="/checkout-sessions?b=2&a=x%20y").covering(
    *POST_COVERS, "@query"
)
_PORT: Final = GET.replaced("Host", "Shop.Example.com:443")
_EMPTY_QUERY: Final = GET._replace(target="/checkout-sessions/chk_123?").covering(
    *GET_COVERS, "@query"
)
_ENCODED: Final = GET._replace(target="/checkout-sessions/caf%C3%A9")
_PATH_IDS: Final = {"path_ids": "encoded"}


def _noted(*values: str) -> Recipe:
    return GET.replaced("X-Note", *values).covering(*GET_COVERS, "x-note")


_TWO_LINES: Final = _noted("one", "two")
_PADDED: Final = _noted("  one  two  ")


def _wrong(id_: str, description: str, rule: str, recipe: Recipe, edit: Edit) -> Case:
    settings = _PATH_IDS if recipe is _ENCODED else {}
    return Case(
        f"base-{id_}",
        description,
        rule,
        recipe,
        "signature_invalid",
        "signature_mismatch",
        (edit,),
        settings=settings,
    )


def _write(id_: str, description: str, rule: str, old: str, new: str) -> Case:
    return _wrong(id_, description, rule, _WRITE, over_base_with(old, new))


def _lines(change: Callable[[list[str]], list[str]]) -> Edit:
    return over(lambda base: "\n".join(change(base.decode().split("\n"))).encode())


_POSITIVES: Final = (
    Case("base-of-write", "A write with a query.", _LINES, _WRITE),
    Case("base-of-read", "A read.", _LINES, GET),
    Case("base-of-port", "The default port was sent; the base has none.", _AUTHORITY, _PORT),
    Case("base-of-empty-query", "A query with nothing in it: '?'.", _QUERY, _EMPTY_QUERY),
    Case(
        "base-of-encoded-path",
        "A path with percent-encoded octets, which stand in the base as sent.",
        _PATH,
        _ENCODED,
        settings=_PATH_IDS,
    ),
    Case("base-of-two-lines", "Two lines of one field, joined.", _FIELDS, _TWO_LINES),
    Case("base-of-padded", "White space around a value is none of it.", _FIELDS, _PADDED),
    Case("base-of-empty-field", "A field that is empty.", _FIELDS, _noted("")),
    Case(
        "base-query-absent",
        "@query of a target without one is '?', too.",
        _QUERY,
        GET.covering(*GET_COVERS, "@query"),
    ),
)

TOPIC: Final = Topic(
    "Signature bases: mistakes in building what is signed",
    (
        *_POSITIVES,
        _write(
            "method-lower-case",
            "The method in lower case.",
            _METHOD,
            '"@method": POST',
            '"@method": post',
        ),
        _wrong(
            "port-kept",
            "The default port was kept.",
            _AUTHORITY,
            _PORT,
            over_base_with("shop.example.com", "shop.example.com:443"),
        ),
        _wrong(
            "host-case-kept",
            "The host is written as it was sent, not in lower case.",
            _AUTHORITY,
            _PORT,
            over_base_with("shop.example.com", "Shop.Example.com"),
        ),
        _write(
            "authority-with-scheme",
            "The scheme stands before the authority.",
            _AUTHORITY,
            '"@authority": ',
            '"@authority": https://',
        ),
        _write(
            "path-with-query",
            "The query stands behind the path, too.",
            _PATH,
            '"@path": /checkout-sessions',
            '"@path": /checkout-sessions?b=2&a=x%20y',
        ),
        _write(
            "path-of-whole-url",
            "The path is the whole URL.",
            _PATH,
            '"@path": ',
            '"@path": https://shop.example.com',
        ),
        _write(
            "path-trailing-slash",
            "A slash was put behind the path.",
            _PATH,
            '"@path": /checkout-sessions',
            '"@path": /checkout-sessions/',
        ),
        _wrong(
            "path-escapes-lower-case",
            "Percent-encoding was written in lower case.",
            _PATH,
            _ENCODED,
            over_base_with("%C3%A9", "%c3%a9"),
        ),
        _wrong(
            "path-encoded-twice",
            "The path was percent-encoded once more.",
            _PATH,
            _ENCODED,
            over_base_with("%C3%A9", "%25C3%25A9"),
        ),
        _wrong(
            "path-decoded",
            "The path was percent-decoded.",
            _PATH,
            _ENCODED,
            over_base_with("%C3%A9", "\xe9"),
        ),
        _write(
            "query-without-mark",
            "The query stands without its question mark.",
            _QUERY,
            '"@query": ?',
            '"@query": ',
        ),
        _write(
            "query-sorted",
            "The parameters of the query were sorted.",
            _QUERY,
            "?b=2&a=x%20y",
            "?a=x%20y&b=2",
        ),
        _write("query-decoded", "The query was percent-decoded.", _QUERY, "%20", " "),
        _write("query-plus", "A space is written as a plus sign.", _QUERY, "%20", "+"),
        _wrong(
            "query-empty-value",
            "The empty query has no question mark.",
            _QUERY,
            _EMPTY_QUERY,
            over_base_with('"@query": ?', '"@query": '),
        ),
        _wrong(
            "fields-joined-tightly",
            "Two lines of one field were joined without a space.",
            _FIELDS,
            _TWO_LINES,
            over_base_with("one, two", "one,two"),
        ),
        _wrong(
            "first-line-only",
            "Of two lines of one field the first was signed.",
            _FIELDS,
            _TWO_LINES,
            over_base_with("one, two", "one"),
        ),
        _wrong(
            "last-line-only",
            "Of two lines of one field the last was signed.",
            _FIELDS,
            _TWO_LINES,
            over_base_with("one, two", "two"),
        ),
        _wrong(
            "white-space-collapsed",
            "White space within a value was collapsed.",
            _FIELDS,
            _PADDED,
            over_base_with("one  two", "one two"),
        ),
        _wrong(
            "white-space-kept",
            "White space around a value was kept.",
            _FIELDS,
            _PADDED,
            over_base_with("one  two", "  one  two  "),
        ),
        _write(
            "field-name-case",
            "A field's name stands as it was sent, not in lower case.",
            _LINES,
            '"content-type": ',
            '"Content-Type": ',
        ),
        _write(
            "parameters-sorted",
            "The signature's parameters were sorted, keyid first.",
            _PARAMETERS,
            f';created={NOW};keyid="platform-2026"',
            f';keyid="platform-2026";created={NOW}',
        ),
        _write(
            "parameters-labelled",
            "The label stands before the signature's parameters.",
            _PARAMETERS,
            '"@signature-params": (',
            '"@signature-params": sig1=(',
        ),
        _write(
            "alg-not-sent",
            "The signer put an alg parameter into the base and did not send it.",
            _PARAMETERS,
            ';keyid="platform-2026"',
            ';keyid="platform-2026";alg="ecdsa-p256-sha256"',
        ),
        _write(
            "parameters-without-times",
            "The signature's parameters were left out behind the components.",
            _PARAMETERS,
            f';created={NOW};keyid="platform-2026"',
            "",
        ),
        _write(
            "components-with-commas",
            "The components in the last line are separated by commas.",
            _PARAMETERS,
            '" "',
            '", "',
        ),
        _wrong(
            "parameters-absent",
            "The line of the signature's parameters is missing.",
            _LINES,
            _WRITE,
            _lines(lambda lines: lines[:-1]),
        ),
        _wrong(
            "sorted",
            "The lines were sorted by the components' names.",
            _LINES,
            _WRITE,
            _lines(lambda lines: [*sorted(lines[:-1]), lines[-1]]),
        ),
        _wrong(
            "line-feed-at-end",
            "A line feed stands behind the last line.",
            _LINES,
            _WRITE,
            over(lambda base: base + b"\n"),
        ),
        _write("crlf", "Lines end with CRLF.", _LINES, "\n", "\r\n"),
        _write("no-space", "No space stands behind the colons.", _LINES, '": ', '":'),
        _wrong(
            "names-bare",
            "The names stand without quotes.",
            _LINES,
            _WRITE,
            _lines(
                lambda lines: [line.replace('"', "", 2) for line in lines[:-1]] + lines[-1:],
            ),
        ),
        _wrong(
            "digest-of-base",
            "What was signed is the digest of the base, hashed once more.",
            _HASHING,
            _WRITE,
            over(lambda base: sha256(base).digest()),
        ),
        _wrong(
            "body-signed",
            "What was signed is the body.",
            _HASHING,
            _WRITE,
            over(lambda _: _WRITE.body),
        ),
    ),
)
