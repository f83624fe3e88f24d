"""What mypyc gets wrong is not given to it, and what is on the way of every request is."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "setup.py"), run_name="setup")


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n try:\n  await g()\n except E:\n  await h()\n  raise\n",
        "async def f():\n try:\n  await g()\n finally:\n  await h()\n",
        "async def f():\n try:\n  await g()\n finally:\n  async for _ in h(): pass\n",
        "async def f():\n async with g():\n  await h()\n",
        "async def f():\n try:\n  await g()\n except A as e:\n  pass\n except B as e:\n  pass\n",
        "class C:\n async def f(self):\n  async with g():\n   pass\n",
        "async def f():\n try:\n  await g()\n except E:\n  [x async for x in h()]\n",
        "A: Final = (0.5, 1.5)\n",
        "A: Final = (*(0.5,), -1.5, 1 / 4, B)\n",
    ],
)
def test_what_mypyc_gets_wrong_is_left_as_it_is(build: dict[str, Any], source: str) -> None:
    assert build["is_miscompiled"](source)


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n try:\n  await g()\n except E:\n  raise\n finally:\n  h()\n await h()\n",
        "async def f():\n try:\n  await g()\n except A as e:\n  pass\n except B as o:\n  pass\n",
        "def f():\n try:\n  g()\n except A as e:\n  pass\n except B as e:\n  pass\n",
        "A: Final[Sequence[float]] = (0.5,)\nB: Final = (1, 0.5)\nC: Final = 0.5\nD = ()\n",
    ],
)
def test_what_it_gets_right_is_compiled(build: dict[str, Any], source: str) -> None:
    assert not build["is_miscompiled"](source)


def test_the_way_of_a_request_is_compiled(
    build: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    compiled = set(build["compiled_modules"]())
    assert compiled >= {
        "connector/gateway.py",
        "connector/ingress/protocol.py",
        "connector/authentication/verification.py",
        "connector/admission/control.py",
        "connector/admission/settlement.py",
        "connector/audit/ledger.py",
        "connector/audit/log.py",
        "connector/store/single.py",
        "connector/upstream/client.py",
        "connector/upstream/connection.py",
        "connector/upstream/pool.py",
    }
