"""Step 1: the tables of the first version, as they were. Frozen: it builds what the later steps change."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from gateway.store.dialects import forbid_changes_of_audit

metadata = MetaData()

messages = Table(  # mail that we own: received, or written by us (`purpose` is set)
    "messages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("purpose", String(32)),
    Column("about", String(64)),  # the message that a notice is about
    Column("mail_from", Text, nullable=False),
    Column("smtputf8", Boolean, nullable=False),
    Column("body_8bit", Boolean, nullable=False),
    Column("client_host", Text, nullable=False),
    Column("helo", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("fingerprint", String(64)),
    Column("verdict", Text),
    Column("authors", Text, nullable=False),  # JSON list: who wrote it, by envelope and header; they never release it
    Column("notify", Boolean, nullable=False),  # may the sender be sent more than failure notices (RFC 3834)
    Index("messages_received", "received_at"),
    Index("messages_about", "about"),
)

recipients = Table(
    "recipients",
    metadata,
    Column("message_id", String(64), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease", String(32)),  # fencing token of the attempt under way; every later write must quote it
    Column("lease_until", BigInteger, nullable=False),
    Column("reply", Text),  # downstream's last word
    PrimaryKeyConstraint("message_id", "position"),
    Index("recipients_due", "state", "due_at"),
)

contents = Table(  # the bytes as received, in pieces
    "contents",
    metadata,
    Column("message_id", String(64), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("message_id", "position"),
)

ledger = Table(  # what became of every message that came in, for as long as a client may send it again
    "ledger",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("code", Integer),
    Column("text", Text),
    Column("hold_id", String(64)),
    Index("ledger_at", "at"),
    Index("ledger_state", "state"),
)

deaths = Table(  # workers that a message has killed
    "deaths",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)

audit = Table(  # append only: the engine forbids changes
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("hold_id", String(64)),
    Column("hash", String(64), nullable=False),
    Column("line", Text, nullable=False),
    Index("audit_at", "at"),
    Index("audit_hold_id", "hold_id"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("name", String(128), ForeignKey("accounts.name", ondelete="CASCADE"), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)


def take(connection: Connection) -> None:
    metadata.create_all(connection)
    forbid_changes_of_audit(connection)
