"""`liftledger erase PERSON`: a signed request like any other, and what came of it in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from api import bootstrap
from api.client import Client
from api.connecting import administering
from audit.names import check_name
from audit.requests import sealed_fields
from domain.errors import Invalid, NotFound


def erase(
    settings: bootstrap.Settings, subject: str, basis: str | None, out: Console, *,
    party: Path | None, url: str | None,
) -> None:  # fmt: skip
    """Have a person erased, or the one behind an agent, and print until when the data are sealed.

    Raises NameInvalid, Invalid `basis_missing`, NotFound `person_unknown`, and as `api.connecting.connected`.
    """
    check_name(subject, kinds=("agent", "person"))
    if basis is None:
        raise Invalid("say why: --basis purpose_met, withdrawn, retention_over or request", code="basis_missing")
    with administering(settings, party, url) as client:
        person = subject if subject.startswith("person:") else _person(client, subject)
        answer = client.post(f"/persons/{person}/erase", {"basis": basis})
    _show(answer["groups"][0]["events"][0], out)


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
    out.print(f"restricted at position {event['position']}; destroyed from {found['until']}")
    for period in found["periods"]:
        out.print(f"  {period['rule']} ({period['basis']}) until {period['until']}")
    out.print(f"{scope['values']:,} fields in {scope['events']:,} events, {scope['requests']:,} requests")
