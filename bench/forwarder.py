"""The peer: aiosmtpd and pooled aiosmtplib, nothing inspected. `python -m bench.forwarder LISTEN NEXT_HOP`."""

import asyncio
import sys

import aiosmtplib
from aiosmtpd.smtp import SMTP, Envelope, Session


class Forward:
    """Hands each message to the next hop and passes its reply on."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pool: list[aiosmtplib.SMTP] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server, session
        client = self.pool.pop() if self.pool else await self.connect()
        if not client.is_connected:  # the next hop does not wait for ever
            await client.connect()
        _, reply = await client.sendmail(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b"")
        self.pool.append(client)
        return f"250 {reply}"

    async def connect(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, start_tls=False)
        await client.connect()
        return client


async def main() -> None:
    listen, downstream = int(sys.argv[1]), int(sys.argv[2])
    handler = Forward(downstream)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, data_size_limit=1 << 26, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", listen
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
