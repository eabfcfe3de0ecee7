"""The life of a proposal to change the client directory. Every change of its stage is in this table, nowhere else.

    PROPOSED ──accept──> ACCEPTED ──withdraw──> WITHDRAWING ──withdraw──> WITHDRAWN
       ├──refuse──> REFUSED  ^───────────keep────────┘                       ^
       └──withdraw, by its proposer──────────────────────────────────────────┘

    ACCEPTED, WITHDRAWING ──restore──> PROPOSED: a backup does not know what was withdrawn after it was made.

In force are ACCEPTED and WITHDRAWING: it takes two people to put a change in force, and two to end it. No time moves
anything here.
"""

from enum import StrEnum

from gateway.errors import IllegalTransition


class Stage(StrEnum):
    PROPOSED = "proposed"  #: waits for a second person
    ACCEPTED = "accepted"  #: in force
    WITHDRAWING = "withdrawing"  #: in force, until a second person agrees that it no longer should be
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Move(StrEnum):
    ACCEPT = "accept"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    KEEP = "keep"  #: what somebody wants withdrawn
    RESTORE = "restore"


MOVES: dict[Stage, dict[Move, Stage]] = {
    Stage.PROPOSED: {
        Move.ACCEPT: Stage.ACCEPTED,
        Move.REFUSE: Stage.REFUSED,
        Move.WITHDRAW: Stage.WITHDRAWN,
    },
    Stage.ACCEPTED: {Move.WITHDRAW: Stage.WITHDRAWING, Move.RESTORE: Stage.PROPOSED},
    Stage.WITHDRAWING: {
        Move.WITHDRAW: Stage.WITHDRAWN,
        Move.KEEP: Stage.ACCEPTED,
        Move.RESTORE: Stage.PROPOSED,
    },
    Stage.REFUSED: {},
    Stage.WITHDRAWN: {},
}

WAITING = frozenset({Stage.PROPOSED, Stage.WITHDRAWING})  #: for a second person
IN_FORCE = frozenset({Stage.ACCEPTED, Stage.WITHDRAWING})


def advance(stage: Stage, move: Move) -> Stage:
    """The stage after `move`. Raises IllegalTransition."""
    try:
        return MOVES[stage][move]
    except KeyError:
        raise IllegalTransition(f"cannot {move} a proposal that is {stage}") from None
