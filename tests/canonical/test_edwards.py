"""Which points are Ed25519 keys, held against the curve's own arithmetic (RFC 8032)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from canonical.edwards import _SMALL_ORDER, is_usable_point

# Not the module's own: a wrong one must not be held against itself.
Y_OF_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
P = 2**255 - 19
SMALL_ORDER = {0, 1, P - 1, Y_OF_ORDER_8, P - Y_OF_ORDER_8}
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def _sum(a: Point, b: Point) -> Point:
    t = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + t, -1, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P)
    return x % P, y % P


def _root(square: int) -> int | None:
    root = pow(square, (P + 3) // 8, P)
    for candidate in (root, root * pow(2, (P - 1) // 4, P) % P):
        if candidate * candidate % P == square:
            return candidate
    return None


def _point(y: int) -> Point | None:
    x = _root((y * y - 1) * pow(D * y * y + 1, -1, P) % P)
    return None if x is None else (x, y)


def test_the_points_of_small_order_are_those_that_eight_takes_to_the_neutral_one() -> None:
    assert set(_SMALL_ORDER) == SMALL_ORDER
    for y in SMALL_ORDER:
        point = _point(y)
        assert point is not None
        for _ in range(3):
            point = _sum(point, point)
        assert point == (0, 1)
    # The group of order 8 has the neutral point, one of order 2, two of order 4, four of order 8:
    # five different y, for the points with x and -x share theirs.
    assert len(SMALL_ORDER) == 5


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize("multiple", [0, P])
@pytest.mark.parametrize("y", sorted(SMALL_ORDER))
def test_no_spelling_of_a_point_of_small_order_is_usable(y: int, multiple: int, sign: int) -> None:
    if y + multiple >= 1 << 255:
        return
    assert not is_usable_point(((y + multiple) | sign).to_bytes(32, "little"))


def test_a_small_order_key_would_verify_what_nobody_signed() -> None:
    # Why the check is there: with y = 1 (the neutral point), R = S*B verifies anything. S = 0.
    neutral = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(neutral).verify(neutral + bytes(32), b"anything")
    assert not is_usable_point(neutral)


def test_a_y_beyond_the_field_is_no_canonical_spelling() -> None:
    for y in range(P, 2**255):
        assert not is_usable_point(y.to_bytes(32, "little"))


@given(st.integers(2, P - 2), st.integers(0, 1))
def test_a_point_is_usable_when_it_is_on_the_curve(y: int, sign: int) -> None:
    octets = (y | sign << 255).to_bytes(32, "little")
    assert (_point(y) is not None and y not in SMALL_ORDER) == is_usable_point(octets)
