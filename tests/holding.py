"""A held message, and what is known of it."""

from sqlalchemy import select
from store_kit import NOW, RAW, SAM, an_id, envelope, verdict

from gateway.audit.log import AuditLog
from gateway.hold import Quarantine
from gateway.states import State
from gateway.store import Store
from gateway.store.mail import content
from gateway.store.schema import messages


async def hold(quarantine: Quarantine, *rcpt_to: str, raw: bytes = RAW, mail_from: str = SAM) -> str:
    hold_id = an_id()
    await quarantine.hold(envelope(*rcpt_to, mail_from=mail_from), raw, verdict(*rcpt_to), NOW, hold_id)
    return hold_id


async def states(quarantine: Quarantine, hold_id: str) -> list[State]:
    return [recipient.state for recipient in (await quarantine.get(hold_id)).recipients]


async def events(store: Store) -> list[str]:
    return [record.event async for record in AuditLog(store).records()]


async def notices(quarantine: Quarantine, purpose: str) -> list[bytes]:
    """What lies in the queue for the courier."""

    def asked(connection):  # noqa: ANN001, ANN202 - a question to the store
        ids = connection.execute(select(messages.c.id).where(messages.c.purpose == purpose)).scalars().all()
        return [content(connection, message_id) for message_id in ids]

    return await quarantine._store.read(asked)
