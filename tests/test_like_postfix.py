"""T15: our door beside a real Postfix. Both answer and pass on alike, but where `differences.yaml` has a reason."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from side_by_side import MOVES, Both, Burst, Difference, Moves, Passed, both, line, octets
from test_receive import DIALOGUES, steps

pytestmark = pytest.mark.postfix

AGREED = yaml.safe_load(MOVES.with_name("differences.yaml").read_text(encoding="utf-8"))
ANSWERS = {
    Difference(name, str(group["postfix"]), str(group["ours"]))
    for group in AGREED["answers"]
    for name in [*(str(line(text)) for text in group.get("said", ())), *group.get("as", ())]
}
PASSED = {octets(text) for group in AGREED["passed"] for text in group["has"]}


@dataclass(frozen=True)
class Heard:
    by_rule: set[Difference]  #: from each move by itself, and the door's own dialogues
    by_chance: dict[int, set[Difference]]  #: by seed
    only_one: list[tuple[str, Passed]]  #: came out at one end only


@pytest.fixture(scope="module")
def heard(request: pytest.FixtureRequest) -> Heard:
    return asyncio.run(hear(range(request.config.getoption("--dialogues"))))


async def hear(seeds: range) -> Heard:
    moves = Moves.load()
    async with both() as pair:
        by_rule = [await talked(pair, said) for said in [*moves.single(), *map(bursts, DIALOGUES)]]
        by_chance = {seed: await talked(pair, moves.mixed(seed)) for seed in seeds}
        theirs, ours = map(Counter, await pair.passed())
    only = [("Postfix", message) for message in theirs - ours] + [("we", message) for message in ours - theirs]
    return Heard(set().union(*by_rule), by_chance, only)


async def talked(pair: Both, dialogue: Iterable[Burst]) -> set[Difference]:
    async with pair.talk() as talk:
        for burst in dialogue:
            if not await talk.say(burst):
                break
        else:
            await talk.end()
        return {*talk.differences}


def bursts(dialogue: Path) -> Iterator[Burst]:
    """A dialogue of the door's own: what is sent at one go, and how many replies it has."""
    said, replies, content, last = b"", 0, "", b""
    for who, text, times in steps(dialogue):
        if who == "S":
            heard = text[3:4] != b"-" and text != b"EOF"
            replies, last = (replies + times, text) if heard else (replies, last)
            continue
        if replies:
            yield Burst(said, replies, content)
            content, said, replies = dialogue.stem if last.startswith(b"354") else "", b"", 0
        said += (text + (b"\r\n" if who == "C" else b"")) * times
    yield Burst(said, replies, content)


def told(differences: Iterable[Difference]) -> list[str]:
    return [f"{each.said}: Postfix {each.postfix}, we {each.ours}" for each in sorted(differences)]


def test_both_answer_alike_where_no_difference_is_agreed_on(heard: Heard) -> None:
    """Each move by itself, and every dialogue of the door's own."""
    assert told(heard.by_rule - ANSWERS) == []


def test_both_answer_alike_whatever_comes_in_a_row(heard: Heard) -> None:
    """`--dialogues 5000` for more of them; the seed tells which."""
    assert {seed: told(found - ANSWERS) for seed, found in heard.by_chance.items() if found - ANSWERS} == {}


def test_the_same_messages_come_out_with_the_same_bytes_and_recipients(heard: Heard) -> None:
    """What is agreed on is told by something in the message."""
    assert [(who, message) for who, message in heard.only_one if not any(text in message.raw for text in PASSED)] == []


def test_what_is_agreed_on_is_still_so(heard: Heard) -> None:
    """A reason for nothing would hide the next difference."""
    raws = [message.raw for _, message in heard.only_one]

    assert told(ANSWERS - heard.by_rule) == []
    assert sorted(text for text in PASSED if not any(text in raw for raw in raws)) == []
