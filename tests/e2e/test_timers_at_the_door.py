"""What time alone brings about in a running ledger: its own timer writes it, and nobody asks it to."""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api.client import Refused
from api.demo import fund, insurance
from api.demo.actors import name_of
from api.demo.fund import EstateCase
from api.demo.stage import Stage
from api.timing import ROUND_S
from application.timers import Due, timer_command
from domain.funds import EXPIRY_RULE
from domain.time import add_days, civil_midnight
from tests.support.pilot import lift_plans, live, pilot, take_over
from tests.support.scenes import until
from tests.support.service import Service

RESERVED_ON = 24
"""The day on which the demonstration's estate has its application approved; it pays on the thirtieth."""
RESERVATION_DAYS = 60


def _voided(service: Service) -> list[tuple[Any, ...]]:
    return service.rows("SELECT header, body FROM events WHERE type = 'fund.ReservationVoided' ORDER BY position")


def _told(service: Service, stage: Stage, name: str) -> dict[str, Any]:
    """Give what the bureau reads of the fund, by all that was written."""
    ((last,),) = service.rows("SELECT max(position) FROM events WHERE stream <> 'map'")
    return stage.cast.parties["housing"].client.get(f"/funds/{name}", wait_for=last)


def _evidence(service: Service, header: Any) -> tuple[str, Any]:  # noqa: ANN401 - JSON
    (named,) = header["author"]["evidence"]
    ((kind, data),) = service.rows("SELECT kind, data FROM evidence WHERE digest = %s", bytes.fromhex(named["digest"]))
    assert kind == named["kind"]
    return kind, json.loads(data)


def test_a_reservation_is_voided_at_its_expiry(postgres: str, tmp_path: Path) -> None:
    """Not a moment before it; then within seconds, by the ledger itself: the money is free and cannot be paid out."""
    with pilot(postgres, tmp_path) as (service, stage):
        case = EstateCase(take_over(stage, lift_plans(2)), "insurer-a")
        fund.begin(stage, case)
        live(stage, RESERVED_ON)
        held = _told(service, stage, case.fund)
        amount_fen = case.bargain.sources["fund_principal"]
        expires = civil_midnight(add_days(stage.clock.today.isoformat(), RESERVATION_DAYS + 1))
        (reserved,) = held["reservations"]
        assert (reserved["application"], reserved["amount_fen"], reserved["expires"]) == (
            case.application, amount_fen, expires,
        )  # fmt: skip
        assert held["reserved_fen"] == amount_fen

        stage.clock.move(date.fromisoformat(expires[:10]), hour=15)
        time.sleep(2 * ROUND_S)
        assert _told(service, stage, case.fund)["reserved_fen"] == amount_fen
        assert _voided(service) == []
        stage.clock.move(date.fromisoformat(expires[:10]), hour=16)
        until(lambda: _voided(service) != [])

        ((header, body),) = _voided(service)
        told, due = json.loads(header), Due("fund.ReservationVoided", case.fund, expires, EXPIRY_RULE)
        assert (told["stream"], told["effective_at"]) == (case.fund, expires)
        assert {name: told["author"][name] for name in ("party", "agent", "key")} == {
            "party": stage.cast.administrator.credentials.party, "agent": None, "key": None,
        }  # fmt: skip
        assert told["command"] == timer_command(service.origin, due)
        assert _evidence(service, told) == ("timer", json.loads(due.statement()))
        assert json.loads(body)["found"] == {"due": expires, "rule": EXPIRY_RULE}
        after = _told(service, stage, case.fund)
        assert (after["reserved_fen"], after["reservations"]) == (0, [])
        assert after["balance_fen"] == held["balance_fen"]
        _pay_too_late(stage, case, amount_fen)
        assert len(_voided(service)) == 1
        service.verify()


def _pay_too_late(stage: Stage, case: EstateCase, amount_fen: int) -> None:
    line = insurance.bank_line(stage, amount_fen, "out")
    payee = stage.cast.parties[case.insurer].name
    body = {"payment": name_of("payment"), "payee": payee, "amount_fen": amount_fen, "line": line}
    with pytest.raises(Refused) as refused:
        stage.post(
            stage.cast.parties["housing"].client, f"/funds/{case.fund}/applications/{case.application}/pay", body
        )
    assert (refused.value.status, refused.value.code) == (409, "not_reserved")
