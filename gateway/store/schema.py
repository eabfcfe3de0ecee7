"""The tables. Times are whole milliseconds since 1970 in UTC; no SQL here or elsewhere is for one database only."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
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
    Column("sealed_verdict", LargeBinary),
    Column("authors", Text, nullable=False),  # JSON list: who wrote it, by envelope and header; they never release it
    Column("notify", Boolean, nullable=False),  # may the sender be sent more than failure notices (RFC 3834)
    Column("destroyed_at", BigInteger),  # since when its content is gone
    Column("asked", Text),  # JSON: what the sender asks to be told of it (RFC 3461); null: nothing
    Index("messages_received", "received_at"),
    Index("messages_about", "about"),
    Index("messages_destroyed", "destroyed_at"),
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

approvals = Table(  # who has agreed to a release that more people have to agree to; gone with the state `held`
    "approvals",
    metadata,
    Column("message_id", String(64), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("person", String(320), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("known_by", String(320)),  # the login or the account that the same person has
    PrimaryKeyConstraint("message_id", "position", "person"),
)

escalations = Table(  # who has handed a held message up: somebody else has to release it
    "escalations",
    metadata,
    Column("message_id", String(64), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("person", String(320), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("known_by", String(320)),  # as above
    PrimaryKeyConstraint("message_id", "person"),
)

contents = Table(  # the bytes as received, sealed, in pieces
    "contents",
    metadata,
    Column("message_id", String(64), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("message_id", "position"),
)

data_keys = Table(  # what opens the sealed things of a message; without its row a thing is destroyed
    "data_keys",
    metadata,
    Column("message_id", String(64), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("master", String(16), nullable=False),  # id of the master key that wraps it
    Column("wrapped", LargeBinary, nullable=False),
    PrimaryKeyConstraint("message_id", "kind"),
    Index("data_keys_master", "master"),
)

master_keys = Table(  # ids only; the one with the highest number is in use
    "master_keys",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", String(16), nullable=False),
)

address_keys = Table(  # one row: what addresses are hashed with, locked with a master key
    "address_keys",
    metadata,
    Column("master", String(16), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

acquaintances = Table(  # to whom a sender's mail has gone: keyed hashes of the sender and of both together
    "acquaintances",
    metadata,
    Column("sender", LargeBinary, nullable=False),
    Column("pair", LargeBinary, nullable=False),
    Column("last", BigInteger, nullable=False),
    PrimaryKeyConstraint("sender", "pair"),
    Index("acquaintances_last", "last"),
    sqlite_with_rowid=False,
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
    Column("node", String(32)),  # whose attempt it is, or was
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

proposals = Table(  # changes of the client directory, learnt from a held message; kept for ever
    "proposals",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("hold_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),  # domain, address or acts-for
    Column("value", Text, nullable=False),
    Column("party", String(64), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("proposed_by", String(320), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", String(320)),  # who accepted or refused it, and why
    Column("decided_at", BigInteger),
    Column("note", Text),
    Column("withdrawn_by", String(320)),  # who asks, or asked, that it be no longer in force, and why
    Column("withdrawn_at", BigInteger),
    Column("withdrawn_why", Text),
    Index("proposals_stage", "stage"),
    Index("proposals_hold_id", "hold_id"),
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
    Column("account", String(128)),  # whose it is
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("name", String(128), ForeignKey("accounts.name", ondelete="CASCADE"), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

home = Table(  # one row where the store is a server's: which server and database it lives in
    "home",
    metadata,
    Column("identity", Text, primary_key=True),
)

schema_versions = Table(
    "schema_versions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)
