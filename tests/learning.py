"""What a wrong hold has taught, as the tests of proposals need it."""

import random
from pathlib import Path

from store_kit import NOW, RAW, an_id, envelope, settings, verdict

import rules
from gateway.actor import Actor
from gateway.hold import Quarantine
from gateway.proposals import Proposals
from gateway.settings import Rules, Settings
from gateway.store import Store
from gateway.store.proposals import Proposal
from rules.additions import Addition, Key

SAMPLE = Path(rules.__path__[0], "clients.yaml")
EASTWIND = "  - {id: eastwind, name: Eastwind Audit, domains: [eastwind.example], acts_for: [acme]}\ninternal:"
NEW = "hr@acme-trust.example"
TRUST = Addition(key=Key.DOMAIN, value="acme-trust.example", party="acme")
WHY = "they told us by telephone"
RITA = Actor("rita")


def with_a_directory(folder: Path) -> Settings:
    """The sample's directory, with a second partner, as a file of this installation."""
    file = folder / "clients.yaml"
    file.write_text(SAMPLE.read_text().replace("internal:", EASTWIND))
    return settings(folder).model_copy(update={"rules": Rules(clients=file)})


async def hold(store: Store, *rcpt_to: str) -> str:
    hold_id, to = an_id(random.uniform(0, 1000)), rcpt_to or (NEW,)
    await Quarantine(store).hold(envelope(*to), RAW + hold_id.encode(), verdict(*to), NOW, hold_id)
    return hold_id


async def propose(store: Store, addition: Addition = TRUST, who: Actor = RITA, *rcpt_to: str) -> Proposal:
    return await Proposals(store).propose(await hold(store, *rcpt_to), addition, who, WHY, NOW)
