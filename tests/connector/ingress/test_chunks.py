import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import Refusal
from connector.ingress.chunks import MAX_OVERHEAD, ChunkScanner


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40)), st.binary(max_size=20), st.data())
def test_the_end_is_found_however_the_octets_are_split(
    pieces: list[bytes], behind: bytes, data: st.DataObject
) -> None:
    body = chunked(pieces)
    stream = body + behind
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    scanner, at = ChunkScanner(10_000), 0
    for cut in [*cuts, len(stream)]:
        at = scanner.scan(stream[:cut], at)
    assert (scanner.done, at, scanner.size) == (True, len(body), sum(map(len, pieces)))


@settings(deadline=None)
@given(st.binary(max_size=60), st.data())
def test_octets_are_judged_alike_whole_and_in_pieces(octets: bytes, data: st.DataObject) -> None:
    def outcome(cuts: list[int]) -> tuple[str, int] | str:
        scanner, at = ChunkScanner(100), 0
        try:
            for cut in [*cuts, len(octets)]:
                at = scanner.scan(octets[:cut], at)
        except Refusal as refusal:
            return refusal.code.name
        return ("done" if scanner.done else "open", at)

    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)))))
    assert outcome(cuts) == outcome([])


@pytest.mark.parametrize(
    "octets",
    [
        b"5;a=b\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"-1\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhelloX\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello\r0\r\n\r\n",
        b"5\r\rhello",
        b"000000005\r\n",
        b"\r\n",
        b"g",
        b"5\r\nhello\r\n0\r\nSignature: x\r\n\r\n",
        b"0\r\nContent-Digest: x\r\n\r\n",
        b"0\r\n\n",
        b"0;x\r\n\r\n",
    ],
)
def test_framing_beyond_size_and_crlf_is_refused(octets: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        ChunkScanner(1000).scan(octets, 0)
    assert refused.value.code.name == "malformed_request"


def test_trailers_are_named_as_what_they_are() -> None:
    with pytest.raises(Refusal) as refused:
        ChunkScanner(1000).scan(b"0\r\nX: y\r\n\r\n", 0)
    assert refused.value.reason == "trailers"


def test_a_chunk_beyond_the_limit_is_refused_before_its_data() -> None:
    scanner = ChunkScanner(10)
    assert scanner.scan(b"a\r\n", 0) == 3
    with pytest.raises(Refusal) as refused:
        ChunkScanner(10).scan(b"b\r\n", 0)
    assert refused.value.code.name == "payload_too_large"


def test_many_small_chunks_are_refused_long_before_the_limit_on_data() -> None:
    with pytest.raises(Refusal, match="too many chunks"):
        ChunkScanner(1 << 20).scan(chunked([b"x"] * MAX_OVERHEAD), 0)
