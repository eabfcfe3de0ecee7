"""Judges an inspected message by one rulebook, and by what the store remembers of its sender."""

from collections.abc import Sequence

from gateway.store import Store
from rules.clients import Directory
from rules.decide import decide
from rules.policy import Policy
from rules.verdict import Disposition, Evidence, Verdict


async def judge(
    store: Store, policy: Policy, directory: Directory, rcpt_to: Sequence[str], evidence: Evidence, sender: str
) -> Verdict:
    """The store is asked only about what does not simply pass. Raises StoreError."""
    verdict = decide(policy, directory, rcpt_to, evidence, sender=sender)
    if verdict.disposition is Disposition.RELAY:
        return verdict
    strangers = await store.read(lambda c: store.acquaintances.strangers(c, sender, rcpt_to))
    if not strangers:
        return verdict
    return decide(policy, directory, rcpt_to, evidence, sender=sender, strangers=strangers)
