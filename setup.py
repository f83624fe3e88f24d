"""Compiles the way of a request with mypyc, where UCP_CONNECTOR_COMPILE=1 asks for it.

All else about the package stands in pyproject.toml. The modules below are the same sources, typed
as mypy checks them, turned into C; without the variable they run as they are. A package that is
compiled holds both, and Python takes the compiled one.

Coroutines are left as they are: what mypyc 2.4 made of them ended the process where an exception
went through several that were waiting for each other (a merchant that hangs up was enough).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from setuptools import setup

ROOMS: Final = (
    "canonical",
    "connector",
    "connector/admission",
    "connector/authentication",
    "connector/ingress",
    "connector/telemetry",
    "connector/transports",
    "connector/upstream",
)
"""Folders whose modules are compiled, but for those with coroutines."""
MODULES: Final = (
    "connector/audit/evidence.py",
    "connector/audit/redaction.py",
    "connector/audit/rendering.py",
    "connector/audit/tree.py",
    "connector/audit/writer.py",
    "connector/signing/answers.py",
    "connector/store/breaker.py",
    "connector/store/connection.py",
)
NOT_COMPILED: Final = ("canonical/values.py",)  # subclasses of str and bytes, which mypyc refuses


def compiled_modules() -> list[str]:
    """Return the paths of the modules to compile."""
    found = [str(each) for room in ROOMS for each in sorted(Path(room).glob("[!_]*.py"))]
    listed = [each for each in (*found, *MODULES) if each not in NOT_COMPILED]
    return [each for each in listed if "async def" not in Path(each).read_text(encoding="utf-8")]


def extensions() -> list[object]:
    """Return what setuptools is to build besides the modules themselves."""
    if os.environ.get("UCP_CONNECTOR_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - only who compiles needs it

    return list(mypycify(compiled_modules(), opt_level="3", debug_level="0", multi_file=True))


setup(ext_modules=extensions())
