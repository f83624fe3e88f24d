from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from connector.cli.main import main
from connector.validation import release

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
merchants:
  - id: flower-shop
    authorities: [shop.example.com]
    endpoints: {mcp: off}
    upstream: {url: "http://127.0.0.1:8182"}
"""
UNSAFE = (
    GOOD
    + """
    enforcement: {signatures: insecure_observe}
discovery: {insecure_allow_loopback_profiles: true}
store: {timeout: 300ms}
tiers: {discovered: {freshness: {required: true, max_age: 90s}, operations: [get_checkout]}}
"""
)


def _check(tmp_path: Path, text: str, *options: str) -> int:
    path = tmp_path / "connector.yaml"
    path.write_text(text)
    return main(["check-config", "-c", str(path), *options])


def test_a_good_file_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(tmp_path, GOOD) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()

    assert lines[0] == f"{tmp_path}/connector.yaml: ok"
    assert "merchant flower-shop" in lines
    assert "  authorities  shop.example.com (https)" in lines
    assert "  rest         /ucp/v1" in lines
    assert "  mcp          off" in lines
    (log,) = [line for line in lines if line.startswith("audit log: ")]
    assert str(tmp_path / "audit") in log
    assert "not kept" in log
    assert "warning" not in captured.out
    assert captured.err == ""


def test_what_is_unsafe_or_without_effect_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(tmp_path, UNSAFE, "--json") == 0
    document = json.loads(capsys.readouterr().out)

    assert document["ok"] is True
    assert document["warnings"][:2] == [
        "discovery.insecure_allow_loopback_profiles is unsafe",
        "merchants[0].enforcement.signatures: insecure_observe is unsafe",
    ]
    assert document["tiers"]["discovered"]["operations"] == ["get_checkout"]


def test_terms_of_a_tier_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(tmp_path, UNSAFE) == 0

    assert (
        "tier discovered: rfc9421, coverage strict, at most 90s old, operations get_checkout"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("merchants: [", "line 1"),
        ("merchants: []", "merchants"),
        (GOOD + "surplus: 1\n", "surplus"),
        (GOOD.replace("flower-shop", "flower shop"), "merchants[0].id"),
        (GOOD + "limits: {body_timeout: soon}\n", "limits.body_timeout"),
    ],
)
def test_each_problem_is_a_line_and_the_status_is_1(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(tmp_path, text) == 1
    captured = capsys.readouterr()

    assert captured.out == ""
    assert says in captured.err
    assert "Traceback" not in captured.err


def test_problems_can_be_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(tmp_path, GOOD + "surplus: 1\nother: 2\n", "--json") == 1
    document = json.loads(capsys.readouterr().out)

    assert document["ok"] is False
    assert len(document["problems"]) == 2


def test_a_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "-c", str(tmp_path / "none.yaml")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_an_operation_that_shadows_the_protocols_own_is_found_before_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "connector.yaml"
    config.write_text(
        "merchants: [{id: a, authorities: [a.example], upstream: {url: 'http://127.0.0.1:9'},"
        " operations: [{name: mine, method: GET, path: '/carts/{id}', kind: read}]}]"
    )
    assert main(["check-config", "-c", str(config)]) == 1
    assert "overlaps 'get_cart'" in capsys.readouterr().err


def test_a_missing_key_file_is_no_problem_and_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(tmp_path, GOOD) == 0
    assert f"  answers      signed, keys in {tmp_path}/keys.json (serve makes it)" in (
        capsys.readouterr().out.splitlines()
    )
    assert not (tmp_path / "keys.json").exists()


@pytest.mark.parametrize(
    ("own", "place"), [(False, "signing.keys"), (True, "merchants[0].signing.keys")]
)
def test_a_key_file_that_cannot_be_used_is_a_problem(
    own: bool,  # noqa: FBT001 - data
    place: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "some-keys.json"
    path.write_text("{}")
    path.chmod(0o640)
    text = GOOD + (
        "    signing: {keys: some-keys.json}\n" if own else "signing: {keys: some-keys.json}\n"
    )
    assert _check(tmp_path, text) == 1
    config = tmp_path / "connector.yaml"
    assert capsys.readouterr().err == (
        f"{config}: {place}: {path}: others may use it (mode 0640): chmod 600 {path}\n"
    )
    unsigned = text.replace("endpoints:", "responses: {sign: false}\n    endpoints:")
    assert _check(tmp_path, unsigned) == 0
    assert "  answers      not signed" in capsys.readouterr().out.splitlines()


def test_a_key_file_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(tmp_path, GOOD) == 0
    assert main(["keys", "generate", "-c", str(tmp_path / "connector.yaml")]) == 0
    capsys.readouterr()
    assert _check(tmp_path, GOOD, "--json") == 0
    (merchant,) = json.loads(capsys.readouterr().out)["merchants"]
    assert merchant["signing"] == {"keys": f"{tmp_path}/keys.json", "made_at_start": False}


def test_requests_without_a_schema_are_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(tmp_path, f"{GOOD}    validation: {{requests: report}}\n", "--json") == 0
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert warning.startswith("merchant flower-shop: requests of version 2026-04-08 are held ")


def test_models_that_are_not_installed_are_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "installed", lambda _: "0.4.0")
    assert _check(tmp_path, f"{GOOD}    validation: {{requests: report}}\n") == 1
    assert "install ucp-connector[validation]" in capsys.readouterr().err
