"""The table of actions of this version: every noun's, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application import (
    access,
    applications,
    buildings,
    claim_decisions,
    claims,
    contracts,
    countersigning,
    covers,
    disputes,
    endorsements,
    fund_payments,
    funds,
    lift_changes,
    lifts,
    maintenance,
    mandates,
    parties,
    payments,
    persons,
    plans,
    policies,
    products,
    schemes,
    subsidies,
)
from application.actions import Actions
from application.genesis import actions_digest
from application.ledgers import ROTATE, actions_action
from domain.identifier_rules import CLEANING_VERSION

ACTIONS = Actions(rules={"identifier_cleaning": CLEANING_VERSION})


def _table() -> tuple[str, Mapping[str, Any]]:
    return actions_digest(ACTIONS), ACTIONS.as_json()


ACTIONS.add(actions_action(_table), ROTATE)
for _noun in (
    parties, persons, mandates, buildings, lifts, lift_changes, contracts, schemes, products, policies, covers,
    endorsements, funds, plans, applications, fund_payments, payments, subsidies, maintenance, countersigning, claims,
    claim_decisions, disputes, access,
):  # fmt: skip
    ACTIONS.add(*_noun.ACTIONS)
