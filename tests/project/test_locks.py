"""The lock files pin everything, with hashes, and say nothing about where it comes from."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.project.lockfile import (
    DEVELOPMENT,
    FUZZING,
    MUTATION,
    ORACLES,
    RUN_TIME,
    declared,
    grouped,
    pins,
    requirements,
    text_of,
)

LOCKS = (RUN_TIME, DEVELOPMENT, FUZZING, MUTATION, ORACLES)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes(lock: str) -> None:
    lines = requirements(lock)
    unhashed = [line for line in lines if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", line)]
    assert unhashed == []


@pytest.mark.parametrize("lock", [RUN_TIME, DEVELOPMENT])
def test_every_package_is_pinned_once(lock: str) -> None:
    assert len(pins(lock)) == len(requirements(lock))


def test_what_fuzzing_needs_is_in_a_lock_of_its_own() -> None:
    assert set(pins(FUZZING)) == grouped("fuzz")
    assert grouped("fuzz").isdisjoint(pins(DEVELOPMENT))


@pytest.mark.parametrize(("lock", "group"), [(MUTATION, "mutation"), (ORACLES, "oracles")])
def test_what_others_need_is_in_a_lock_that_agrees_with_the_other_one(
    lock: str, group: str
) -> None:
    shared = pins(lock).keys() & pins(DEVELOPMENT).keys()
    assert grouped(group) <= set(pins(lock))
    assert {name: pins(lock)[name] for name in shared} == {
        name: pins(DEVELOPMENT)[name] for name in shared
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_no_place_is_named(lock: str) -> None:
    text = text_of(lock)
    named = re.findall(r"://|^\s*-(?!-hash=)\S+|file:|(?<![\w.])/\w+/", text, re.MULTILINE)
    assert named == []


@pytest.mark.parametrize("lock", LOCKS)
def test_its_header_says_how_it_is_made(lock: str) -> None:
    header = text_of(lock).split("\n", 2)[:2]
    assert "make lock" in header[1]
    assert "uv pip compile" in header[1]


def test_run_time_dependencies_are_in_both() -> None:
    # The image has the extra: a setting alone switches validation on there.
    needed = declared() | declared("validation")
    assert needed - set(pins(RUN_TIME)) == set()
    assert needed - set(pins(DEVELOPMENT)) == set()


def test_development_dependencies_are_in_the_second_alone() -> None:
    development = declared("dev")
    assert development - set(pins(DEVELOPMENT)) == set()
    # uvicorn needs h11 as well, and the tests of the wire read with it.
    assert development & set(pins(RUN_TIME)) == {"h11"}


def test_both_agree_on_every_version() -> None:
    tested = pins(DEVELOPMENT)
    assert {name: tested.get(name) for name in pins(RUN_TIME)} == pins(RUN_TIME)


def test_what_builds_the_package_is_pinned() -> None:
    build = tomllib.loads(text_of("pyproject.toml"))["build-system"]["requires"]
    assert [line.partition(">=")[0] for line in build] == ["setuptools"]
    assert "setuptools" in pins(DEVELOPMENT)
