"""What asyncio has no public word for: what has come and is not read, and a close that loses no last word."""

import asyncio
from contextlib import suppress

LINGER = 2.0  #: seconds that a client may go on sending after our last word
PIECE = 1 << 18  #: octets


def unread(reader: asyncio.StreamReader) -> bytearray:
    """What has come and is not read yet; bytes can be given back to it."""
    buffer: bytearray = reader._buffer  # type: ignore[attr-defined] # noqa: SLF001
    return buffer


async def part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, word: bytes) -> None:
    """Say a last word to a client that is still sending.

    RFC 9293 3.6.1: were the connection closed with octets unread, its system would throw the word away.
    """
    writer.write(word)
    if not writer.can_write_eof():  # under TLS
        return
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while await reader.read(PIECE):
                pass
