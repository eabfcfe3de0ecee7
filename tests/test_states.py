"""The state table: what can happen to a message that we own, and above all what cannot."""

import pytest

from gateway.errors import IllegalTransition
from gateway.states import SENDING, TERMINAL, TRANSITIONS, Action, State, advance


def test_every_state_has_its_line_in_the_table() -> None:
    """A state left out would be a message that nothing can be done with."""
    assert set(TRANSITIONS) == set(State)


def test_every_state_can_be_reached() -> None:
    """A state that nothing leads to is a mistake in the table."""
    reached = {new for actions in TRANSITIONS.values() for new in actions.values()}

    assert reached | {State.PENDING} == set(State)


def test_every_state_leads_to_an_end() -> None:
    """A message that can never end would be kept for ever."""
    for state in State:
        seen, front = set(), {state}
        while front:
            seen |= front
            front = {new for old in front for new in TRANSITIONS[old].values()} - seen
        assert seen & TERMINAL


@pytest.mark.parametrize("state", sorted(TERMINAL))
@pytest.mark.parametrize("action", list(Action))
def test_an_end_is_an_end(state: State, action: Action) -> None:
    """One disposition: what is released can never be returned as well."""
    with pytest.raises(IllegalTransition, match=f"cannot {action} a message that is {state}"):
        advance(state, action)


def test_only_a_release_lets_a_held_message_go() -> None:
    """Nothing is released by time, by failure or by default."""
    assert [action for action, new in TRANSITIONS[State.HELD].items() if new in SENDING] == [Action.RELEASE]


def test_nothing_but_downstream_makes_a_message_released() -> None:
    """The word means that downstream has said 250."""
    ways = [
        (old, action) for old, actions in TRANSITIONS.items() for action in actions if actions[action] is State.RELEASED
    ]

    assert ways == [(State.RELEASING, Action.DELIVER)]


def test_what_downstream_refuses_is_held_again() -> None:
    """A refused release is neither lost nor returned: a person decides once more."""
    assert advance(State.RELEASING, Action.BOUNCE) is State.HELD


def test_time_gives_back_and_never_lets_go() -> None:
    """Expiry returns mail with a notice."""
    assert advance(State.HELD, Action.EXPIRE) is State.RETURNING
