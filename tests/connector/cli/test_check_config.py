from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from connector.cli.main import main
from connector.validation import release
from tests.connector.settings.documents import KEY

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


REGISTERING = (
    GOOD
    + """
    platforms:
      directory: platforms
      discovered_operations: [get_checkout]
      registered:
        - profile: https://fetched.example/ucp
          operations: [get_order]
"""
)


def _put_pinned(tmp_path: Path, **changes: Any) -> Path:
    (tmp_path / "platforms").mkdir()
    path = tmp_path / "platforms" / "pinned.yaml"
    registration = {"profile": "https://pinned.example/ucp", "keys": [KEY], "version": "2026-08-25"}
    path.write_text(json.dumps({**registration, **changes}))
    return path


def test_registrations_of_a_folder_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _put_pinned(tmp_path)
    assert _check(tmp_path, REGISTERING) == 0
    assert "  platforms    discovery open, 2 registered" in capsys.readouterr().out.splitlines()


def test_a_folder_without_registrations_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "platforms").mkdir()
    assert _check(tmp_path, REGISTERING) == 0
    assert f"no platform is registered in {tmp_path}/platforms" in capsys.readouterr().out


def test_a_bad_registration_is_named_by_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _put_pinned(tmp_path, colour="red")
    assert _check(tmp_path, REGISTERING) == 1
    assert capsys.readouterr().err == f"{file}: colour: unknown key\n"


def test_permissions_are_printed_where_they_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _put_pinned(tmp_path, schemes=["detached-jws"])
    assert _check(tmp_path, REGISTERING) == 0
    assert "permissions at" not in capsys.readouterr().out
    assert _check(tmp_path, REGISTERING, "--permissions") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "permissions at flower-shop" in lines
    at = "merchants[0].platforms"
    fetched, pinned = "https://fetched.example/ucp", "https://pinned.example/ucp"
    for row in (
        "operation caller signed by answer rule",
        f"get_checkout discovered rfc9421 permitted {at}.discovered_operations",
        f"get_cart discovered rfc9421 operation_not_permitted {at}.discovered_operations",
        "get_cart registered rfc9421 permitted tiers.registered.operations",
        f"get_order {fetched} rfc9421 permitted {at}.registered[0].operations",
        f"get_cart {fetched} rfc9421 operation_not_permitted {at}.registered[0].operations",
        f"get_cart {pinned} detached-jws signature_invalid {file}: allow_unbound_get",
    ):
        assert row in lines


def test_permissions_are_printed_for_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _put_pinned(tmp_path)
    assert _check(tmp_path, REGISTERING, "--permissions", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["permissions"]["flower-shop"]
    assert rows[0] == {
        "operation": "create_checkout",
        "kind": "write",
        "caller": "discovered",
        "scheme": "rfc9421",
        "permitted": False,
        "code": "operation_not_permitted",
        "rule": "merchants[0].platforms.discovered_operations",
    }
    assert {each["caller"] for each in rows} == {
        "discovered",
        "registered",
        "https://fetched.example/ucp",
    }


def test_the_longest_that_a_key_taken_back_verifies_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _put_pinned(tmp_path)
    assert _check(tmp_path, REGISTERING) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    start = lines.index(
        "revocation   by discovery.revoked: 1s after the file changed, or at SIGHUP"
    )
    assert lines[start + 1 : start + 4] == [
        "by a discovered platform, in its profile: at most 15m",
        "by a registered platform, in its profile: at most 65m",
        "by one of 1 with pinned keys: only in this configuration",
    ]


@pytest.mark.parametrize(
    ("platforms", "bounds"),
    [
        ("{}", {"listed": 1.0, "discovered": 900.0}),
        ("{discovery: registered}", {"listed": 1.0}),
        (
            '{discovery: registered, registered: [{profile: "https://p.example/"}]}',
            {"listed": 1.0, "registered": 3900.0},
        ),
    ],
)
def test_the_bounds_of_revocation_follow_from_who_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], platforms: str, bounds: dict[str, float]
) -> None:
    assert _check(tmp_path, f"{GOOD}    platforms: {platforms}\n", "--json") == 0
    (merchant,) = json.loads(capsys.readouterr().out)["merchants"]
    assert merchant["revocation"] == bounds


def test_replicas_that_share_profiles_add_what_their_clocks_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert _check(tmp_path, f"discovery: {{fleet_key: {key}}}\n{GOOD}") == 0
    assert "at most 15m, and what the clocks of replicas differ" in capsys.readouterr().out


def test_a_table_that_nobody_is_held_to_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(tmp_path, UNSAFE, "--permissions") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "permissions at flower-shop, only told: insecure_observe refuses nobody" in lines
