"""The common forms are read by one expression each: never otherwise than by the strict parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import CanonicalError, Request, parse_dictionary, parse_signatures

LIST = '("@method" "@authority")'
PARAMETER = st.one_of(
    st.sampled_from(
        [
            *(";created=1", ";created=007", ";created=-1", ";created=1.5", ";created=1."),
            *(';keyid="k"', ';keyid="a;b=\\"c"', ';keyid=""', ';keyid="a)b"', ";keyid=tok"),
            *("; created=2", ";created =2", ";flag", ";flag=?0", ";x=:AA==:", ";x=@1", ';x="ü"'),
            *(";created=1234567890123456", ";keyid='k'", ';A="x"', ';a.b_c-d*="x"', " ;created=1"),
        ]
    ),
    st.text(alphabet=';="\\abz019.)( -', max_size=8).map(lambda text: f";{text}"),
)


def read(value: str) -> object:
    """What is read of one member: its components and parameters, or that it is malformed."""
    message = Request(
        method="GET", target="/", headers=[("Signature-Input", value), ("Signature", "a=:AA==:")]
    )
    try:
        (signature,) = parse_signatures(message)
    except CanonicalError:
        return None
    components = [(component.name, component.parameters) for component in signature.components]
    return components, list(signature.parameters.items()), signature.member


def read_strictly(value: str) -> object:
    """The same by the general parser of dictionaries."""
    try:
        ((_, (components, parameters)),) = parse_dictionary(value, unique=True).items()
    except (CanonicalError, ValueError, TypeError):
        return None
    if not isinstance(components, list):
        return None
    return list(components), list(parameters.items()), value.partition("=")[2].rstrip(" ")


@given(st.lists(PARAMETER, max_size=4).map("".join))
def test_a_sole_member_is_read_as_the_general_parser_reads_it(parameters: str) -> None:
    read(f"a={LIST}")  # from here on the list is one that was seen before
    value = f"a={LIST}{parameters}"
    names = [part.partition("=")[0].strip() for part in parameters.split(";")[1:]]
    found, expected = read(value), read_strictly(value)
    if found is None and len(set(names)) < len(names):
        return  # a parameter that is given twice: refused here, the last wins in RFC 9651
    assert found == expected


@pytest.mark.parametrize(
    "parameters", [";created=1;created=2", ';keyid="a";keyid="a"', ';keyid="a";x=1;keyid="b"']
)
def test_a_parameter_that_is_given_twice_is_refused(parameters: str) -> None:
    read(f"a={LIST}")
    assert read(f"a={LIST}{parameters}") is None


def test_white_space_around_the_member_is_no_part_of_it() -> None:
    read(f"a={LIST}")
    found = read(f"  a={LIST};created=1 ")
    assert found == read(f"a={LIST};created=1")
