"""All projections of this version, in one place."""

from __future__ import annotations

from typing import Final

from application.projections.applications import APPLICATIONS
from application.projections.base import Projection
from application.projections.claims import CLAIMS
from application.projections.covers import COVERS
from application.projections.funds import ENTRIES, FUNDS, HOUSES, RESERVATIONS
from application.projections.keys import KEYS
from application.projections.lifts import LIFTS
from application.projections.limits import LIMITS
from application.projections.parties import PARTIES
from application.projections.payments import BANK_LINES, PAYMENTS
from application.projections.persons import PERSONS
from application.projections.policies import POLICIES
from application.projections.products import PRODUCTS
from application.projections.subsidies import SUBSIDIES
from application.projections.timeline import TIMELINE
from application.projections.visits import VISITS

PROJECTIONS: Final[tuple[Projection, ...]] = (
    LIFTS, COVERS, POLICIES, CLAIMS, FUNDS, HOUSES, RESERVATIONS, ENTRIES, TIMELINE, PERSONS, KEYS,
    APPLICATIONS, PAYMENTS, BANK_LINES, PARTIES, PRODUCTS, LIMITS, SUBSIDIES, VISITS,
)  # fmt: skip
