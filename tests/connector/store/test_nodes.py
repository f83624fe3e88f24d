from __future__ import annotations

import pytest
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as BrokenConnection
from redis.exceptions import RedisError

from connector.store.nodes import is_broken, kind_of, refusal

# What servers say, and whether a script may have written before they said it.
REPLIES = {
    "LOADING Valkey is loading the dataset in memory": False,
    "READONLY You can't write against a read only replica.": False,
    "READONLY You can't write against a read only replica. script: f00, on @user_script:1.": False,
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": False,
    "CLUSTERDOWN Hash slot not served": False,
    "CLUSTERDOWN The cluster is down": False,
    "TRYAGAIN Multiple keys request during rehashing of slot": False,
    "OOM command not allowed when used memory > 'maxmemory'.": False,
    "MISCONF Errors writing to the AOF file: No space left on device": False,
    "BUSY Valkey is busy running a script. You can only call SCRIPT KILL.": False,
    "NOPERM User gateway has no permissions to run the 'evalsha' command": False,
    "NOPERM No permissions to access a key script: f00, on @user_script:1.": True,
    "NOAUTH Authentication required.": False,
    "WRONGPASS invalid username-password pair or user is disabled.": False,
    "NOREPLICAS Not enough good replicas to write.": False,
    "CROSSSLOT Keys in request don't hash to the same slot": False,
    "ERR max number of clients reached": False,
    "ERR unknown command 'EVALSHA', with args beginning with: ": False,
    "ERR value is not an integer or out of range script: f00, on @user_script:1.": True,
    "WRONGTYPE Operation against a key holding the wrong kind of value": True,
    "ANYTHING else": True,
}


def parsed(text: str) -> RedisError:
    error = BaseParser.parse_error(text)  # type: ignore[no-untyped-call]  # no annotations
    assert isinstance(error, RedisError)
    return error


@pytest.mark.parametrize("text", REPLIES)
def test_an_error_reply_says_whether_anything_was_done(text: str) -> None:
    error = parsed(text)
    assert kind_of(error) == text.partition(" ")[0]
    assert not is_broken(error)
    assert refusal(error, unsure=False).applied == REPLIES[text]


@pytest.mark.parametrize("text", REPLIES)
def test_a_refusal_takes_nothing_back_that_was_sent_before(text: str) -> None:
    assert refusal(parsed(text), unsure=True).applied


def test_an_error_reply_is_not_passed_on_in_its_own_words() -> None:
    text = "NOPERM No permissions to access a key: ucp1:secret"
    assert "secret" not in repr(refusal(parsed(text), unsure=False))


def test_a_connection_that_breaks_is_no_reply() -> None:
    assert is_broken(BrokenConnection("Connection closed by server."))
