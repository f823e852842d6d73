"""A small register, how it is mapped, and a ledger that answers an import as the real one does."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from api.client import Refused
from api.importing import ImportReport, Post, import_lifts
from api.importing_rows import read_mapping

SMALL = """
[constants]
"source.system" = "register"
"identifiers.0.scheme" = "platform_code"
"identifiers.0.issuer" = "register"
"building.source.system" = "register"
[fields]
"source.id" = { column = "no", required = true }
"identifiers.0.value" = { column = "no" }
variety = { column = "type", values = { P = "3110" }, required = true }
area = { column = "area", required = true }
status = { column = "status", required = true }
accepted_on = { column = "date", kind = "date", format = "DD/MM/YYYY" }
"parameters.load_kg" = { column = "lbs", kind = "integer", multiply = 45359, divide = 100000, unreadable = "omit" }
"building.source.id" = { column = "house" }
"building.name" = { column = "name" }
"""
HEADER = "no,type,area,status,date,lbs,house,name\n"
GOOD = "{n},P,370102,in_use,05/03/1925,2000.0,{h},Hall\n"


DETAILS: dict[str, dict[str, Any]] = {
    "shape_invalid": {
        "count": 2,
        "errors": [
            {"at": "/status", "reason": "literal_error", "message": "x"},
            {"at": "/area", "reason": "missing", "message": "x"},
        ],
    },
    "variety_unknown": {"variety": "9999", "known": []},
}
"""What the ledger says of a refusal, by its code; of others that it is about the status."""


class Ledger:
    """Answers as the ledger does; remembers what it was posted, and refuses lines by number."""

    def __init__(
        self, refuse: Mapping[str, str] | None = None, fail_after: int | None = None, moved: Sequence[str] = ()
    ) -> None:
        self.requests: list[tuple[str, list[dict[str, Any]]]] = []
        self.refuse = dict(refuse or {})
        self.fail_after = fail_after
        self.moved = list(moved)
        self.commands: list[str] = []

    def __call__(self, path: str, lines: Sequence[bytes], *, command: str) -> dict[str, Any]:
        """Take a request."""
        if self.fail_after is not None and len(self.requests) >= self.fail_after:
            raise httpx.ConnectError("gone")
        bodies = [json.loads(line) for line in lines]
        self.commands.append(command)
        if self.moved:
            raise Refused(409, {"code": self.moved.pop()})
        self.requests.append((path, bodies))
        refused, events = [], []
        for number, body in enumerate(bodies, 1):
            code = self.refuse.get(body["source"]["id"])
            if code is None:
                events.append({"type": "lift.Registered", "line": number, "found": {}})
                continue
            if code == "group_full":
                del self.refuse[body["source"]["id"]]
            refused.append(
                {"line": number, "code": code, "message": "", "details": DETAILS.get(code, {"at": "/status"})}
            )
        return {"refused": refused, "groups": [{"count": len(events), "events": events}]}

    @property
    def sent(self) -> list[str]:
        """The numbers of the rows posted, in order."""
        return [body["source"]["id"] for _, bodies in self.requests for body in bodies]


def run(
    tmp_path: Path, data: bytes, *posts: Post, name: str = "in.csv", mapping: str = SMALL
) -> tuple[ImportReport, list[list[str]]]:
    """Import bytes; give the report and the rows of the reject file."""
    file, rejects = tmp_path / name, tmp_path / "rejects.csv"
    file.write_bytes(data)
    report = import_lifts(file, read_mapping(mapping, "small"), posts, rejects)
    with rejects.open(encoding="utf-8", newline="") as told:
        return report, list(csv.reader(told))[1:]


def table(*rows: str) -> bytes:
    """Give a file with the header and these rows."""
    return (HEADER + "".join(rows)).encode()


def good(count: int) -> list[str]:
    """Give good rows, two to a building."""
    return [GOOD.format(n=f"L{n}", h=n // 2) for n in range(count)]
