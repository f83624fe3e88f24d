from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canonical import load_key
from connector.diagnosis.vectors import SCHEMA, Accept, Case, VectorFile, read_vectors
from tests.oracles.keys import jws_keyid, profile_url
from tests.oracles.tasks import labels, tasks_of

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = [
    (file, case)
    for path in sorted(VECTORS.glob("*.json"))
    if path.name != SCHEMA
    for file in [read_vectors(path.read_bytes())]
    for case in file.cases
]
ACCEPTED = [(file, case, case.expect) for file, case in CASES if isinstance(case.expect, Accept)]


def test_every_case_has_a_task_that_is_json_with_public_keys() -> None:
    for file, case in CASES:
        tasks = tasks_of(file, case)
        assert tasks, case.id
        for task in tasks.values():
            assert json.loads(json.dumps(task)) == task
            assert task["keys"], case.id
            assert all("d" not in jwk for jwk in task["keys"]), case.id


def test_what_is_accepted_is_asked_about_with_its_label_its_scheme_and_its_key() -> None:
    for file, case, expect in ACCEPTED:
        task = tasks_of(file, case)[expect.label]
        assert task["scheme"] == ("ap2" if case.kind == "ap2" else expect.scheme), case.id
        known = {load_key(jwk).thumbprint for jwk in file.keys.values()}
        assert any(_thumbprint(jwk) in known for jwk in task["keys"]), case.id


def _thumbprint(jwk: dict[str, Any]) -> str:
    members: dict[str, Any] = {name: jwk[name] for name in ("kty", "crv", "x", "y") if name in jwk}
    return load_key(members).thumbprint


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('sig1=("@method");keyid="a", b=();created=1', {"sig1": "a", "b": None}),
        ('sig1=("@method" "@path");created=1;keyid=token', {"sig1": "token"}),
        ('sig1=("@method");keyid="a",\t x=();keyid="b"', {"sig1": "a", "x": "b"}),
        ("", {"sig1": None}),
        ('sig1=("@method', {"sig1": None}),
    ],
)
def test_labels_are_found_in_whatever_stands_there(
    given: str, expected: dict[str, str | None]
) -> None:
    assert labels([(b"Signature-Input", given.encode())]) == expected


def test_a_jws_without_a_readable_header_names_no_key() -> None:
    assert jws_keyid("eyJraWQiOiJhIn0..x") == "a"
    assert [jws_keyid(text) for text in ("", "..", "Zg..x", "e30..x", "W10..x")] == [None] * 5


def _with_agent(agent: str) -> tuple[VectorFile, Case]:
    file, case = CASES[0]
    request = case.request._replace(headers=[(b"UCP-Agent", agent.encode())])
    return file, case._replace(request=request, response=None)


@pytest.mark.parametrize(
    ("agent", "url"),
    [
        ('profile="HTTPS://Platform.Example:443/p?Q"', "https://platform.example/p?Q"),
        ('profile="https://[::/p"', "https://[::/p"),
        ("profile=token", ""),
    ],
)
def test_profiles_are_looked_up_normalised(agent: str, url: str) -> None:
    _, case = _with_agent(agent)
    assert profile_url(case) == url
