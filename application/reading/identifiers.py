"""The lift behind a number (按编号查找电梯): whoever stands before a lift knows its number, and nobody its name."""

from __future__ import annotations

from typing import Final

from application.identifiers import named
from application.reading.asking import KNOWN_AT, WAIT_FOR, Answer, Asking, Parameter, Question
from application.reading.shapes import Cited
from domain.aggregate import fold
from domain.errors import NotFound
from domain.identifier_rules import SCHEMES
from domain.identifiers import Identifier
from domain.shapes import IdentifierName, LiftName


class IdentifierAnswer(Cited):
    """An identifier as it is cleaned, whose it is, which lifts claim it too (`contenders`) and which had it.

    `lift` is null where no live lift has it. A lift named here may have gone up in another since.
    """

    identifier: IdentifierName
    scheme: str
    issuer: str | None
    value: str
    lift: LiftName | None
    contenders: list[LiftName]
    former: list[LiftName]


def found(asking: Asking) -> Answer:
    """Answer GET /identifiers: whose a number is, however it is written.

    Raises Invalid `identifier_scheme_unknown`, `identifier_malformed`, `identifier_issuer_missing`; NotFound
    `identifier_unknown`.
    """
    scheme, issuer, value = (asking.query.get(name, "") for name in ("scheme", "issuer", "value"))
    stream, (scheme, issuer, value) = named((scheme, issuer, value))
    known = asking.known_log.position
    events = [e for e in asking.reads.streams.events(stream) if e.position is not None and e.position <= known]
    identifier = fold(Identifier, stream, events)
    if identifier is None:
        raise NotFound("the ledger knows no lift of this number", code="identifier_unknown", identifier=stream)
    return asking.cited(
        identifier=stream, scheme=scheme, issuer=issuer or None, value=value, lift=identifier.owner,
        contenders=list(identifier.contenders), former=list(identifier.former),
    )  # fmt: skip


QUESTIONS: Final = (
    Question(
        "identifier.find", "/identifiers", found, IdentifierAnswer,
        (Parameter(
             "scheme", "The kind of number (docs/codes.md#identifier_schemes).", values=tuple(SCHEMES), required=True
         ),
         Parameter("issuer", "Who made it unique; left out for the country's numbers."),
         Parameter("value", "The number itself, with or without separators.", required=True),
         KNOWN_AT, WAIT_FOR),
        "The lift behind a number", "按编号查找电梯",
    ),
)  # fmt: skip
