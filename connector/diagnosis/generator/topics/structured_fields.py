"""The two signature headers as structured fields: what must be read, and what must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.diagnosis.generator.documents import url
from connector.diagnosis.generator.recipes import (
    AGENT,
    GET,
    GET_COVERS,
    NOW,
    Case,
    Signing,
    Topic,
    append,
    put,
    rewrite,
)

if TYPE_CHECKING:
    from connector.diagnosis.generator.recipes import Edit, Recipe, Sent

_DICTIONARY: Final = "RFC 9651 section 4.2.2"
_LINES: Final = "RFC 9651 section 4.2, several lines"
_KEYS: Final = "RFC 9651 section 4.2.3.3"
_INNER_LIST: Final = "RFC 9651 section 4.2.1.2"
_PARAMETERS: Final = "RFC 9651 section 4.2.3.2"
_NUMBERS: Final = "RFC 9651 section 4.2.4"
_STRINGS: Final = "RFC 9651 section 4.2.5"
_MEMBERS: Final = "RFC 9421 section 4.1, members of Signature-Input"
_VALUES: Final = "RFC 9421 section 4.2, members of Signature"

_INPUT: Final = "Signature-Input"
_VALUE: Final = "Signature"
_CREATED: Final = f";created={NOW}"
_KEYID: Final = ';keyid="platform-2026"'
_TIMES: Final = f"{_CREATED}{_KEYID}"

_ONE: Final = Signing(GET_COVERS)
_TWO: Final = GET._replace(signatures=(_ONE, _ONE._replace(label="sig2")))
_KIND: Final = "a),sig2=(b;created=1"
"""A kid that looks like the end of one member and the beginning of the next."""
_LOOKALIKE: Final = GET.replaced(AGENT[0], f'profile="{url("lookalike-kid")}"').signed(
    parameters=f';created={NOW};keyid="{_KIND}"'
)


def _with(parameters: str) -> Recipe:
    return GET.signed(parameters=f"{_TIMES}{parameters}")


def _on_two_lines(name: str) -> Edit:
    def edit(sent: Sent) -> Sent:
        first, second = dict(sent.headers)[name].split(", sig2=")
        return put(name, first, f"sig2={second}")(sent)

    return edit


def _both(old: str, new: str) -> tuple[Edit, ...]:
    return rewrite(_INPUT, old, new), rewrite(_VALUE, old, new)


def _malformed(id_: str, description: str, rule: str, *edits: Edit) -> Case:
    return Case(
        f"field-{id_}", description, rule, GET, "signature_invalid", "malformed", tuple(edits)
    )


def _input(id_: str, description: str, rule: str, old: str, new: str) -> Case:
    return _malformed(id_, description, rule, rewrite(_INPUT, old, new))


def _value(id_: str, description: str, rule: str, old: str, new: str) -> Case:
    return _malformed(id_, description, rule, rewrite(_VALUE, old, new))


def _ends(text: str, name: str = _INPUT) -> Edit:
    return lambda sent: put(name, dict(sent.headers)[name] + text)(sent)


_POSITIVES: Final = (
    Case("field-plain", "One member with two parameters.", _DICTIONARY, GET),
    Case("field-two-members", "Two members, separated by comma and space.", _DICTIONARY, _TWO),
    Case(
        "field-comma-without-space",
        "No space behind the comma.",
        _DICTIONARY,
        _TWO,
        edits=_both(", ", ","),
    ),
    Case(
        "field-comma-with-tabs",
        "Tabs around the comma between members are white space, too.",
        _DICTIONARY,
        _TWO,
        edits=_both(", ", "\t,\t "),
    ),
    Case(
        "field-on-two-lines",
        "A member on each of two lines: they are one field.",
        _LINES,
        _TWO,
        edits=(_on_two_lines(_INPUT), _on_two_lines(_VALUE)),
    ),
    Case(
        "field-label-characters",
        "A key may begin with * and hold digits, _ - . and *.",
        _KEYS,
        GET.signed(label="*a_b-c.9*"),
    ),
    Case(
        "field-parameters-of-every-kind",
        "Parameters that nobody knows, of every kind of RFC 8941.",
        _PARAMETERS,
        _with(';n=-1;d=2.5;s="a \\"b\\" \\\\c";t=a/b:c*;b=:AAEC:;f;g=?0;*x.y-z_=1'),
    ),
    Case(
        "field-date",
        "A parameter that nobody knows is a date (new in RFC 9651).",
        "RFC 9651 section 4.2.9",
        _with(f";d=@{NOW}"),
    ),
    Case(
        "field-display-string",
        "A parameter that nobody knows is a display string (new in RFC 9651).",
        "RFC 9651 section 4.2.10",
        _with(';d=%"caf%c3%a9"'),
    ),
    Case(
        "field-lookalike-kid",
        "The keyid holds what looks like the end of a member and the beginning of another.",
        _STRINGS,
        _LOOKALIKE,
        identity=url("lookalike-kid"),
    ),
    Case(
        "field-signature-parameter",
        "A parameter behind the signature's octets is not looked at.",
        _VALUES,
        GET,
        edits=(_ends(";x=1", _VALUE),),
    ),
)

TOPIC: Final = Topic(
    "Structured fields: Signature-Input and Signature as RFC 9651 has them read",
    (
        *_POSITIVES,
        _malformed("comma-at-end", "A comma at the end.", _DICTIONARY, _ends(",")),
        _input("comma-at-start", "A comma at the beginning.", _DICTIONARY, "sig1=", ", sig1="),
        _malformed(
            "comma-twice",
            "An empty member, which RFC 9110 lists may have and dictionaries may not.",
            _DICTIONARY,
            _ends(", , x=1"),
        ),
        _malformed("semicolon-at-end", "A semicolon at the end.", _PARAMETERS, _ends(";")),
        _input("space-at-equals", "Spaces around =.", _DICTIONARY, "sig1=", "sig1 = "),
        _malformed("value-comma-at-end", "A comma at the end.", _DICTIONARY, _ends(",", _VALUE)),
        _malformed(
            "empty-line",
            "A second line of the field is empty: between its commas nothing stands.",
            _LINES,
            append(_INPUT, ""),
        ),
        _input("label-upper-case", "A key in capitals.", _KEYS, "sig1=", "Sig1="),
        _value("value-label-upper-case", "A key in capitals.", _KEYS, "sig1=", "SIG1="),
        _input("label-digit", "A key that begins with a digit.", _KEYS, "sig1=", "1sig="),
        _input("label-quoted", "A key in quotes.", _KEYS, "sig1=", '"sig1"='),
        _input("parameter-upper-case", "A parameter in capitals.", _KEYS, ";created", ";Created"),
        _input(
            "tab-in-list",
            "A tab between two components: only spaces may stand there.",
            _INNER_LIST,
            '" "@path"',
            '"\t"@path"',
        ),
        _input(
            "list-without-spaces",
            "No space between two components.",
            _INNER_LIST,
            '" "@path"',
            '""@path"',
        ),
        _input(
            "list-with-commas",
            "A comma between two components.",
            _INNER_LIST,
            '" "@path"',
            '", "@path"',
        ),
        _input("list-open", "The list is not closed.", _INNER_LIST, ");", ";"),
        _input("list-in-list", "A list within the list.", _INNER_LIST, '"@path"', '("@path")'),
        _input("list-in-brackets", "Brackets for parentheses.", _INNER_LIST, "(", "["),
        _input(
            "tab-before-parameter",
            "A tab behind a semicolon: only spaces may stand there.",
            _PARAMETERS,
            ";created",
            ";\tcreated",
        ),
        _input(
            "space-before-semicolon",
            "A space before a semicolon.",
            _PARAMETERS,
            ";created",
            " ;created",
        ),
        _input(
            "parameter-twice",
            "A parameter occurs twice: RFC 9651 lets the last win, other readers the first.",
            _PARAMETERS,
            _KEYID,
            f';keyid="stranger"{_KEYID}',
        ),
        _input(
            "parameter-without-value",
            "Nothing stands behind a parameter's =.",
            _PARAMETERS,
            _CREATED,
            ";created=",
        ),
        _input("integer-16-digits", "16 digits: one too many.", _NUMBERS, f"{NOW}", f"{NOW}000000"),
        _input("integer-plus", "An integer with a plus sign.", _NUMBERS, "created=", "created=+"),
        _input("integer-exponent", "A number with an exponent.", _NUMBERS, f"{NOW}", "1.767e9"),
        _input(
            "decimal-four-digits",
            "A decimal with four digits behind its point.",
            _NUMBERS,
            _KEYID,
            f";x=1.0001{_KEYID}",
        ),
        _input("string-single-quotes", "Single quotes.", _STRINGS, '"@path"', "'@path'"),
        _input("string-open", "A string is not closed.", _STRINGS, '2026"', "2026"),
        _input("string-escape", "An escape that there is not.", _STRINGS, "form-", "form\\-"),
        _input("string-octet", "An octet beyond ASCII.", _STRINGS, "form-", "form\xad"),
        _input("component-token", "A component is a token.", _MEMBERS, '"ucp-agent"', "ucp-agent"),
        _input("component-bare", "A derived component is bare.", _MEMBERS, '"@path"', "@path"),
        _input(
            "component-bytes",
            "A component is a byte sequence.",
            _MEMBERS,
            '"ucp-agent"',
            ":dWNwLWFnZW50:",
        ),
        _input("member-bare", "A member has no value.", _MEMBERS, "sig1=", "sig0, sig1="),
        _input(
            "member-empty",
            "A member's list is missing before its parameters.",
            _MEMBERS,
            "=(",
            "=;(",
        ),
        _value("value-twice", "A label occurs twice.", _VALUES, "sig1=", "sig1=:AAAA:, sig1="),
        _malformed(
            "value-in-list",
            "The octets stand in an inner list.",
            _VALUES,
            rewrite(_VALUE, "sig1=", "sig1=("),
            _ends(")", _VALUE),
        ),
        _value("value-bare", "A member has no value.", _VALUES, "sig1=", "sig0, sig1="),
        _value("value-token", "A member is a token.", _VALUES, "sig1=", "sig0=none, sig1="),
    ),
)
