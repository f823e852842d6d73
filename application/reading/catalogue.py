"""All questions of this version, in one place."""

from __future__ import annotations

from typing import Final

from application.reading import claims, coverage, funds, keys, lifts, maintenance, policies, subjects
from application.reading.asking import Question

QUESTIONS: Final[tuple[Question, ...]] = (
    *coverage.QUESTIONS, *lifts.QUESTIONS, *maintenance.QUESTIONS, *policies.QUESTIONS, *claims.QUESTIONS,
    *funds.QUESTIONS, *keys.QUESTIONS, *subjects.QUESTIONS,
)  # fmt: skip
