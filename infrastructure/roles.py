"""Who may do what in the database: the table of processes in event-format §7 as roles and grants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from domain.errors import Invalid

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_APPEND_ONLY = (
    "events", "receipts", "commands", "evidence", "sources", "request_lines", "clock", "clock_acceptances",
)  # fmt: skip
_ERASABLE = ("request_bytes", "sealed_values", "subject_keys")
_VIEWS = (
    "view_lifts", "view_covers", "view_policies", "view_claims", "view_funds", "view_houses", "view_reservations",
    "view_entries", "view_timeline", "projection_tracking", "parked_events", "projector_heartbeat",
)  # fmt: skip
_CHECKPOINTS = "checkpoints, checkpoint_signatures, checkpoint_stamps, tiles"


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of a ledger's roles in the database server; the owner is whoever migrates.

    They can log in and have no password: how they prove who they are (peer with an ident map, scram) is the server's
    matter. Raises Invalid `role_malformed`.
    """

    writer: str = "liftledger_writer"
    checkpointer: str = "liftledger_checkpointer"
    projector: str = "liftledger_projector"
    eraser: str = "liftledger_eraser"

    def __post_init__(self) -> None:
        """Refuse names that would need quoting."""
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise Invalid("a role's name is lower case, digits and underscores", code="role_malformed", name=name)

    @property
    def names(self) -> tuple[str, ...]:
        """All role names."""
        return (self.writer, self.checkpointer, self.projector, self.eraser)

    def creation(self, schema: str) -> Iterator[str]:
        """Give the statements that make the roles and let them into the schema; repeating them is harmless."""
        for name in self.names:
            yield (
                "DO $$ BEGIN "
                f"IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN CREATE ROLE {name} LOGIN; END IF; "
                "END $$"
            )
            yield f'GRANT USAGE ON SCHEMA "{schema}" TO {name}'

    def grants_0001(self) -> Iterator[str]:
        """Give the grants that belong to revision 0001: INSERT and SELECT, and DELETE for the eraser alone."""
        tables = ", ".join(_APPEND_ONLY + _ERASABLE)
        yield f"GRANT SELECT ON {tables} TO {self.writer}"
        yield f"GRANT INSERT ON {tables} TO {self.writer}"
        yield f"GRANT SELECT ON {tables} TO {self.checkpointer}"
        yield f"GRANT INSERT ON events TO {self.checkpointer}"
        yield f"GRANT SELECT ON {tables} TO {self.projector}"
        yield f"GRANT SELECT ON {tables} TO {self.eraser}"
        yield f"GRANT DELETE ON {', '.join(_ERASABLE)} TO {self.eraser}"
        # Functions run with their caller's rights, so the tables' grants hold inside them as well.

    def grants_0002(self) -> Iterator[str]:
        """Give the grants of revision 0002: read models are the projector's, and anyone's to read."""
        tables = ", ".join(_VIEWS)
        yield f"GRANT SELECT ON {tables} TO {self.writer}, {self.checkpointer}"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON {tables} TO {self.projector}"

    def grants_0003(self) -> Iterator[str]:
        """Give the grants of revision 0003: what goes with a person is deleted by the eraser alone."""
        erasable = "sealed_places, blind_index"
        yield f"GRANT SELECT, INSERT ON {erasable}, personal_reads TO {self.writer}"
        yield f"GRANT SELECT, DELETE ON {erasable} TO {self.eraser}"
        yield f"GRANT SELECT ON view_persons TO {self.writer}, {self.checkpointer}"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON view_persons TO {self.projector}"

    def grants_0004(self) -> Iterator[str]:
        """Give the grants of revision 0004: checkpoints and tiles are the checkpointer's."""
        yield f"GRANT SELECT ON {_CHECKPOINTS} TO {self.writer}, {self.projector}"
        yield f"GRANT SELECT, INSERT ON {_CHECKPOINTS} TO {self.checkpointer}"

    def grants_0005(self) -> Iterator[str]:
        """Give the grants of revision 0005; that the doctor can say, as the writer, which revision the tables are."""
        yield f"GRANT SELECT, INSERT ON clock_readings, request_hashes TO {self.writer}, {self.checkpointer}"
        yield f"GRANT SELECT ON alembic_version TO {self.writer}"

    def grants_0007(self) -> Iterator[str]:
        """Give the grants of revision 0007."""
        yield f"GRANT SELECT, INSERT ON evidence_seals TO {self.writer}"

    def grants_0015(self) -> Iterator[str]:
        """Give the grants of revision 0015."""
        yield f"GRANT SELECT ON view_keys TO {self.writer}, {self.checkpointer}"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON view_keys TO {self.projector}"

    def grants_0016(self) -> Iterator[str]:
        """Give the grants of revision 0016."""
        views = "view_applications, view_payments, view_banklines"
        yield f"GRANT SELECT ON {views} TO {self.writer}, {self.checkpointer}"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON {views} TO {self.projector}"

    def grants_0017(self) -> Iterator[str]:
        """Give the grants of revision 0017."""
        views = "view_parties, view_products, view_limits"
        yield f"GRANT SELECT ON {views} TO {self.writer}, {self.checkpointer}"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON {views} TO {self.projector}"

    def grants_0018(self) -> Iterator[str]:
        """Give the grants of revision 0018."""
        yield f"GRANT SELECT ON view_subsidies TO {self.writer}, {self.checkpointer}"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON view_subsidies TO {self.projector}"

    def grants_0020(self) -> Iterator[str]:
        """Give the grants of revision 0020."""
        yield f"GRANT SELECT ON view_visits TO {self.writer}, {self.checkpointer}"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON view_visits TO {self.projector}"

    def grants(self, revision: str) -> Iterator[str]:
        """Give the grants of all revisions up to one, for tables that came without them (a backup that is put back).

        Those of later revisions come with these, when the tables are renewed.
        """
        for of, grants in (
            ("0001", self.grants_0001), ("0002", self.grants_0002), ("0003", self.grants_0003),
            ("0004", self.grants_0004), ("0005", self.grants_0005), ("0007", self.grants_0007),
            ("0015", self.grants_0015), ("0016", self.grants_0016),
            ("0017", self.grants_0017), ("0018", self.grants_0018), ("0020", self.grants_0020),
        ):  # fmt: skip
            if of <= revision:
                yield from grants()
