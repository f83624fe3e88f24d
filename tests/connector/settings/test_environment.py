from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector.settings.environment import PREFIX, variable_for
from connector.settings.loading import ConfigurationError, settings_from
from connector.settings.schema import Settings
from connector.settings.shape import settings_of
from tests.connector.settings.documents import FOLDER, KEY, MERCHANT

if TYPE_CHECKING:
    from connector.settings.schema import Settings as SettingsType


def given(environ: dict[str, str], **sections: Any) -> SettingsType:
    document = {"merchants": [MERCHANT], **sections}
    return settings_from(document, folder=FOLDER, environ=environ, source="config.yaml")


def problems(environ: dict[str, str], **sections: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        given(environ, **sections)
    return caught.value.problems


def test_a_variable_wins_over_the_file_and_leaves_the_rest() -> None:
    made = given(
        {"UCP_CONNECTOR__LISTEN__PORT": "9999"}, listen={"port": 8081, "host": "192.0.2.1"}
    )
    assert (made.listen.host, made.listen.port) == ("192.0.2.1", 9999)


def test_a_deep_setting_and_an_absent_section_can_be_given() -> None:
    environ = {
        "UCP_CONNECTOR__TIERS__DISCOVERED__FRESHNESS__REQUIRED": "true",
        "UCP_CONNECTOR__TIERS__DISCOVERED__RATES__TOTAL": "7/m burst 8",
    }
    tier = given(environ).tiers.discovered
    assert tier.freshness.required is True
    assert str(tier.rates.total) == "7/m burst 8"


def test_lists_are_written_as_yaml() -> None:
    made = given({"UCP_CONNECTOR__TRUSTED_PROXIES": "[10.0.0.0/8, '::1']"})
    assert [str(each) for each in made.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


def test_all_merchants_can_be_given() -> None:
    made = given(
        {
            "UCP_CONNECTOR__MERCHANTS": (
                "[{id: b, authorities: [b.example], upstream: {url: 'http://b.internal'}}]"
            )
        }
    )
    assert [merchant.id for merchant in made.merchants] == ["b"]


@pytest.mark.parametrize("text", ["12", "true", "null", "[x", "*a", "a: b", "#"])
def test_a_text_stays_as_it_stands(text: str) -> None:
    assert str(given({"UCP_CONNECTOR__SIGNING__KEYS": text}).signing.keys) == f"{FOLDER}/{text}"


def test_a_name_of_digits_is_text() -> None:
    assert given({"UCP_CONNECTOR__AUDIT__INSTANCE": "12"}).audit.instance == "12"


def test_a_list_of_names_or_all_can_be_given() -> None:
    variable = "UCP_CONNECTOR__TIERS__REGISTERED__OPERATIONS"
    assert given({variable: "all"}).tiers.registered.operations == "all"
    assert given({variable: "[get_cart]"}).tiers.registered.operations == ("get_cart",)


def test_every_setting_outside_lists_has_a_variable() -> None:
    names = {variable_for(setting.path) for setting in settings_of(Settings)}
    assert {
        "UCP_CONNECTOR__LISTEN__TLS__CLIENT_CA",
        "UCP_CONNECTOR__ADMIN__TOKEN_FILE",
        "UCP_CONNECTOR__AUTHORITY_FROM",
        "UCP_CONNECTOR__STORE__ENCRYPTION_KEYS",
        "UCP_CONNECTOR__AUDIT__DURABILITY",
        "UCP_CONNECTOR__DISCOVERY__INSECURE_ALLOW_LOOPBACK_PROFILES",
        "UCP_CONNECTOR__LIMITS__IN_FLIGHT",
        "UCP_CONNECTOR__RATES__PER_PEER",
        "UCP_CONNECTOR__TIERS__REGISTERED__RATES__WRITES",
        "UCP_CONNECTOR__MERCHANTS",
    } <= names


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("LISTEN__PROT", "no setting has this name; did you mean UCP_CONNECTOR__LISTEN__PORT?"),
        ("listen__port", "no setting has this name; write it in capitals: UCP_CONNECTOR__LISTEN__"),
        ("LISTEN", "no setting has this name; did you mean"),
        ("MERCHANTS__0__ID", "no setting has this name"),
        ("", "no setting has this name"),
    ],
)
def test_a_variable_that_names_no_setting_is_refused(variable: str, told: str) -> None:
    (line,) = problems({PREFIX + variable: "1"})
    assert line.startswith(f"{PREFIX}{variable}: {told}")


def test_other_variables_are_nobodys_business() -> None:
    given({"UCP_CONNECTOR": "1", "UCP_CONNECTOR_X": "1", "PATH": "/bin"})


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_variable_is_refused(text: str) -> None:
    (line,) = problems({"UCP_CONNECTOR__STORE__ENCRYPTION_KEYS": text})
    assert line.startswith("UCP_CONNECTOR__STORE__ENCRYPTION_KEYS: is empty")


def test_a_problem_names_the_variable_that_made_it() -> None:
    assert problems({"UCP_CONNECTOR__LISTEN__PORT": "http"}, admin={"port": "x"}) == (
        "UCP_CONNECTOR__LISTEN__PORT: is not a whole number",
        "config.yaml: admin.port: is not a whole number",
    )
    assert problems({"UCP_CONNECTOR__TRUSTED_PROXIES": "[a]"})[0].startswith(
        "UCP_CONNECTOR__TRUSTED_PROXIES: [0]: 'a' is not an address"
    )
    assert problems({"UCP_CONNECTOR__TRUSTED_PROXIES": "[a"})[0].startswith(
        "UCP_CONNECTOR__TRUSTED_PROXIES: line 1: not YAML"
    )


def test_every_bad_variable_has_its_line() -> None:
    told = problems({"UCP_CONNECTOR__A": "1", "UCP_CONNECTOR__LISTEN__HOST": ""})
    assert len(told) == 2


def test_a_section_that_is_none_in_the_file_is_told_there() -> None:
    (line,) = problems({"UCP_CONNECTOR__LISTEN__PORT": "1"}, listen=5)
    assert line == "config.yaml: listen: is not a mapping of settings"


def test_the_given_document_is_not_changed() -> None:
    document: dict[str, Any] = {"merchants": [MERCHANT], "listen": {"port": 1}}
    settings_from(document, folder=FOLDER, environ={"UCP_CONNECTOR__LISTEN__PORT": "2"})
    assert document["listen"] == {"port": 1}


def test_a_secret_in_a_variable_is_not_repeated() -> None:
    environ = {
        "UCP_CONNECTOR__AUDIT__EVIDENCE_KEY": "hunter2",
        "UCP_CONNECTOR__STORE__ENCRYPTION_KEYS": "[hunter2]",
        "UCP_CONNECTOR__STORE__URL": "redsi://:hunter2@host",
    }
    told = problems(environ)
    assert len(told) == 3
    assert "hunter2" not in "".join(told)
    assert KEY["x"] not in "".join(told)
