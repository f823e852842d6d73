"""`liftledger erase PERSON`: a signed request like any other, and what came of it in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console

from api import credentials
from api.client import Client, Refused
from audit.names import check_name
from audit.requests import sealed_fields
from domain.errors import Busy, Conflict, Invalid, NotFound
from domain.time import parse_instant

TIMEOUT_S: Final = 60.0


def erase(subject: str, basis: str | None, party: Path, url: str, out: Console) -> None:
    """Ask the ledger at `url` to erase a person, or the one behind an agent, and print until when the data are sealed.

    The token bears the ledger's own time, so that a scripted ledger takes it as well. Raises NameInvalid, Invalid
    `basis_missing`, NotFound `person_unknown`, Busy `unreachable`, and Conflict with the code of the ledger's refusal.
    """
    check_name(subject, kinds=("agent", "person"))
    if basis is None:
        raise Invalid("say why: --basis purpose_met, withdrawn, retention_over or request", code="basis_missing")
    _show(_asked(subject, basis, party, url), out)


def _asked(subject: str, basis: str, party: Path, url: str) -> dict[str, Any]:
    held = credentials.load(party)
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT_S) as http:
            told = http.get("/health").raise_for_status().json()["ledger_time"]
            seconds = parse_instant(told).timestamp()
            client = Client(http, held.origin, held.credentials, lambda: seconds)
            person = subject if subject.startswith("person:") else _person(client, subject)
            answer = client.post(f"/persons/{person}/erase", {"basis": basis})
    except Refused as refused:
        raise Conflict(str(refused.problem.get("detail")), code=refused.code) from refused
    except httpx.HTTPError as away:
        raise Busy(f"no ledger answers at {url}", code="unreachable") from away
    event: dict[str, Any] = answer["groups"][0]["events"][0]
    return event


def _person(client: Client, agent: str) -> str:
    """Give the person behind an agent's sealed fields."""
    events = client.get(f"/subjects/{agent}/events", limit=1)["events"]
    said = events[0]["body"]["said"] or {}
    found = said.get("person") or next((of for _, of in sealed_fields(said)), None)
    if found is None:
        raise NotFound(f"nothing personal is held of {agent}", code="person_unknown", agent=agent)
    return str(found)


def _show(event: dict[str, Any], out: Console) -> None:
    found, scope = event["found"], event["found"]["scope"]
    out.print(f"restricted at position {event['position']}; destroyed from {found['until']}", highlight=False)
    for period in found["periods"]:
        out.print(f"  {period['rule']} ({period['basis']}) until {period['until']}", highlight=False)
    out.print(
        f"{scope['values']:,} fields in {scope['events']:,} events, {scope['requests']:,} requests", highlight=False
    )
