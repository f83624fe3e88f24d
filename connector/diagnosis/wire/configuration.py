"""The configuration of a gateway to which the cases of some files can be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connector.diagnosis.judging import MERCHANT
from connector.diagnosis.wire.places import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.diagnosis.vectors import VectorFile

_MANY: Final = "100000/s"
_SECTIONS: Final[dict[str, Any]] = {
    "discovery": {
        "insecure_allow_loopback_profiles": True,
        "budget": _MANY,
        "connect_timeout": "1s",
        "timeout": "1s",
    },
    "rates": {"reads": _MANY, "writes": _MANY, "per_peer": _MANY},
}


def configuration(files: Iterable[VectorFile], port: int) -> dict[str, Any]:
    """Return it as the values of a YAML file: a merchant for each of the settings in the cases.

    ``port`` is that of the profile server. Nobody listens where the merchants should: a request
    that is accepted is answered with ``upstream_unreachable``.
    """
    merchants: dict[str, dict[str, Any]] = {}
    for file in files:
        for case in file.cases:
            if case.kind == "request":
                around = Surroundings(file, case, port)
                if around.label not in merchants:
                    merchants[around.label] = _merchant(around)
    return {**_SECTIONS, "merchants": list(merchants.values())}


def _merchant(around: Surroundings) -> dict[str, Any]:
    authorities = [around.with_authority(name) for name in MERCHANT["authorities"]]
    return {
        **MERCHANT,
        "authorities": authorities,
        "responses": {"sign": False},
        **around.settings,
        "id": around.label.rstrip(".") or MERCHANT["id"],
    }
