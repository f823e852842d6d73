"""All questions of this version, in one place."""

from __future__ import annotations

from typing import Final

from application.reading import (
    applications,
    claims,
    coverage,
    funds,
    identifiers,
    keys,
    lifts,
    limits,
    maintenance,
    parties,
    payments,
    policies,
    products,
    schemes,
    subjects,
    subsidies,
    sums,
    uses,
    visits,
)
from application.reading.asking import Question

QUESTIONS: Final[tuple[Question, ...]] = (
    *coverage.QUESTIONS, *lifts.QUESTIONS, *identifiers.QUESTIONS, *maintenance.QUESTIONS, *visits.QUESTIONS,
    *policies.QUESTIONS, *limits.QUESTIONS, *schemes.QUESTIONS, *products.QUESTIONS, *parties.QUESTIONS,
    *claims.QUESTIONS, *sums.QUESTIONS, *funds.QUESTIONS, *applications.QUESTIONS, *payments.QUESTIONS,
    *subsidies.QUESTIONS, *uses.QUESTIONS, *keys.QUESTIONS, *subjects.QUESTIONS,
)  # fmt: skip
