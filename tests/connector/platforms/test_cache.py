from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from connector.platforms.cache import SegmentedCache


def test_a_flood_that_never_verifies_leaves_what_did() -> None:
    cache: SegmentedCache[int] = SegmentedCache(100, 1_000_000)
    for known in range(80):
        cache.put(f"known-{known}", known, 1)
        cache.promote(f"known-{known}")
    for stranger in range(10_000):
        cache.put(f"stranger-{stranger}", stranger, 1)
    assert all(cache.get(f"known-{known}") == known for known in range(80))
    assert len(cache) == 100


def test_heavy_documents_that_verify_drive_out_no_light_one() -> None:
    cache: SegmentedCache[int] = SegmentedCache(100, 1000)
    for known in range(40):
        cache.put(f"known-{known}", known, 10)
        cache.promote(f"known-{known}")
    for heavy in range(1000):
        cache.put(f"heavy-{heavy}", heavy, 199)
        cache.promote(f"heavy-{heavy}")
    assert all(cache.is_protected(f"known-{known}") for known in range(40))
    assert [heavy for heavy in range(1000) if cache.is_protected(f"heavy-{heavy}")] == [998, 999]


def test_of_heavy_documents_the_one_that_verified_longest_ago_goes_first() -> None:
    cache: SegmentedCache[int] = SegmentedCache(100, 1000)
    for key in ("a", "b", "a", "c"):
        if cache.get(key) is None:
            cache.put(key, 1, 300)
        cache.promote(key)
    assert [key for key in "abc" if cache.is_protected(key)] == ["a", "c"]


def test_on_probation_the_least_recently_used_goes_first() -> None:
    cache: SegmentedCache[int] = SegmentedCache(2, 100)
    cache.put("a", 1, 1)
    cache.put("b", 2, 1)
    assert cache.get("a") == 1
    cache.put("c", 3, 1)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_what_falls_off_the_protected_part_goes_back_to_probation() -> None:
    cache: SegmentedCache[int] = SegmentedCache(5, 100)
    for key in "abcde":
        cache.put(key, 1, 1)
        cache.promote(key)
    assert [key for key in "abcde" if cache.is_protected(key)] == ["b", "c", "d", "e"]
    assert cache.get("a") == 1


def test_promoting_again_counts_as_use() -> None:
    cache: SegmentedCache[int] = SegmentedCache(5, 100)
    for key in "abcd":
        cache.put(key, 1, 1)
        cache.promote(key)
    cache.promote("a")
    cache.put("e", 1, 1)
    cache.promote("e")
    assert [key for key in "abcde" if cache.is_protected(key)] == ["a", "c", "d", "e"]


def test_a_newer_document_stays_where_the_older_one_was() -> None:
    cache: SegmentedCache[int] = SegmentedCache(5, 100)
    cache.put("a", 1, 1)
    cache.promote("a")
    cache.put("a", 2, 7)
    assert (cache.get("a"), cache.is_protected("a"), len(cache), cache.weight) == (2, True, 1, 7)


def test_weight_evicts_as_number_does() -> None:
    cache: SegmentedCache[int] = SegmentedCache(100, 10)
    for key in "abc":
        cache.put(key, 1, 4)
    assert [cache.get(key) for key in "abc"] == [None, 1, 1]


def test_what_is_heavier_than_the_whole_is_not_held_and_drives_nothing_out() -> None:
    cache: SegmentedCache[int] = SegmentedCache(10, 10)
    cache.put("a", 1, 5)
    cache.put("b", 2, 11)
    assert (cache.get("a"), cache.get("b")) == (1, None)


def test_promoting_what_is_not_held_is_nothing() -> None:
    cache: SegmentedCache[int] = SegmentedCache(10, 10)
    cache.promote("a")
    assert len(cache) == 0


@pytest.mark.parametrize(("entries", "weight"), [(0, 1), (1, 0)])
def test_a_cache_without_room_is_refused(entries: int, weight: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        SegmentedCache[int](entries, weight)


KEYS = st.sampled_from("abcdefghij")
SHARE = 12  # four fifths of the weight, by four fifths of the entries


class CacheMachine(RuleBasedStateMachine):
    """Against a model: what was promoted last and fits is never driven out by what was not."""

    def __init__(self) -> None:
        super().__init__()
        self.cache: SegmentedCache[int] = SegmentedCache(6, 60)
        self.last: dict[str, tuple[int, int]] = {}
        self.count = 0
        self.protected_before = 0

    def is_light(self, key: str) -> bool:
        return self.cache.is_protected(key) and self.last[key][1] <= SHARE

    @rule(key=KEYS, weight=st.integers(1, 30))
    def put(self, key: str, weight: int) -> None:
        before = {each for each in KEYS_LIST if self.cache.is_protected(each)}
        self.count += 1
        self.cache.put(key, self.count, weight)
        self.last[key] = (self.count, weight)
        if key not in before:
            # A newcomer moves nothing out of the protected part.
            assert before == {each for each in KEYS_LIST if self.cache.is_protected(each)}

    @rule(key=KEYS)
    def promote(self, key: str) -> None:
        held = self.cache.get(key)
        size = len(self.cache)
        light = {each for each in KEYS_LIST if self.is_light(each)}
        self.cache.promote(key)
        # Promotion moves, it never drops; and whatever is within its share is protected now.
        assert len(self.cache) == size
        assert self.cache.get(key) == held
        if held is not None and self.last[key][1] <= SHARE:
            assert self.cache.is_protected(key)
        lost = {each for each in light if not self.cache.is_protected(each)}
        # One may have to go for the number, none ever for the weight.
        assert len(lost) <= (1 if self.protected_before == 4 else 0)

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        value = self.cache.get(key)
        assert value is None or value == self.last[key][0]

    @invariant()
    def within_bounds(self) -> None:
        held = [key for key in KEYS_LIST if self.cache.get(key) is not None]
        assert len(held) == len(self.cache) <= 6
        assert sum(self.last[key][1] for key in held) == self.cache.weight <= 60
        protected = [key for key in held if self.cache.is_protected(key)]
        self.protected_before = len(protected)
        assert len(protected) <= 4
        assert sum(self.last[key][1] for key in protected) <= 48


KEYS_LIST = "abcdefghij"
TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=60, stateful_step_count=40)
