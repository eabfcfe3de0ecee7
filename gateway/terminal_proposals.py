"""Changes of the client directory in a terminal: what is proposed, what is in force, and the second person's word."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import TypeAdapter

from gateway.accounts import Accounts
from gateway.errors import StoreError
from gateway.login import login
from gateway.proposals import Proposals
from gateway.review.proposal import ProposalShape, shown
from gateway.rulebook import opened
from gateway.settings import Settings
from gateway.stages import WAITING, Move, Stage
from gateway.store import Store, proposals
from rules.additions import Addition
from rules.errors import ConfigurationError

SHAPES = TypeAdapter(list[ProposalShape])
DONE = {
    Stage.ACCEPTED: "is in force: `serve` takes it up within seconds, on every node",
    Stage.WITHDRAWING: "is in force until another person withdraws it, too",
    Stage.REFUSED: "is refused",
    Stage.WITHDRAWN: "is withdrawn",
}
Lines = Sequence[str]


async def proposal_lines(settings: Settings, *, everything: bool, as_json: bool) -> Lines:
    """What waits for a second person, or everything, newest first; a JSON array on one line, or two lines each."""
    async with Store.open(settings) as store:
        found = await Proposals(store).list(tuple(Stage) if everything else WAITING)
        with opened(settings, await store.read(proposals.additions)) as book:
            shapes = [shown(proposal, book) for proposal in found]
    if as_json:
        return [SHAPES.dump_json(shapes).decode()]
    return [line for shape in shapes for line in _described(shape)] or ["nothing is proposed"]


def _described(shape: ProposalShape) -> Lines:
    asked = shape.asked
    lines = [
        f"{shape.id}  {shape.state}  {shape.sentence}",
        f"    {asked.by}, {asked.at:%Y-%m-%d %H:%M}Z: {asked.why}   (message {shape.hold_id})",
    ]
    return [*lines, *(f"    ! {text}" for text in (shape.caution, shape.ignored) if text)]


async def propose(settings: Settings, hold_id: str, addition: Addition, reviewer: str | None, note: str) -> Lines:
    """Raises NotFoundError, IllegalTransition, ChangeError."""
    async with Store.open(settings) as store:
        actor = await Accounts(store).decider(reviewer, login())
        proposed = await Proposals(store).propose(hold_id, addition, actor, note, datetime.now(UTC))
    return [f"{proposed.id} waits for a second person"]


async def decide(settings: Settings, proposal_id: str, move: Move, reviewer: str | None, note: str) -> Lines:
    """Raises NotFoundError, IllegalTransition, ChangeError."""
    async with Store.open(settings) as store:
        actor = await Accounts(store).decider(reviewer, login())
        decided = await Proposals(store).decide(proposal_id, move, actor, note, datetime.now(UTC))
    return [f"{proposal_id} {DONE[decided.stage]}"]


async def directory_lines(settings: Settings) -> Lines:
    """Id, name and domains of every client; then what two people have added, which is among them, with who and when."""
    changes: Sequence[proposals.Proposal] = ()
    unknown = []
    try:
        changes = proposals.known(settings)
    except (StoreError, OSError, ConfigurationError) as error:
        unknown = [f"what reviewers have added is not known here: {error}"]
    with opened(settings, [change.addition for change in changes]) as book:
        lines = [f"{client.id}  {client.name}  {' '.join(client.domains)}" for client in book.directory.clients]
        return [*lines, *(_in_force(shown(change, book)) for change in changes), *unknown]


def _in_force(shape: ProposalShape) -> str:
    accepted = f", accepted by {shape.decided.by} {shape.decided.at:%Y-%m-%d}" if shape.decided else ""
    ignored = f"; it does not count: {shape.ignored}" if shape.ignored else ""
    return f"{shape.id}  {shape.sentence}  proposed by {shape.proposed.by}{accepted}{ignored}"
