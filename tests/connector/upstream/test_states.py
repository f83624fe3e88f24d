import pytest

from connector.upstream.states import STEPS, TRANSITIONS, Effect, Event, State

WITH_REQUEST = [
    state for state in State if state not in (State.CONNECTING, State.IDLE, State.CLOSED)
]
FLOW = [Event.BLOCKED, Event.FLUSHED]
ONE_WAY = [State.EARLY_HEAD, State.READING_LAST, State.STREAMING_LAST]
FAILURES = [Effect.FAIL_UNANSWERED, Effect.FAIL_BROKEN, Effect.FAIL_TIMEOUT]
DELIVERIES = [Effect.DELIVER_AND_POOL, Effect.DELIVER_AND_CLOSE]
FINISHES = [Effect.FINISH_AND_POOL, Effect.FINISH_AND_CLOSE]


def reachable(start: State) -> set[State]:
    seen = {start}
    todo = [start]
    while todo:
        for state, _ in STEPS[todo.pop()]:
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return seen


def test_every_state_has_an_outcome_for_every_event() -> None:
    assert len(STEPS) == len(State)
    assert all(len(row) == len(Event) for row in STEPS)
    assert [state.value for state in State] == list(range(len(State)))
    assert [event.value for event in Event] == list(range(len(Event)))


def test_the_compiled_table_says_what_the_written_one_says() -> None:
    for state, row in TRANSITIONS.items():
        for event, outcome in row.items():
            assert STEPS[state][event] == outcome


@pytest.mark.parametrize("event", Event)
def test_a_closed_connection_stays_closed_and_does_nothing(event: Event) -> None:
    assert STEPS[State.CLOSED][event] == (State.CLOSED, Effect.NOTHING)


@pytest.mark.parametrize("state", WITH_REQUEST)
@pytest.mark.parametrize("event", Event)
def test_what_is_not_foreseen_with_a_request_aboard_breaks_it(state: State, event: Event) -> None:
    if event not in [*TRANSITIONS[state], *FLOW]:
        assert STEPS[state][event] == (State.CLOSED, Effect.FAIL_BROKEN)


@pytest.mark.parametrize("event", [event for event in Event if event not in [*FLOW, Event.WRITE]])
def test_whatever_happens_to_an_idle_connection_closes_it(event: Event) -> None:
    assert STEPS[State.IDLE][event] == (State.CLOSED, Effect.CLOSE)


@pytest.mark.parametrize(
    "event", [event for event in Event if event not in [*FLOW, Event.CONNECTED]]
)
def test_whatever_happens_before_it_is_connected_closes_it(event: Event) -> None:
    assert STEPS[State.CONNECTING][event] == (State.CLOSED, Effect.CLOSE)


@pytest.mark.parametrize("state", [state for state in State if state is not State.IDLE])
def test_only_an_idle_connection_takes_a_request(state: State) -> None:
    assert STEPS[state][Event.WRITE][0] is State.CLOSED


@pytest.mark.parametrize("event", FLOW)
def test_what_tls_writes_by_itself_changes_nothing(event: Event) -> None:
    meaning = {
        (State.SENDING, Event.FLUSHED): State.AWAITING_HEAD,
        (State.AWAITING_HEAD, Event.BLOCKED): State.SENDING,
    }
    for state in State:
        assert STEPS[state][event] == (meaning.get((state, event), state), Effect.NOTHING)


def test_a_connection_becomes_idle_only_when_connected_or_after_a_whole_answer() -> None:
    to_idle = {
        (state, event)
        for state in State
        for event in Event
        if STEPS[state][event][0] is State.IDLE and state is not State.IDLE
    }
    assert to_idle == {
        (State.CONNECTING, Event.CONNECTED),
        (State.READING, Event.END),
        (State.STREAMING, Event.END),
    }


@pytest.mark.parametrize("state", ONE_WAY)
def test_from_a_last_answer_there_is_no_way_back_to_the_pool(state: State) -> None:
    assert State.IDLE not in reachable(state)


@pytest.mark.parametrize("state", State)
def test_extra_bytes_end_every_hope_of_reuse(state: State) -> None:
    assert State.IDLE not in reachable(STEPS[state][Event.EXTRA_BYTES][0])


@pytest.mark.parametrize("event", [Event.HEAD, Event.LAST_HEAD, Event.PART, Event.INFORMATIONAL])
def test_an_answer_that_begins_before_the_request_is_out_is_the_last(event: Event) -> None:
    assert State.IDLE not in reachable(STEPS[State.SENDING][event][0])


def test_only_a_whole_request_without_any_answer_byte_counts_as_unanswered() -> None:
    unanswered = {
        (state, event)
        for state in State
        for event in Event
        if STEPS[state][event][1] is Effect.FAIL_UNANSWERED
    }
    assert unanswered == {(State.AWAITING_HEAD, Event.EOF), (State.AWAITING_HEAD, Event.RESET)}


@pytest.mark.parametrize("state", [State.READING_HEAD, State.READING, State.EARLY_HEAD])
def test_after_the_first_answer_byte_nothing_leads_back_to_awaiting_one(state: State) -> None:
    todo, seen = [state], {state}
    while todo:
        for event in Event:
            following = STEPS[todo[-1]][event][0]
            if following not in seen and following is not State.IDLE:
                seen.add(following)
                todo.insert(0, following)
        todo.pop()
    assert State.AWAITING_HEAD not in seen


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_closing_effects_and_only_they_lead_to_closed(state: State, event: Event) -> None:
    following, effect = STEPS[state][event]
    closing = [
        *FAILURES,
        Effect.CLOSE,
        Effect.DELIVER_AND_CLOSE,
        Effect.FINISH_AND_CLOSE,
    ]
    if state is not State.CLOSED:
        assert (following is State.CLOSED) == (effect in closing)


def test_every_request_ends_with_exactly_one_outcome() -> None:
    """Walk all (state, who waits) pairs: each effect meets somebody it can serve, once."""
    start = (State.CONNECTING, "nobody")
    seen, todo = {start}, [start]
    while todo:
        state, waiting = todo.pop()
        for event in Event:
            following, effect = STEPS[state][event]
            after = waiting
            if effect in DELIVERIES:
                assert waiting == "caller"
                after = "nobody"
            elif effect is Effect.STREAM:
                assert waiting == "caller"
                after = "stream"
            elif effect is Effect.PASS:
                assert waiting == "stream"
            elif effect in FINISHES:
                assert waiting == "stream"
                after = "nobody"
            elif effect in FAILURES:
                assert waiting != "nobody"
                after = "nobody"
            elif effect is Effect.CLOSE:
                assert waiting == "nobody" or event is Event.ABANDON
                after = "nobody"
            elif (state, event) == (State.IDLE, Event.WRITE):
                after = "caller"
            if following in (State.CONNECTING, State.IDLE, State.CLOSED):
                assert after == "nobody"
            else:
                assert after != "nobody"
            if (following, after) not in seen:
                seen.add((following, after))
                todo.append((following, after))
    assert {state for state, _ in seen} == set(State)
