"""The answer to a call in an event stream: found, kept, and nothing else kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.transports.event_streams import EventRecorder
from connector.transports.json_members import read_object
from tests.connector.transports.json_texts import OBJECTS, pieces, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

BOM = b"\xef\xbb\xbf"
ANSWER = b'{"jsonrpc":"2.0","id":7,"result":{"structuredContent":{"id":"chk_1"}}}'
NOTIFICATION = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}'
LIMIT = 1000


class Found(NamedTuple):
    answer: bytes | None
    answered: bool
    overflow: bool


NOTHING = Found(None, answered=False, overflow=False)
TOO_LARGE = Found(None, answered=True, overflow=True)


def kept(answer: bytes) -> Found:
    return Found(answer, answered=True, overflow=False)


def found(*octets: bytes, call_id: bytes = b"7", limit: int = LIMIT) -> Found:
    recorder = EventRecorder(call_id, limit)
    for piece in octets:
        recorder.feed(piece)
    return Found(recorder.answer, recorder.answered, recorder.overflow)


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def events(stream: bytes) -> list[bytes]:
    """Return the data of every event, as the HTML standard interprets a whole stream."""
    dispatched: list[bytes] = []
    data: bytes | None = None
    *lines, _ = re.split(rb"\r\n|\r|\n", stream.removeprefix(BOM))
    for line in lines:
        field, _, value = line.partition(b":")
        if not line:
            dispatched += [] if data is None else [data]
            data = None
        elif field == b"data":
            value = value.removeprefix(b" ")
            data = value if data is None else data + b"\n" + value
    return dispatched


def expected(stream: bytes, limit: int) -> Found:
    """Judge a whole stream, read in memory, for the id 7."""
    for data in events(stream):
        message = read_object(data)
        if message is None or not (message.has("result") or message.has("error")):
            continue
        if re.fullmatch(r"7(\.0+)?", message.literal("id") or ""):
            return kept(data) if len(data) <= limit else TOO_LARGE
    return NOTHING


PARTS = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b"data:", b"data: ", b"data", b"datas: ", b": ", b"id: 7", b"event:m",
     b" ", BOM, b'{"id":7,"result":{}}', b'{"id":7,', b'"error":1}', b'{"id":8,"result":1}',
     b"\xff", b'data: {"id":7.0,\ndata:"result":1}\n\n', event(ANSWER), event(NOTIFICATION)]
)  # fmt: skip


@given(st.data(), st.lists(PARTS, max_size=14), st.sampled_from([0, 10, 19, 20, 21, LIMIT]))
def test_in_any_pieces_a_stream_is_read_as_the_standard_reads_it_whole(
    data: st.DataObject, parts: list[bytes], limit: int
) -> None:
    stream = b"".join(parts)
    assert expected(stream, limit) == found(stream, limit=limit)
    assert expected(stream, limit) == found(*data.draw(pieces(stream)), limit=limit)
    assert expected(stream, limit) == found(*(bytes([each]) for each in stream), limit=limit)


@st.composite
def streams(draw: st.DrawFn, messages: Iterable[str]) -> bytes:
    """Write messages as events: any line ends, other fields, comments, data on several lines."""
    line_end = st.sampled_from([b"\n", b"\r", b"\r\n"])
    other = st.sampled_from([b"", b": ping", b"event: message", b"id: 7", b"retry: 10", b"x", b":"])
    stream = BOM if draw(st.booleans()) else b""
    for message in messages:
        # White space between tokens may be a line end, and that of the stream: it becomes LF.
        for line in message.replace("\r", " ").split("\n"):
            noise = draw(other)
            stream += noise + draw(line_end) if noise else b""
            space = b" " if draw(st.booleans()) or line.startswith(" ") else b""
            stream += b"data:" + space + line.encode() + draw(line_end)
        # CR and LF of two line ends would be one.
        stream += b": end\n" + draw(line_end)
    return stream


@given(
    st.data(), OBJECTS, OBJECTS, st.sampled_from(["result", "error"]), st.sampled_from([20, LIMIT])
)
def test_an_answer_among_other_messages_is_kept_as_it_was_written(
    data: st.DataObject, other: dict[str, Any], result: dict[str, Any], member: str, limit: int
) -> None:
    draw = data.draw
    other.pop("id", None)
    answer = draw(spelled({"jsonrpc": "2.0", "id": 7, member: result}))
    stream = draw(streams([draw(spelled(other)), NOTIFICATION.decode(), answer, ANSWER.decode()]))
    written = answer.replace("\r", " ").encode()
    judged = kept(written) if len(written) <= limit else TOO_LARGE
    assert judged == found(*draw(pieces(stream)), limit=limit)


def test_the_answer_is_known_as_soon_as_its_event_ends() -> None:
    for end in (b"\n\n", b"\r\r", b"\r\n\r\n", b"\r\n\r"):
        recorder = EventRecorder(b"7", LIMIT)
        recorder.feed(b"data: " + ANSWER + end[:-1])
        assert not recorder.answered or end == b"\r\n\r\n"  # there the CR has ended it already
        recorder.feed(end[-1:])
        assert recorder.answer == ANSWER


def test_a_cr_and_an_lf_in_two_pieces_end_one_line() -> None:
    assert found(b"data: " + ANSWER + b"\r", b"", b"\n") == NOTHING
    assert found(b"data: " + ANSWER + b"\r", b"\n", b"\r") == kept(ANSWER)
    assert found(b"data: " + ANSWER + b"\r", b"\n\r") == kept(ANSWER)
    assert found(b": ping\r", b"\n" + event(ANSWER)) == kept(ANSWER)


def test_the_lines_of_an_event_are_joined_by_lf() -> None:
    stream = b'data:{"id":7,\r\ndata\r\n: note\r\nid: 1\r\ndata:  "result":1}\r\n\r\n'
    assert found(stream) == kept(b'{"id":7,\n\n "result":1}')


@pytest.mark.parametrize("start", [b"", BOM, b"\n", BOM + b"\r\n\r\n", b":" + BOM + b"\n"])
def test_a_stream_may_begin_with_a_byte_order_mark_and_empty_lines(start: bytes) -> None:
    assert found(start + event(ANSWER)) == kept(ANSWER)
    assert found(*(bytes([octet]) for octet in start + event(ANSWER))) == kept(ANSWER)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"data: " + ANSWER, id="cut before the line ends"),
        pytest.param(b"data: " + ANSWER + b"\n", id="cut before the event ends"),
        pytest.param(BOM + BOM + event(ANSWER), id="two byte order marks"),
        pytest.param(b"\n" + BOM + event(ANSWER), id="a byte order mark later on"),
        pytest.param(b" " + event(ANSWER), id="space before the field"),
        pytest.param(b"data : " + ANSWER + b"\n\n", id="space after the field"),
        pytest.param(b"Data: " + ANSWER + b"\n\n", id="another case"),
        pytest.param(b"datas: " + ANSWER + b"\n\n", id="a longer field"),
        pytest.param(b": data: " + ANSWER + b"\n\n", id="a comment"),
        pytest.param(b"event: " + ANSWER + b"\n\n", id="another field"),
        pytest.param(ANSWER + b"\n\n", id="no field"),
        pytest.param(b"data\n\n", id="no data"),
        pytest.param(b"data: x\n" + event(ANSWER), id="not all of the data"),
        pytest.param(event(b"\xff" + ANSWER), id="no UTF-8"),
        pytest.param(event(ANSWER.replace(b"chk", b"\xff")), id="no UTF-8 in a string"),
        pytest.param(event(ANSWER + ANSWER), id="two messages"),
        pytest.param(event(ANSWER[:-1]), id="half a message"),
        pytest.param(event(b"[" + ANSWER + b"]"), id="a batch"),
        pytest.param(event(b'{"jsonrpc":"2.0","id":7,"method":"roots/list"}'), id="a request"),
        pytest.param(event(NOTIFICATION), id="a notification"),
        pytest.param(event(b'{"result":1}'), id="no id"),
        pytest.param(event(b'{"id":7,"id":7,"result":1}'), id="two ids"),
        pytest.param(event(b'{"id":7,"\\u0069d":8,"result":1}'), id="two ids, one escaped"),
        pytest.param(event(b'{"ID":7,"result":1}'), id="an id in another case"),
        pytest.param(event(b'{"params":{"id":7,"result":1}}'), id="an id further down"),
        pytest.param(event(b'{"id":7,"params":{"result":1}}'), id="a result further down"),
    ],
)
def test_what_is_not_the_answer_is_not_taken_for_it(stream: bytes) -> None:
    assert found(stream) == NOTHING
    assert found(stream, limit=5) == NOTHING
    assert found(*(bytes([octet]) for octet in stream)) == NOTHING


SAME = [
    (b"7", b"7"),
    (b"7", b"7.0"),
    (b"7", b"70e-1"),
    (b"7", b"0.7E+1"),
    (b"1e3", b"1000"),
    (b"0", b"-0"),
    (b"9007199254740993", b"9007199254740993"),
    (b'"a"', b'"a"'),
    (b'"\xc3\xa9"', b'"\\u00e9"'),
    (b'"\\u00E9/"', b'"\xc3\xa9\\/"'),
    (b'""', b'""'),
    (b'"7"', b'"\\u0037"'),
    (b'"\\ud83d\\ude00"', b'"\xf0\x9f\x98\x80"'),
]
DIFFERENT = [
    (b"7", b'"7"'),
    (b'"7"', b"7"),
    (b"7", b"8"),
    (b"7", b"-7"),
    (b"7", b"7.0000001"),
    (b"7", b"77"),
    (b"9007199254740993", b"9007199254740992"),
    (b'"a"', b'"A"'),
    (b'"a"', b'"a "'),
    (b'"a"', b'"aa"'),
    (b'"\xc3\xa9"', b'"e\xcc\x81"'),
    (b'"null"', b"null"),
    (b'"true"', b"true"),
    (b"1", b"true"),
    (b"0", b"false"),
    (b"0", b"null"),
    (b"0", b"[]"),
    (b"7", b"[7]"),
    (b'"a"', b'{"a":"a"}'),
    (b"1", b"1e99999999999999999999"),
    (b"1e99999999", b"1e99999998"),
]


@pytest.mark.parametrize(("call_id", "sent"), SAME)
@pytest.mark.parametrize("order", [b'{"id":%b,"result":1}', b'{"result":1,"id":%b}'])
def test_one_value_is_one_id_however_it_is_written(
    call_id: bytes, sent: bytes, order: bytes
) -> None:
    assert found(event(order % sent), call_id=call_id) == kept(order % sent)
    assert found(event(order % sent), call_id=call_id, limit=3) == TOO_LARGE


@pytest.mark.parametrize(("call_id", "sent"), DIFFERENT)
def test_different_values_are_different_ids(call_id: bytes, sent: bytes) -> None:
    stream = event(b'{"id":%b,"result":1}' % sent)
    assert found(stream, call_id=call_id) == NOTHING
    assert found(stream, call_id=call_id, limit=3) == NOTHING


def test_a_number_written_more_than_six_times_as_long_is_another_id() -> None:
    for limit in (LIMIT, 3):
        assert found(event(b'{"id":7.0000,"result":1}'), limit=limit).answered
        assert not found(event(b'{"id":7.00000,"result":1}'), limit=limit).answered


def test_a_number_too_large_to_work_out_is_compared_all_the_same() -> None:
    assert found(event(b'{"id":1e99999999,"error":{}}'), call_id=b"1e99999999").answered


@pytest.mark.parametrize(
    "call_id", [b"", b"null", b"true", b"[7]", b"{}", b"[" * 100_000, b"NaN", b"07", b'"a', b"\xff"]
)
def test_an_id_that_no_call_can_have_is_an_error(call_id: bytes) -> None:
    with pytest.raises(ValueError, match=r"id of a call|utf-8"):
        EventRecorder(call_id, LIMIT)


def test_the_first_answer_counts() -> None:
    second = b'{"id":7,"error":{"code":1}}'
    assert found(event(ANSWER) + event(second)) == kept(ANSWER)
    assert found(event(ANSWER), event(second)) == kept(ANSWER)
    large = ANSWER + b" " * LIMIT
    assert found(event(large), event(ANSWER)) == TOO_LARGE


def test_an_answer_of_just_the_limit_is_kept() -> None:
    assert found(event(ANSWER), limit=len(ANSWER)) == kept(ANSWER)
    assert found(event(ANSWER), limit=len(ANSWER) - 1) == TOO_LARGE
    # The LF between two lines counts, that behind the last does not.
    lines = b"data:" + ANSWER + b"\ndata:\n\n"
    assert found(lines, limit=len(ANSWER) + 1) == kept(ANSWER + b"\n")
    assert found(lines, limit=len(ANSWER)) == TOO_LARGE


@pytest.mark.parametrize(
    "head_and_tail",
    [
        (b'{"jsonrpc":"2.0","id":7,"result":{"a":"', b'"}}'),
        (b'{"result":{"a":"', b'"},"jsonrpc":"2.0","id":7}'),
    ],
)
def test_an_answer_too_large_to_keep_is_known_wherever_its_id_stands(
    head_and_tail: tuple[bytes, bytes],
) -> None:
    head, tail = head_and_tail
    large = b"x" * LIMIT * 3
    assert found(b"data: " + head, large, tail + b"\n\n") == TOO_LARGE
    assert found(b"data: " + head, large, tail + b"\n") == NOTHING
    other = (b"data: " + head + large + tail + b"\n\n").replace(b":7", b":8")
    assert found(other) == NOTHING
    assert found(b"data: " + head, large, tail + b"}\n\n") == NOTHING


def test_a_large_message_that_is_not_the_answer_hides_none() -> None:
    large = event(b'{"method":"notifications/message","params":"' + b"x" * LIMIT * 2 + b'"}')
    assert found(large + event(ANSWER)) == kept(ANSWER)
    assert found(large[:-2] + b"\n" + b": " + b"y" * LIMIT * 2 + b"\n\n" + event(ANSWER)) == kept(
        ANSWER
    )


@pytest.mark.parametrize("start", [b"data: ", b"data: {", b'data: {"id":"', b": ", b"event:", b""])
def test_whatever_comes_never_more_than_the_limit_is_kept(start: bytes) -> None:
    recorder = EventRecorder(b"7", LIMIT)
    recorder.feed(start)
    for _ in range(200):
        recorder.feed(b"x" * 900)
        assert len(recorder._data) <= LIMIT
        assert len(recorder._head) < 10
    recorder.feed(b"\n\n" + event(ANSWER))
    assert recorder.answer == ANSWER


def test_many_short_lines_of_one_event_are_never_more_than_the_limit() -> None:
    recorder = EventRecorder(b"7", LIMIT)
    for _ in range(3000):
        recorder.feed(b"data\n")
        assert len(recorder._data) <= LIMIT
    recorder.feed(b"data:" + ANSWER + b"\n\n")
    assert recorder.overflow
    assert recorder.answer is None
