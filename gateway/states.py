"""The life of a message that we own, for one recipient of it. Every change of state is in this table, and nowhere else.

    PENDING ──hold──> HELD ──release──> RELEASING ──deliver──> RELEASED
       │               │ ^                  │
       │               │ └─bounce, restore──┘
       │               └──return, expire──> RETURNING ──deliver, close──> RETURNED
       ├──return──────────────────────────────^
       └──relay──> RELAYING ──deliver──> RELAYED
                       └──bounce──> FAILED

    HELD ──agree, withdraw──> HELD: when a policy asks for several people, only the last of them releases.
    HELD ──escalate──> HELD: who hands it up leaves it to others.
    PENDING, RELEASING, RELAYING ──restore──> HELD: a backup does not know what left after it was made.

The store applies a change as "update where the state is the old one", with its audit record in the same transaction.
"""

from enum import StrEnum

from gateway.errors import IllegalTransition


class State(StrEnum):
    PENDING = "pending"  #: stored, 250 said, not yet judged
    HELD = "held"  #: waits for a reviewer
    RELEASING = "releasing"  #: a second person said yes; downstream has not yet
    RELEASED = "released"  #: downstream said 250
    RETURNING = "returning"  #: goes back to the sender, with a notice
    RETURNED = "returned"  #: the notice is with the sender's server, or there is nobody to tell
    RELAYING = "relaying"  #: ours to deliver: judged clean after our 250, or taken over from a mixed reply
    RELAYED = "relayed"  #: downstream said 250
    FAILED = "failed"  #: downstream refused; the sender has a notice of it


class Action(StrEnum):
    HOLD = "hold"
    RELAY = "relay"
    AGREE = "agree"  #: by a person, while others still have to
    WITHDRAW = "withdraw"  #: what one has agreed to
    ESCALATE = "escalate"  #: by a person who wants another one to decide
    RELEASE = "release"  #: by a person, never by time
    RETURN = "return"
    EXPIRE = "expire"
    DELIVER = "deliver"  #: downstream took it
    BOUNCE = "bounce"  #: downstream refused it, or did not take it for too long
    RESTORE = "restore"  #: it comes from a backup, and may have left since
    CLOSE = "close"  #: no notice can reach the sender: null sender, or his server refuses it


TRANSITIONS: dict[State, dict[Action, State]] = {
    State.PENDING: {
        Action.HOLD: State.HELD,
        Action.RELAY: State.RELAYING,
        Action.RETURN: State.RETURNING,  # policy `reject`, after our 250
        Action.RESTORE: State.HELD,
    },
    State.HELD: {
        Action.AGREE: State.HELD,
        Action.WITHDRAW: State.HELD,
        Action.ESCALATE: State.HELD,
        Action.RELEASE: State.RELEASING,
        Action.RETURN: State.RETURNING,
        Action.EXPIRE: State.RETURNING,  # time never releases anything
    },
    State.RELEASING: {Action.DELIVER: State.RELEASED, Action.BOUNCE: State.HELD, Action.RESTORE: State.HELD},
    State.RETURNING: {Action.DELIVER: State.RETURNED, Action.CLOSE: State.RETURNED},
    State.RELAYING: {Action.DELIVER: State.RELAYED, Action.BOUNCE: State.FAILED, Action.RESTORE: State.HELD},
    State.RELEASED: {},
    State.RETURNED: {},
    State.RELAYED: {},
    State.FAILED: {},
}

TERMINAL = frozenset(state for state, actions in TRANSITIONS.items() if not actions)
SENDING = frozenset({State.RELEASING, State.RELAYING})  #: what the courier carries


def advance(state: State, action: Action) -> State:
    """The state after `action`. Raises IllegalTransition."""
    try:
        return TRANSITIONS[state][action]
    except KeyError:
        raise IllegalTransition(f"cannot {action} a message that is {state}") from None
