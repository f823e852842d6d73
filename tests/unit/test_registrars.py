"""Whose word makes a key: its holder's party's, or the operator's; a ledger that takes another's is found out."""

from __future__ import annotations

import pytest

from audit.bundlefiles import unpack
from tests.support.bundles import faults, verdicts, verified
from tests.support.complicity import without_rights
from tests.support.rehearsal import name
from tests.unit.test_standing import INSURER, MAINTAINER, WORKER, House


@pytest.mark.parametrize("holder", [INSURER, WORKER])
def test_a_key_that_a_stranger_registered_signs_for_nobody(holder: str) -> None:
    """What it signs for its holder is found in the log, by the short way and the long, and in a bundle."""
    house = House()
    stranger = house.maintainer if holder == INSURER else house.insurer
    with without_rights():
        house.ledger.act(stranger, "key.register", {"holder": holder, **house.ledger.registration(holder, "smuggled")})
    assert house.log()[0].verify().integrity, "nothing was done with it yet"
    thief = house.signer(INSURER if holder == INSURER else MAINTAINER, "smuggled")
    house.ledger.act(thief, "agent.enrol", {"id": name("agent", "x"), "party": thief.party, "role": "worker"})
    stored, log = house.log()
    at = len(stored.events) - 1
    for report in (stored.verify(), stored.verify(page=1)):
        assert [(each.code, each.position) for each in report.verdicts if each.kind == "integrity"] == [("author", at)]
    bundle = verified(unpack(log.bundle(name("agent", "x")).data), log)
    assert faults(bundle) == {"author"}
    assert verdicts(bundle)[at] == ("broken",)


@pytest.mark.parametrize("holder", [INSURER, WORKER])
def test_the_operator_registers_keys_for_others(holder: str) -> None:
    """Whoever lost his only key gets another from it, and that one signs like any other."""
    house = House()
    house.ledger.act(house.operator, "key.register", {"holder": holder, **house.ledger.registration(holder, "another")})
    heir = house.signer(INSURER if holder == INSURER else MAINTAINER, "another")
    house.ledger.act(heir, "agent.enrol", {"id": name("agent", "x"), "party": heir.party, "role": "worker"})
    stored, log = house.log()
    assert stored.verify().integrity
    assert not faults(verified(unpack(log.bundle(name("agent", "x")).data), log))
