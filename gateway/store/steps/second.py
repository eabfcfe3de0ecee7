"""Step 2: everything that is kept of a message is sealed, and what the first version kept in clear is written over."""

import os

from sqlalchemy import BigInteger, Connection, LargeBinary, bindparam, insert, select, text

from gateway.store.datakeys import ring_of
from gateway.store.schema import data_keys, master_keys
from gateway.store.sealing import KEY, NONCE, Kind, Label, seal, seal_whole, wrap
from gateway.store.steps.first import contents, messages


def take(connection: Connection) -> None:
    """The bytes that are replaced are zeroed in the file (secure_delete), as are the free pages that held them."""
    for table in (data_keys, master_keys):
        table.create(connection)
    for name, kind in (("sealed_verdict", LargeBinary()), ("destroyed_at", BigInteger())):
        column = f"{name} {kind.compile(connection.dialect)}"
        connection.execute(text(f"ALTER TABLE messages ADD COLUMN {column}"))
    connection.execute(text("CREATE INDEX messages_destroyed ON messages (destroyed_at)"))
    master_id, master = next(reversed(ring_of(connection).load_or_make().items()))
    connection.execute(insert(master_keys).values(number=1, id=master_id))
    for message_id in connection.execute(select(messages.c.id)).scalars().all():
        _seal_content(connection, _issue(connection, Label(message_id, Kind.CONTENT), master_id, master))
        _seal_verdict(connection, Label(message_id, Kind.VERDICT), master_id, master)
    connection.execute(text("ALTER TABLE messages DROP COLUMN verdict"))


def _issue(connection: Connection, label: Label, master_id: str, master: bytes) -> tuple[Label, bytes]:
    data_key = os.urandom(KEY)
    wrapped = wrap(master, os.urandom(NONCE), label, data_key)
    row = {"message_id": label.message_id, "kind": label.kind.value, "master": master_id, "wrapped": wrapped}
    connection.execute(insert(data_keys).values(row))
    return label, data_key


def _seal_content(connection: Connection, issued: tuple[Label, bytes]) -> None:
    label, data_key = issued
    mine = contents.c.message_id == label.message_id
    asked = select(contents.c.bytes).where(mine).order_by(contents.c.position)
    raw = b"".join(connection.execute(asked).scalars())
    connection.execute(contents.delete().where(mine))
    rows = [
        {"message_id": label.message_id, "position": position, "bytes": piece}
        for position, piece in enumerate(seal(data_key, label, raw))
    ]
    connection.execute(insert(contents), rows)


def _seal_verdict(connection: Connection, label: Label, master_id: str, master: bytes) -> None:
    verdict = connection.execute(select(messages.c.verdict).where(messages.c.id == label.message_id)).scalar()
    if verdict is None:
        return
    _, data_key = _issue(connection, label, master_id, master)
    sealed = seal_whole(data_key, label, verdict.encode())
    statement = text("UPDATE messages SET sealed_verdict = :sealed WHERE id = :id")
    connection.execute(
        statement.bindparams(bindparam("sealed", type_=LargeBinary)), {"sealed": sealed, "id": label.message_id}
    )
