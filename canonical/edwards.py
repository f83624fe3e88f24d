"""Which 32 octets are an Ed25519 public key that somebody can have made (RFC 8032).

Neither OpenSSL nor the bindings check a public key's point. One that is not on the curve, or that
generates one of the small subgroups, verifies signatures that no private key has made.
"""

from __future__ import annotations

from typing import Final

# RFC 8032 section 5.1: the field, and d of -x^2 + y^2 = 1 + d*x^2*y^2.
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P

# The y of the two points of order 8 that share |x|; its negative is the y of the other two.
_Y_OF_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7

# y = 1: the neutral point; y = -1: order 2; y = 0: order 4.
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8})


def is_usable_point(point: bytes) -> bool:
    """Tell whether 32 octets are the canonical form of a point on the curve, not of small order."""
    # RFC 8032 section 5.1.3: the highest bit is the sign of x, which any point but the two with
    # x = 0 may have either way; those two are of small order.
    y = int.from_bytes(point, "little") & (2**255 - 1)
    if y >= _P or y in _SMALL_ORDER:
        return False
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    # x^2 = u/v has a root where u*v is a square (Euler's criterion).
    return pow(u * v, (_P - 1) // 2, _P) == 1
