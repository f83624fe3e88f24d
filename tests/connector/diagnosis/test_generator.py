from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from canonical import load_key
from connector.diagnosis.generator import keys
from connector.diagnosis.generator.documents import DOCUMENTS
from connector.diagnosis.generator.files import TOPICS, render
from connector.diagnosis.generator.recipes import GET, POST, put, rewrite, send
from connector.diagnosis.vectors import SCHEMA

VECTORS = Path(__file__).parents[3] / "vectors"


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_the_files_are_what_would_be_generated(name: str) -> None:
    assert (VECTORS / name).read_bytes() == render(TOPICS[name])


def test_every_file_stands_in_the_table_of_the_readme() -> None:
    text = (VECTORS / "README.md").read_text()

    assert [name for name in TOPICS if f"| `{name}` |" not in text] == []


def test_no_file_is_left_over() -> None:
    assert {path.name for path in VECTORS.glob("*.json")} == {*TOPICS, SCHEMA}


@pytest.mark.parametrize("name", keys.SIGNERS)
def test_a_test_key_signs_the_same_each_time(name: str) -> None:
    key = load_key(keys.private_jwk(name))
    signature = keys.sign(name, b"data")

    key.verify(signature, b"data")
    assert signature == keys.sign(name, b"data")
    assert "d" not in keys.public_jwk(name)


def test_every_case_has_a_name_of_its_own() -> None:
    ids = [case.id for topic in TOPICS.values() for case in topic.cases]

    assert len(ids) == len(set(ids))
    assert len(ids) >= 400


def test_every_rule_cites_a_section() -> None:
    for topic in TOPICS.values():
        for case in topic.cases:
            assert ".md#" in case.rule or (
                case.rule.startswith("RFC ")
                and (" section " in case.rule or " appendix " in case.rule)
            ), case.id


def test_no_rule_has_more_than_ten_cases() -> None:
    rules = Counter(case.rule for topic in TOPICS.values() for case in topic.cases)

    assert [rule for rule, cases in rules.items() if cases > 10] == []


def test_every_document_is_used() -> None:
    written = b"".join(render(topic) for topic in TOPICS.values()).decode()

    assert [url for url in DOCUMENTS if f'"{url}": ' not in written] == []


def test_every_edit_changes_the_request() -> None:
    for topic in TOPICS.values():
        for case in topic.cases:
            for number, _ in enumerate(case.edits):
                before, after = case.edits[:number], case.edits[: number + 1]
                assert send(case.recipe, before) != send(case.recipe, after), case.id


def test_an_edit_that_changes_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not contain"):
        send(POST, (rewrite("Signature-Input", "nowhere", ""),))


def test_a_replaced_header_keeps_its_place() -> None:
    sent = send(GET, (put("Host", "a", "b"),))

    assert list(sent.headers[:3]) == [
        ("Host", "a"),
        ("Host", "b"),
        ("UCP-Agent", 'profile="https://platform.example/.well-known/ucp"'),
    ]
