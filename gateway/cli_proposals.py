"""The terminal's commands around changes of the client directory that somebody has proposed."""
# ruff: noqa: PLC0415 - as in gateway.command

from typing import Annotated, Literal

import typer

from gateway.command import AsJson, Config, HoldId, Note, Reviewer, group, settings_of, tell

app = typer.Typer()
proposals = group("Changes of the client directory, learnt from held mail.")
app.add_typer(proposals, name="proposals")
ProposalId = Annotated[str, typer.Argument(metavar="ID", help="As `proposals list` shows it.")]


@proposals.command("list")
def proposals_list(
    config: Config = None,
    as_json: AsJson = False,
    *,
    everything: Annotated[bool, typer.Option("--all", help="What is decided, too.")] = False,
) -> None:
    """Changes that wait for a second person, newest first."""
    from gateway.terminal_proposals import proposal_lines

    tell(proposal_lines(settings_of(config), everything=everything, as_json=as_json))


@proposals.command("add")
def proposals_add(  # noqa: PLR0913 - what, of whom, and why
    hold_id: HoldId,
    what: Annotated[Literal["domain", "address", "acts-for"], typer.Argument(help="What it is.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The domain, the address, or the id of a client.")],
    *,
    to: Annotated[str, typer.Option("--to", help="Id of the client or partner that has it from then on.")],
    note: Note,
    config: Config = None,
    reviewer: Reviewer = None,
) -> None:
    """Propose what a held message has taught: whose a recipient's domain or address is, or whom a partner acts for."""
    from gateway.terminal_proposals import propose
    from rules.additions import Addition, Key

    addition = Addition.of(Key(what), value, to)
    tell(propose(settings_of(config), hold_id, addition, reviewer, note))


@proposals.command("accept")
def proposals_accept(proposal_id: ProposalId, note: Note, config: Config = None, reviewer: Reviewer = None) -> None:
    """Put it in force, as the second person. Releases no mail that is held."""
    _decide("accept", proposal_id, note, config, reviewer)


@proposals.command("refuse")
def proposals_refuse(proposal_id: ProposalId, note: Note, config: Config = None, reviewer: Reviewer = None) -> None:
    """Leave the directory as it is."""
    _decide("refuse", proposal_id, note, config, reviewer)


@proposals.command("withdraw")
def proposals_withdraw(proposal_id: ProposalId, note: Note, config: Config = None, reviewer: Reviewer = None) -> None:
    """Take back what you proposed; of a change in force, ask for its end, or agree to that as the second person."""
    _decide("withdraw", proposal_id, note, config, reviewer)


@proposals.command("keep")
def proposals_keep(proposal_id: ProposalId, note: Note, config: Config = None, reviewer: Reviewer = None) -> None:
    """Leave a change in force that somebody wants withdrawn."""
    _decide("keep", proposal_id, note, config, reviewer)


def _decide(verb: str, proposal_id: str, note: str, config: Config, reviewer: str | None) -> None:
    from gateway.stages import Move
    from gateway.terminal_proposals import decide

    tell(decide(settings_of(config), proposal_id, Move(verb), reviewer, note))
