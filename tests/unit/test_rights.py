"""The table of rights, whole: action × kind of party × relations, against the table that was reviewed and frozen."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

import pytest

from application.catalogue import ACTIONS
from application.reading.ports import Reach
from application.rights import AUTHORITIES, KINDS, RIGHTS, SHARED, allowed, granted, right_missing
from application.rights import RELATIONS as DESCRIBED
from application.work import Work
from audit.names import SUBJECTS
from domain.mandates import ACTS
from domain.parties import PartyKind
from infrastructure.reach import within
from tests.support.story.whole import performed

REVIEWED: Final = Path(__file__).parents[1] / "golden" / "rights.csv"
"""Read line by line: who does this in the field? `everyone` is every kind; `any` needs no relation."""
READS: Final = {f"{subject.rstrip(':')}.read" for subject in SUBJECTS} | {
    "access.read", "application.read", "claim.read", "cover.read", "coverage.read", "person.search", "person.open",
    "visit.read",
}  # fmt: skip
"""What is read: every kind of subject, and what is cut out of a lift's."""


def reviewed() -> dict[tuple[str, str], frozenset[str]]:
    """Give the frozen table: (action, kind) → relations of which one is enough."""
    table: dict[tuple[str, str], frozenset[str]] = {}
    with REVIEWED.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for kind in KINDS if row["kinds"] == "everyone" else row["kinds"].split():
                assert (row["action"], kind) not in table, f"{row} stands twice"
                table[row["action"], kind] = frozenset(row["relations"].split())
    return table


TABLE: Final = reviewed()
RELATIONS: Final = sorted({relation for needed in TABLE.values() for relation in needed} - {"any"})
SETS: Final = [
    frozenset(held) for count in (0, 1, 2, len(RELATIONS)) for held in itertools.combinations(RELATIONS, count)
]  # fmt: skip


@pytest.mark.parametrize("action", sorted({action for action, _ in TABLE} | set(RIGHTS)))
def test_rights_are_those_that_were_reviewed(action: str) -> None:
    """For every kind, with no relation, each one, each two and all of them."""
    for kind, held in itertools.product(KINDS, SETS):
        needed = TABLE.get((action, kind), frozenset())
        assert allowed(action, kind, held) == ("any" in needed or not needed.isdisjoint(held)), (kind, sorted(held))


def test_every_relation_is_described() -> None:
    """In both languages; whoever is refused is told which of them would do, and that none would for his kind."""
    assert sorted(DESCRIBED) == list(DESCRIBED) == RELATIONS
    assert all(english and re.search("[\u4e00-\u9fff]", chinese) for english, chinese in DESCRIBED.values())
    refused = [right_missing("no", "claim.assess", kind).details["needed"] for kind in ("insurer", "assessor", "bank")]
    assert refused == [["insures"], ["appointed"], []]


def test_every_action_has_a_row() -> None:
    """An action without a row is nobody's, a row without an action or a read is a mistake."""
    assert {SHARED.get(action, action) for action in ACTIONS.by_id} == set(RIGHTS) - READS
    assert set(SHARED) == set(ACTIONS.by_id) - set(RIGHTS)
    assert set(ACTS) <= set(RIGHTS)


def test_kinds_are_those_that_parties_can_be() -> None:
    """The list of kinds and the shape of a registration name the same; rows name no other."""
    assert tuple(get_args(PartyKind)) == KINDS
    assert len(set(KINDS)) == len(KINDS) == 25
    assert {kind for rule in RIGHTS.values() for kind in rule} <= set(KINDS)


@pytest.mark.parametrize("kind", ["", "Operator", "nobody", "everyone", "any"])
def test_an_unknown_kind_may_do_nothing(kind: str) -> None:
    """Whatever relation is claimed."""
    assert not any(allowed(action, kind, held) for action in RIGHTS for held in SETS)


@pytest.mark.parametrize("action", ["", "claim", "claim.", "claim.Approve", "lift.import_plain", "claim.approve "])
def test_an_unknown_action_is_nobodys(action: str) -> None:
    """Also for the operator."""
    assert not any(allowed(action, kind, held) for kind in KINDS for held in SETS)


NEVER: Final = {
    "money of claims is the insurers'": (
        (
            "claim.reserve", "claim.advance", "claim.approve", "claim.reduce", "claim.refuse", "claim.pay",
            "claim.return", "claim.close",
        ), {"insurer"},
    ),
    "policies are the insurers'": (
        (
            "policy.draft", "policy.stage", "policy.quote", "policy.issue", "policy.endorse", "policy.cancel",
            "policy.lapse", "policy.void", "product.file", "product.offer",
        ), {"insurer"},
    ),
    "the fund is the housing bureau's to approve": (
        ("application.check", "application.approve", "application.refuse", "fund.change"), {"housing_bureau"},
    ),
    "who maintains does not countersign": (
        ("visit.countersign",), {"use_unit", "institution", "owners_committee", "owner"},
    ),
    "visits are written by who maintains": (
        ("visit.submit", "visit.open", "visit.nodes", "visit.items", "visit.finish", "visit.correct"),
        {"maintainer", "manufacturer"},
    ),
    "owners decide through their committee or manager": (
        ("plan.publish", "vote.open", "vote.cast", "vote.revoke_ballot", "vote.close", "vote.publish",
         "application.file"), {"use_unit", "owners_committee"},
    ),
    "subsidies are granted by the treasury": (("subsidy.grant", "subsidy.claw_back"), {"finance_bureau"}),
    "targets are set by the market regulator": (("scheme.set_target", "scheme.withdraw_target"), {"market_regulator"}),
    "parties are admitted by the operator": (
        (
            "party.register", "party.suspend", "party.reinstate", "person.erase", "person.open",
            "ledger.publish_actions", "ledger.rotate_key",
        ),
        {"operator"},
    ),
    "rules are the regulator's": (("pack.publish", "scheme.adopt"), {"operator", "market_regulator"}),
    "houses are kept by bureau and bank": (
        ("house.open", "house.transfer", "house.deposit", "application.pay"), {"housing_bureau", "bank"},
    ),
    "coverage is the authorities'": (("coverage.read",), {"operator", "auditor", *AUTHORITIES}),
    "funds are read by those who keep, manage, supervise or own them": (
        ("fund.read", "application.read"),
        {"operator", "auditor", "housing_bureau", "finance_bureau", "bank", "owners_committee", "use_unit"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", NEVER)
def test_nobody_else_ever_may(why: str) -> None:
    """Roles that the field keeps apart stay apart, in whatever relation the others stand."""
    actions, kinds = NEVER[why]
    for action, kind in itertools.product(actions, KINDS):
        assert any(allowed(action, kind, held) for held in SETS) == (kind in kinds), (action, kind)


@pytest.mark.parametrize("kind", ["auditor", "witness", "iot_platform", "inspection_body"])
def test_those_who_only_watch_write_nothing_of_others(kind: str) -> None:
    """They keep their own agents, keys and mandates, hold a policy, pay, have evidence made; nothing else."""
    own = {"agent.", "evidence.", "key.", "mandate.", "payment.", "policy.propose", "subsidy.claim"}
    for action in set(RIGHTS) - READS:
        may = any(allowed(action, kind, held) for held in SETS)
        assert may == any(action.startswith(begin) and kind in RIGHTS[action] for begin in own), action


def test_everything_is_read_by_operator_and_auditor() -> None:
    """Without any relation, whatever kind of subject it is; personal values are opened by the operator alone."""
    for action in READS - {"person.search", "person.open"}:
        assert all(allowed(action, kind, frozenset()) for kind in ("operator", "auditor")), action


def test_a_past_relation_reads_what_the_relation_reads() -> None:
    """Whoever reads by `had_…` did so while the relation held: no row gives more to who has gone than to who is there.

    Claims and certificates are read through their lift by its use unit and authorities, and by who insures them; of
    claims the use unit of now reads those of its own time as well, and no others.
    """
    for action in RIGHTS:
        for kind in KINDS:
            relations = granted(action, kind) | ({"manages"} if action == "claim.read" else set())
            past = {relation.removeprefix("had_") for relation in relations if relation.startswith("had_")}
            assert past <= relations, (action, kind)
            assert not past or action in READS, (action, kind)


ASKED_ELSEWHERE: Final = {"payment.instruct": {"bureau"}}
"""Relations that matter in cases which the story has not: a fund's payment that was not instructed when ordered."""


def test_use_cases_compute_the_relations_that_the_table_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a whole story each act asks for all relations of its rows: the table names none that no use case finds."""
    asked: dict[str, set[str]] = {}
    allow = Work.allow

    def noted(work: Work, action: str, of: Mapping[str, str] | None = None, /, **relations: bool) -> None:
        asked.setdefault(action, set()).update({*(of or {}), *relations})
        allow(work, action, of, **relations)

    monkeypatch.setattr(Work, "allow", noted)
    performed.__wrapped__()
    for action in set(RIGHTS) - READS:
        named = set().union(*RIGHTS[action].values()) - {"any"}
        assert named <= asked[action] | ASKED_ELSEWHERE.get(action, set()), (action, named - asked[action])


OF_NO_ROW: Final = {"banklines": {"named"}, "subsidies": {"named"}}
"""Relations that no row of a list has: lines of accounts and subsidies name nobody but who noted or claimed them."""
SINGLE: Final = {"policies": "policy", "subsidies": "subsidy"}


@pytest.mark.parametrize(
    "view", ["lifts", "policies", "claims", "funds", "applications", "payments", "banklines", "subsidies", "visits"]
)
def test_lists_find_the_relations_that_the_table_names(view: str) -> None:
    """Each relation of a read's row holds a list to something; one that is not of it holds it to nothing."""
    action = f"{SINGLE.get(view, view.removesuffix('s'))}.read"
    for relation in set().union(*RIGHTS[action].values()) - {"any"} - OF_NO_ROW.get(view, set()):
        reach = Reach({relation: ("party:a",)}, ("3701",), 1, "2026-01-01T00:00:00.000000Z")
        assert "party" in str(within(view, reach, 1, reach.now).compile().params) or relation == "supervises", relation
        assert str(within(view, reach, 1, reach.now)) != "false", (action, relation)
    nobody = Reach({"owns": ("party:a",)}, ("3701",), 1, "2026-01-01T00:00:00.000000Z")
    assert str(within(view, nobody, 1, nobody.now)) == "false"
