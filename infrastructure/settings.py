"""What an operator may set, each as an environment variable with the prefix `LIFTLEDGER_`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infrastructure.errors import SettingsInvalid
from infrastructure.server_binaries import MAJORS

_PREFIX = "LIFTLEDGER_"


def _is_postgresql(url: str) -> str:
    if not url.startswith(("postgresql://", "postgres://")):
        message = "only PostgreSQL is supported: postgresql://…"
        raise ValueError(message)
    return url


def _is_bundled(major: int) -> int:
    if major not in MAJORS:
        message = f"should be one of {', '.join(map(str, MAJORS))}"
        raise ValueError(message)
    return major


def _is_named(path: object) -> object:
    # An empty path is the folder one stands in: no place for a ledger, and hardly what was meant.
    if isinstance(path, str) and not path.strip():
        message = "should name a place: leave it unset for the default"
        raise ValueError(message)
    return path


Named = Annotated[Path, BeforeValidator(_is_named)]
DatabaseUrl = Annotated[str, AfterValidator(_is_postgresql)]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """The settings of one service; what is not set has the default of a trial on one machine.

    `database_url` unset means the embedded server under `var`. `migration_url` is the role that owns the tables;
    unset, it is `database_url`. `workers` counts web processes. `server_account` is who the embedded server runs as
    when the service runs as root. `keys` is where private keys lie; unset, `var/keys`. `witness_policy` is a C2SP
    tlog-policy file: whom checkpoints are sent to. `stamp_url` is an RFC 3161 authority, `stamp_roots` the PEM file of
    its roots.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    # A URL may hold a password, so it is left out of every repr.
    database_url: DatabaseUrl | None = Field(default=None, repr=False)
    migration_url: DatabaseUrl | None = Field(default=None, repr=False)
    var: Named = Path("var")
    keys: Named | None = None
    postgres_major: Annotated[int, AfterValidator(_is_bundled)] = 18
    server_account: str | None = None
    workers: int = Field(default_factory=_cores, ge=1, le=256)
    host: str = "127.0.0.1"
    port: int = Field(default=8585, ge=1, le=65535)
    witness_policy: Named | None = None
    stamp_url: str | None = None
    stamp_roots: Named | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _migration_needs_database(self) -> Self:
        if self.migration_url and not self.database_url:
            message = "migration_url without database_url: the embedded server has roles of its own"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _stamps_need_roots(self) -> Self:
        if self.stamp_url and not self.stamp_roots:
            message = "stamp_url without stamp_roots: a time stamp that nobody verifies proves nothing"
            raise ValueError(message)
        return self

    @property
    def keys_folder(self) -> Path:
        """The folder of private keys."""
        return self.var / "keys" if self.keys is None else self.keys


def load() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsInvalid: one does not make sense; it is named, its value is not told.

    """
    try:
        return Settings()
    except ValidationError as refused:
        wrong = [
            (_PREFIX + "_".join(str(part) for part in error["loc"]).upper() if error["loc"] else "settings", error)
            for error in refused.errors(include_input=False, include_url=False)
        ]
        sentence = "; ".join(f"{name}: {error['msg']}" for name, error in wrong)
        raise SettingsInvalid(sentence, settings=sorted({name for name, _ in wrong})) from None
