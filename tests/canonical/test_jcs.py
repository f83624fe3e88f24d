"""RFC 8785: published vectors, the number rule, and what has no canonical form."""

from __future__ import annotations

import json
import math
import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from canonical import CanonicalError, canonicalize
from canonical.jcs import MAX_DEPTH, parse_json

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"
PUBLISHED = VECTORS / "json-canonicalization"
SUITE = VECTORS / "JSONTestSuite" / "test_parsing"

# The suite leaves repeated names to the reader; here they are refused.
REFUSED_ALTHOUGH_VALID = {"y_object_duplicated_key.json"}
# The suite leaves these to the reader; no double has these digits, or no UTF-8 the string.
REFUSED_BY_CHOICE = "i_"


def _needs(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f"the vectors are not there: {folder.parent.name}/{folder.name}")
    return folder


def _suite(prefix: str) -> list[Any]:
    paths = sorted(SUITE.glob(f"{prefix}*.json"))
    if paths:
        return [pytest.param(path, id=path.name) for path in paths]
    absent = pytest.mark.skip(reason="the JSONTestSuite vectors are not there")
    return [pytest.param(SUITE, marks=absent)]


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_the_published_pairs_come_out_octet_for_octet(name: str) -> None:
    folder = _needs(PUBLISHED)
    text = (folder / "input" / f"{name}.json").read_bytes()
    expected = bytes.fromhex((folder / "outhex" / f"{name}.txt").read_text())
    assert expected == canonicalize(text)
    assert expected == canonicalize(expected)


def test_ten_thousand_published_doubles_are_formatted_as_ecmascript_does() -> None:
    lines = (_needs(PUBLISHED) / "es6_numbers_10000.txt").read_text().splitlines()
    assert len(lines) == 10_000
    for line in lines:
        digits, expected = line.split(",")
        (value,) = struct.unpack(">d", bytes.fromhex(digits.zfill(16)))
        assert expected == canonicalize(value).decode()
        assert expected == canonicalize(expected.encode()).decode()


@pytest.mark.parametrize("path", _suite("y_"))
def test_valid_json_has_a_canonical_form_that_means_the_same(path: Path) -> None:
    text = path.read_bytes()
    if path.name in REFUSED_ALTHOUGH_VALID:
        with pytest.raises(CanonicalError):
            canonicalize(text)
    else:
        assert json.loads(text) == json.loads(canonicalize(text))


@pytest.mark.parametrize("path", [*_suite("n_"), *_suite(REFUSED_BY_CHOICE)])
def test_what_is_not_json_or_not_one_value_is_refused(path: Path) -> None:
    with pytest.raises(CanonicalError):
        canonicalize(path.read_bytes())


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,9})?[eE][+-]?[0-9]{1,3}", fullmatch=True))
def test_a_short_number_with_an_exponent_keeps_its_digits(literal: str) -> None:
    """Nothing short is compared digit by digit: nothing short needs it."""
    assume(len(literal) <= 16)
    value = float(literal)
    if math.isinf(value) or (value == 0 and Decimal(literal) != 0):
        with pytest.raises(CanonicalError, match=r"too (large|small)"):
            canonicalize(literal.encode())
    else:
        assert int(Decimal(canonicalize(literal.encode()).decode())) == int(Decimal(literal))


@pytest.mark.parametrize(
    ("literal", "canonical"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e99999999999999999999", "0"),
        ("9007199254740992", "9007199254740992"),
        ("123456789012345680000", "123456789012345680000"),
        ("-123456789012345680000", "-123456789012345680000"),
        ("1000000000000000000000", "1e+21"),
        ("1e23", "1e+23"),
        ("20e1", "200"),
        ("1E-2", "0.01"),
        ("1e-6", "0.000001"),
        ("1e-7", "1e-7"),
        ("-1.5e-9", "-1.5e-9"),
        ("0.00001234", "0.00001234"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        # RFC 8785 section 3.2.2: the fraction of its own example is rounded.
        ("333333333.33333329", "333333333.3333333"),
        ("0.1000000000000000055511151231257827", "0.1"),
    ],
)
def test_a_number_that_keeps_its_digits_is_written_as_ecmascript_does(
    literal: str, canonical: str
) -> None:
    assert canonical.encode() == canonicalize(literal.encode())


@pytest.mark.parametrize(
    "literal",
    [
        "9007199254740993",
        "-9007199254740993",
        "9007199254740993.0",
        "90071992547409930e-1",
        "123456789012345683968",
        "1152921504606846976",
        "0.99999999999999999999",
        "1e400",
        "-1e400",
        "1e-400",
        "-0.00001e-9999",
        "1" + "0" * 400,
        "1" + "0" * 5000,
    ],
)
def test_a_number_that_would_become_another_one_is_refused(literal: str) -> None:
    with pytest.raises(CanonicalError, match="number"):
        canonicalize(literal.encode())


@pytest.mark.parametrize(
    "value",
    [2**53 + 1, -(2**53) - 1, 2**60, 10**400, pytest.param(-(10**5000), id="5001 digits")],
)
def test_an_int_that_no_double_holds_is_refused(value: int) -> None:
    with pytest.raises(CanonicalError, match="number"):
        canonicalize(value)


@pytest.mark.parametrize(
    ("value", "canonical"), [(2**53, b"9007199254740992"), (10**21, b"1e+21"), (-7, b"-7")]
)
def test_an_int_that_a_double_holds_is_written(value: int, canonical: bytes) -> None:
    assert canonical == canonicalize(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, b"NaN", b"-Infinity"])
def test_nan_and_infinities_are_refused(value: object) -> None:
    with pytest.raises(CanonicalError, match="NaN"):
        canonicalize(value)


@pytest.mark.parametrize("value", [object(), {1, 2}, {1: "a"}, {None: 1}, bytearray(b"{}"), 1j])
def test_a_value_that_json_has_not_is_refused(value: object) -> None:
    with pytest.raises(CanonicalError):
        canonicalize(value)


def test_bytes_are_text_and_a_str_is_a_value() -> None:
    assert canonicalize(b'{"a": 1}') == b'{"a":1}'
    assert canonicalize('{"a": 1}') == b'"{\\"a\\": 1}"'


def test_bool_is_not_taken_for_a_number() -> None:
    assert canonicalize([True, False, 1, 0, None]) == b"[true,false,1,0,null]"


def test_tuples_are_arrays_and_empty_ones_stay() -> None:
    assert canonicalize(((), [], {}, "")) == b'[[],[],{},""]'


def test_names_are_ordered_by_utf_16_code_units() -> None:
    # U+1F600 is D83D DE00 in UTF-16 and so comes before U+FB33, against the order of code points.
    assert canonicalize({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


def test_strings_use_the_short_escapes_and_no_others() -> None:
    every = "".join(map(chr, range(0x20))) + '"\\/\x7f\u2028é'
    assert (
        canonicalize(every)
        == (
            '"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e'
            "\\u000f\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a"
            '\\u001b\\u001c\\u001d\\u001e\\u001f\\"\\\\/\x7f\u2028é"'
        ).encode()
    )


@pytest.mark.parametrize(
    "value", ["\ud800", ["\udfff"], {"\ud83d": 1}, b'"\\ud83d"', b'{"\\udfaa":0}']
)
def test_a_lone_surrogate_is_refused(value: object) -> None:
    with pytest.raises(CanonicalError, match="surrogate"):
        canonicalize(value)


@pytest.mark.parametrize("text", [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'[{"x":{"":1,"":2}}]'])
def test_a_repeated_name_is_refused_at_any_depth(text: bytes) -> None:
    with pytest.raises(CanonicalError, match="twice"):
        canonicalize(text)


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf{}", '"\ufeff'.encode()[:4]])
def test_a_byte_order_mark_is_refused(text: bytes) -> None:
    with pytest.raises(CanonicalError):
        canonicalize(text)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be", "latin-1"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(CanonicalError):
        canonicalize('{"é": 1}'.encode(encoding))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_sixty_four_levels_are_accepted_and_one_more_is_not(opening: str, closing: str) -> None:
    inner = "0"
    text = opening * MAX_DEPTH + inner + closing * MAX_DEPTH
    assert MAX_DEPTH == 64
    assert canonicalize(text.encode()) == text.encode()
    with pytest.raises(CanonicalError, match="deeper"):
        canonicalize(f"{opening}{text}{closing}".encode())


@pytest.mark.parametrize("text", [b"[" * 200_000, b'{"a":' * 200_000, b"[" * 9000 + b"]" * 9000])
def test_endless_nesting_is_refused_as_any_other_error(text: bytes) -> None:
    with pytest.raises(CanonicalError):
        canonicalize(text)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(CanonicalError, match="deeper"):
        canonicalize(value)


def test_errors_do_not_repeat_the_text() -> None:
    for text in (b'{"secret": hush}', b'{"hush": 1, "hush": 2}', b'["hush', b'{"hush": 1e999}'):
        with pytest.raises(CanonicalError) as caught:
            canonicalize(text)
        assert "hush" not in str(caught.value)


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(_VALUES)
def test_the_canonical_form_means_the_value_and_is_its_own_canonical_form(value: Any) -> None:
    canonical = canonicalize(value)
    # A double of 1e16 or more has no point in its canonical form; Python would read an int.
    assert json.loads(canonical, parse_int=float) == value
    assert canonicalize(canonical) == canonical


@given(_VALUES, st.sampled_from([None, 1, "\t"]))
def test_spelling_does_not_matter(value: Any, indent: int | str | None) -> None:
    # json.dumps keeps the order of insertion and escapes beyond ASCII.
    assert canonicalize(json.dumps(value, indent=indent).encode()) == canonicalize(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_survives_its_canonical_form(value: float) -> None:
    assert float(canonicalize(value)) == value


@given(st.integers(-(10**320), 10**320))
def test_an_int_and_its_literal_are_judged_alike(value: int) -> None:
    try:
        expected = canonicalize(value)
    except CanonicalError:
        with pytest.raises(CanonicalError):
            canonicalize(str(value).encode())
    else:
        assert expected == canonicalize(str(value).encode())


_LOOKS_LIKE_JSON = st.text(alphabet='[]{}",:0123456789.eE+-\\untrfalse \ud800')


@given(st.binary() | _LOOKS_LIKE_JSON.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_only_canonical_errors_escape_on_any_octets(text: bytes) -> None:
    try:
        canonical = canonicalize(text)
    except CanonicalError:
        return
    assert json.loads(canonical) == parse_json(text)


def test_the_longest_integer_that_a_double_holds_is_read_with_its_sign() -> None:
    assert canonicalize(b"1" + b"0" * 308) == b"1e+308"
    assert canonicalize(b"-1" + b"0" * 308) == b"-1e+308"
    for digits in (b"1" + b"0" * 309, b"1" + b"0" * 400):
        with pytest.raises(CanonicalError, match="too large for a double"):
            canonicalize(digits)
