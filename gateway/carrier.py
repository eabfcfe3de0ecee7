"""What the store's rooms ask of the next hop, and how they read its answer for one recipient. Sends nothing."""

from typing import Protocol

from gateway.message import Envelope
from gateway.relay import Delivery
from gateway.relay import Fate as Reach
from gateway.reply import Reply

LOST = Reply(451, "4.4.2 the attempt was cut off")


class Carrier(Protocol):
    async def deliver(self, envelope: Envelope, header: bytes, raw: bytes) -> Delivery:
        """Send `header` and `raw` as they are. The network's failures are values, never exceptions."""


def reach(delivery: Delivery, address: str) -> Reach:
    """How far the message got for `address`. After a lost final dot only a refusal is certain."""
    reply = reply_to(delivery, address)
    if reply.accepted:
        return Reach.DELIVERED
    if not reply.transient:
        return Reach.REFUSED
    return Reach.UNKNOWN if delivery.fate is Reach.UNKNOWN else Reach.DEFERRED


def reply_to(delivery: Delivery, address: str) -> Reply:
    return delivery.replies.get(address, LOST)
