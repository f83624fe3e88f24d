from __future__ import annotations

from base64 import b64decode
from typing import Final

import pytest

from canonical import SignatureInvalid, load_key
from connector.diagnosis.generator import keys
from connector.diagnosis.generator.mistakes import encoded_as, over, over_base_with, written_as
from connector.diagnosis.generator.recipes import GET, Sent, send

_KEY: Final = load_key(keys.public_jwk("platform-2026"))


def _octets(sent: Sent) -> bytes:
    return b64decode(dict(sent.headers)["Signature"].removeprefix("sig1=:").removesuffix(":"))


def test_a_wrong_base_is_signed_in_place_of_the_right_one() -> None:
    good, bad = send(GET), send(GET, (over_base_with('"@method": GET', '"@method": get'),))

    assert bad._replace(headers=good.headers) == good
    _KEY.verify(_octets(bad), good.bases[0].replace(b"GET", b"get"))
    with pytest.raises(SignatureInvalid):
        _KEY.verify(_octets(bad), good.bases[0])


def test_octets_are_sent_as_they_were_changed() -> None:
    sent = send(GET, (encoded_as(lambda octets: octets + b"x"),))

    assert _octets(sent) == _octets(send(GET)) + b"x"


def test_the_text_of_a_signature_can_be_none() -> None:
    sent = send(GET, (written_as(lambda text: f"{text} "),))

    assert dict(sent.headers)["Signature"] == dict(send(GET).headers)["Signature"][:-1] + " :"


@pytest.mark.parametrize(
    "edit",
    [
        over(lambda base: base),
        over_base_with("nowhere", "x"),
        encoded_as(lambda octets: octets),
        written_as(lambda text: text),
    ],
)
def test_a_mistake_that_changes_nothing_is_an_error(edit: object) -> None:
    assert callable(edit)
    with pytest.raises(ValueError, match="not changed"):
        edit(send(GET))
