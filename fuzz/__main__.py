"""`python -m fuzz --minutes N [--only WORD] [--seed N]`: hunt, print what was found, keep it in `var/fuzz`."""
# ruff: noqa: T201 - it prints

import argparse
import hashlib
import logging
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from fuzz import readers
from fuzz.mutations import mutated
from fuzz.seeds import ROOT, Seed, every, message
from fuzz.trial import Sight, look, numbers
from gateway.inspection import WARM_UP, Tools, inspect
from gateway.message import Limits
from gateway.opening import image
from rules.clients import Directory
from rules.detect import Detector

PEOPLE = 40
FEW = 3  #: numbers more than we saw that make a list
LIMITS = Limits(max_expanded=1 << 28)
KEPT = ROOT / "var" / "fuzz"


@dataclass
class Hunt:
    """One run: its chance, its tools, and what it has come upon."""

    seeds: list[Seed]
    chance: random.Random
    tools: Tools
    end: float
    found: Counter[str] = field(default_factory=Counter)
    trials: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        everyone = frozenset().union(*(numbers(row[0]) for row in _rows()))
        pieces = [content for seed in self.seeds for content in (seed.listed, seed.harmless) if content]
        while time.monotonic() < self.end:
            seed = self.chance.choice(self.seeds)
            glued = seed.harmless is not None and self.chance.random() < 0.2
            others = [seed.listed, *self.chance.sample(pieces, 3)] if glued else self.chance.sample(pieces, 3)
            content = mutated(seed.harmless if glued and seed.harmless else seed.listed, others, self.chance)
            self.trials[seed.name] += 1
            sight = look(message(seed, content), self.tools)
            if sight.wrong:
                self.keep(seed, content, sight.wrong, sight)
            elif sight.opened and sight.people < PEOPLE:
                self.compare(seed, content, sight, everyone)

    def compare(self, seed: Seed, content: bytes, sight: Sight, everyone: frozenset[str]) -> None:
        """Ask the readers, since we have called it opened without finding everybody."""
        patient = sight.people < PEOPLE - FEW and self.chance.random() < 0.5
        for name, text in readers.shown(content, seed.suffix, patient=patient):
            theirs = numbers(text) & everyone
            if len(theirs) >= sight.people + FEW and len(theirs) >= FEW:
                kind = "unread" if len(theirs - sight.numbers) >= FEW else "unnoticed"
                self.keep(seed, content, f"{kind}: {name} shows {len(theirs)}, we {sight.people}", sight)
                return

    def keep(self, seed: Seed, content: bytes, wrong: str, sight: Sight) -> None:
        self.found[f"{seed.name}: {wrong}"] += 1
        if self.found[f"{seed.name}: {wrong}"] > FEW:
            return
        KEPT.mkdir(parents=True, exist_ok=True)
        path = KEPT / f"{hashlib.sha256(content).hexdigest()[:12]}{seed.suffix}"
        path.write_bytes(content)
        print(f"{seed.name}: {wrong} ({path.name})", *sight.statuses, sep="\n    ", flush=True)


def _rows() -> list[tuple[str, ...]]:
    from fuzz.seeds import carriers  # noqa: PLC0415 - found on a path that the module adds

    return list(carriers.table(PEOPLE))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="carriers whose name or file name has this word in it")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    if absent := readers.missing():
        print("not installed, so not asked:", ", ".join(absent))
    image.warm = lambda: None  # type: ignore[assignment] # recognition is the same code whatever the damage
    logging.disable()  # libraries complain of each damage
    seeds = [seed for seed in every(PEOPLE) if asked.only.lower() in f"{seed.name} {seed.filename}".lower()]
    tools = Tools(limits=LIMITS, detector=Detector(), directory=Directory.load(None))
    for step in WARM_UP:  # as the parent of the workers does, or each trial would import for two seconds
        step()
    inspect(message(seeds[0], seeds[0].listed), tools)
    hunt = Hunt(seeds, random.Random(asked.seed), tools, time.monotonic() + asked.minutes * 60)
    hunt.run()
    trials = f"{sum(hunt.trials.values())} trials of {len(hunt.trials)} carriers"
    print(f"seed {asked.seed}: {trials}, {len(hunt.found)} kinds of trouble")
    for what, count in hunt.found.most_common():
        print(f"{count:6} {what}")
    sys.exit(bool(hunt.found))


if __name__ == "__main__":
    main()
