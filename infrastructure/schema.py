"""The log's tables as SQLAlchemy Core, for whoever queries them; the migrations are what makes them.

No table names its schema: one ledger is one schema, found by the session's search_path.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql_text

metadata = MetaData()
NAME = Text(collation="C")
"""Names, instants and ids: compared byte by byte."""

events = Table(
    "events",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", NAME, nullable=False),
    Column("version", Integer, CheckConstraint("version > 0"), nullable=False),
    Column("subject", NAME, Computed("split_part(stream, '/', 1)", persisted=True), nullable=False),
    Column("seq", Integer, CheckConstraint("seq > 0"), nullable=False),
    Column("type", NAME, nullable=False),
    Column("recorded_at", NAME, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, CheckConstraint("octet_length(leaf) = 32"), nullable=False),
    Column("frontier", LargeBinary),
    UniqueConstraint("stream", "version", name="events_version"),
    UniqueConstraint("subject", "seq", name="events_seq"),
    Index(
        "events_matters", sql_text("ledger_matters(body)"), postgresql_using="gin",
        postgresql_with={"fastupdate": "off"}, postgresql_where=sql_text("type = 'dispute.Opened'"),
    ),
)  # fmt: skip

receipts = Table(
    "receipts",
    metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("count", Integer, CheckConstraint("count > 0"), nullable=False),
    Column("note", Text, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("party", NAME, nullable=False),
    Column("command", NAME, nullable=False),
    Column("grp", Integer, nullable=False),
    Column("request", NAME, nullable=False),
    Column("groups", Integer, nullable=False),
    Column("first_line", Integer),
    Column("last_line", Integer),
    Column("first", BigInteger),
    Column("count", Integer, nullable=False),
    Column("recorded_at", NAME, nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    PrimaryKeyConstraint("party", "command", "grp"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("kind", NAME, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("party", NAME, nullable=False),
    Column("system", NAME, nullable=False),
    Column("kind", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("stream", NAME, nullable=False),
    PrimaryKeyConstraint("party", "system", "kind", "id"),
)

request_lines = Table(
    "request_lines",
    metadata,
    Column("party", NAME, nullable=False),
    Column("command", NAME, nullable=False),
    Column("line", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    PrimaryKeyConstraint("party", "command", "line"),
)

request_bytes = Table(
    "request_bytes",
    metadata,
    Column("party", NAME, nullable=False),
    Column("command", NAME, nullable=False),
    Column("line", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("persons", ARRAY(NAME), nullable=False),
    PrimaryKeyConstraint("party", "command", "line"),
    Index("request_bytes_persons", "persons", postgresql_using="gin", postgresql_where=sql_text("persons <> '{}'")),
)

sealed_values = Table(
    "sealed_values",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("person", NAME, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Index("sealed_values_person", "person"),
)

subject_keys = Table(
    "subject_keys",
    metadata,
    Column("person", NAME, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

sealed_places = Table(
    "sealed_places",
    metadata,
    Column("digest", LargeBinary, nullable=False),
    Column("person", NAME, nullable=False),
    Column("subject", NAME, Computed("split_part(stream, '/', 1)", persisted=True), nullable=False),
    Column("stream", NAME, nullable=False),
    Column("version", Integer, CheckConstraint("version > 0"), nullable=False),
    PrimaryKeyConstraint("digest", "stream", "version"),
    Index("sealed_places_person", "person"),
    Index("sealed_places_stream", "stream"),
    Index("sealed_places_subject", "subject"),
)

blind_index = Table(
    "blind_index",
    metadata,
    Column("kind", NAME, nullable=False),
    Column("token", LargeBinary, CheckConstraint("octet_length(token) = 32"), nullable=False),
    Column("person", NAME, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    PrimaryKeyConstraint("kind", "token", "digest"),
    Index("blind_index_person", "person"),
)

personal_reads = Table(
    "personal_reads",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("read_at", NAME, nullable=False),
    Column("party", NAME, nullable=False),
    Column("agent", NAME),
    Column("key", NAME, nullable=False),
    Column("action", NAME, nullable=False),
    Column("purpose", NAME, nullable=False),
    Column("persons", ARRAY(NAME), nullable=False),
    Column("token", LargeBinary, nullable=False),
    Index("personal_reads_persons", "persons", postgresql_using="gin"),
)

clock = Table(
    "clock",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("now", NAME, nullable=False),
    Column("set_by", Text, nullable=False),
)

clock_acceptances = Table(
    "clock_acceptances",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("accepted_at", NAME, nullable=False),
    Column("accepted_by", Text, nullable=False),
    # The reading that was accepted, by the clock of the machine it was accepted on.
    Column("machine", NAME),
    Column("before_us", BigInteger),
    Column("after_us", BigInteger),
)

request_hashes = Table(
    "request_hashes",
    metadata,
    Column("party", NAME, nullable=False),
    Column("command", NAME, nullable=False),
    Column("digests", LargeBinary, CheckConstraint("octet_length(digests) % 32 = 0"), nullable=False),
    PrimaryKeyConstraint("party", "command"),
)

clock_readings = Table(
    "clock_readings",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("machine", NAME, nullable=False),
    Column("now", NAME, nullable=False),
    Column("before_us", BigInteger, nullable=False),
    Column("after_us", BigInteger, nullable=False),
    Index("clock_readings_machine", "machine", "number"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, CheckConstraint("size > 0"), primary_key=True, autoincrement=False),
    Column("root", LargeBinary, CheckConstraint("octet_length(root) = 32"), nullable=False),
    Column("note", Text, nullable=False),
    Column("made_at", NAME, nullable=False),
)

checkpoint_signatures = Table(
    "checkpoint_signatures",
    metadata,
    Column("size", BigInteger, ForeignKey("checkpoints.size"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("key_id", LargeBinary, CheckConstraint("octet_length(key_id) = 4"), nullable=False),
    Column("signed_at", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
    PrimaryKeyConstraint("size", "name", "key_id", "signed_at"),
    Index("checkpoint_signatures_key", "name", "key_id", "size", "signed_at"),
)

checkpoint_stamps = Table(
    "checkpoint_stamps",
    metadata,
    Column("size", BigInteger, ForeignKey("checkpoints.size"), nullable=False),
    Column("authority", NAME, nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("made_at", NAME, nullable=False),
    PrimaryKeyConstraint("size", "authority"),
)

evidence_seals = Table(
    "evidence_seals",
    metadata,
    Column("manifest", LargeBinary, CheckConstraint("octet_length(manifest) = 32"), primary_key=True),
    Column("size", BigInteger, ForeignKey("checkpoints.size"), nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("heads", LargeBinary, nullable=False),
    Column("stamped", BigInteger),
    Column("authority", NAME),
    CheckConstraint("(stamped IS NULL) = (authority IS NULL)", name="evidence_seals_stamp"),
    ForeignKeyConstraint(("stamped", "authority"), ("checkpoint_stamps.size", "checkpoint_stamps.authority")),
)

tiles = Table(
    "tiles",
    metadata,
    Column("level", SmallInteger, CheckConstraint("level BETWEEN 0 AND 7"), nullable=False),
    Column("index", BigInteger, CheckConstraint("index >= 0"), nullable=False),
    Column("root", LargeBinary, CheckConstraint("octet_length(root) = 32"), nullable=False),
    Column("hashes", LargeBinary, CheckConstraint("octet_length(hashes) = 8192"), nullable=False),
    PrimaryKeyConstraint("level", "index"),
)
