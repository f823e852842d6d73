"""Follows what another machine's checkpointer publishes: answers about the map meanwhile, and can take its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event

import psycopg

from infrastructure import checkpoint_store
from infrastructure.checkpoint_store import Published
from infrastructure.connection import Database, connect_reader, is_away
from infrastructure.errors import LogDiffers
from infrastructure.following import PAGE_MAX, Followed

__all__ = ["Standby"]


@dataclass(slots=True)
class Standby:
    """The log up to the last published checkpoint; `folder` is read, where map and place were kept, and not written."""

    database: Database
    origin: str
    folder: Path
    followed: Followed | None = None
    last: Published | None = None
    _reader: psycopg.Connection | None = None

    def follow(self, stop: Event) -> None:
        """Follow to the newest checkpoint, or until told to stop: what was followed is gone on from by the next call.

        Raises psycopg.Error, and LogDiffers, after which nothing is known.
        """
        try:
            self._follow(stop)
        except psycopg.Error as away:
            self._let_go()
            if not is_away(away):
                self.close()
            raise  # what was followed still holds where it was the connection, behind another too
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Forget all, and let go of the connection."""
        self._let_go()
        self.followed = self.last = None

    def _let_go(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def give(self, size: int) -> Followed | None:
        """Hand over what was followed to whoever takes the place, if it is to that size; closes."""
        followed = self.followed
        self.close()
        return followed if followed is not None and followed.position == size else None

    def _follow(self, stop: Event) -> None:
        if self._reader is None:
            self._reader = connect_reader(self.database)
        latest = checkpoint_store.latest(self._reader)
        if latest is None or latest == self.last:
            return
        followed = self.followed or Followed.kept(self.folder, self.origin, self._reader)
        if followed.position > latest.size:
            followed = Followed()
        self.followed = followed
        while followed.position < latest.size:
            if stop.is_set():
                return  # its root is held against a checkpoint's when it is followed to one
            if not followed.follow(self._reader, min(PAGE_MAX, latest.size - followed.position)):
                raise LogDiffers("events under a published checkpoint are missing", position=followed.position + 1)
            followed.filled.clear()  # whoever published it has stored its tiles
        if followed.tree.root() != latest.root:
            raise LogDiffers("the stored log is not the one that was signed", size=latest.size)
        self.last = latest
