import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.upstream.trace_context import is_traceparent, new_traceparent

# The example of W3C Trace Context, section 3.2.3.
VALID = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("value", [VALID, VALID[:-2] + b"00", b"cc" + VALID[2:] + b"-later"])
def test_a_valid_traceparent_is_known(value: bytes) -> None:
    assert is_traceparent(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        VALID + b"-later",
        VALID + b" ",
        VALID + b"\n",
        VALID + b"\r\nA: b",
        VALID.upper(),
        b"ff" + VALID[2:],
        b"0" + VALID,
        VALID[:-1],
        b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01",
        b"cc" + VALID[2:] + b".later",
        VALID + b", " + VALID,
    ],
)
def test_anything_else_is_not(value: bytes) -> None:
    assert not is_traceparent(value)


@given(st.binary(min_size=24, max_size=24).filter(lambda seed: any(seed[:16]) and any(seed[16:])))
def test_a_new_one_is_valid_and_holds_the_randomness(seed: bytes) -> None:
    def random_bytes(count: int) -> bytes:
        assert count == 24
        return seed

    value = new_traceparent(random_bytes)
    assert is_traceparent(value)
    assert value == b"00-%b-%b-01" % (seed[:16].hex().encode(), seed[16:].hex().encode())
