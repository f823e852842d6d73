"""A book with a rule pack, a product on sale and registered lifts, for tests of policies from quotation on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from application import covers, endorsements, policies, products, schemes
from application.actions import Action, Writes
from application.ids import new_name
from application.limits import LIMIT_WRITES
from application.work import AggregateCache, Author, Work
from domain.aggregate import Because, Event, Statement
from domain.lifts import Lift
from domain.parties import Party
from domain.payments import Payment
from domain.policies import Policy
from tests.support.book import ORIGIN, Book
from tests.support.seeding import seed

AREA = "370102"
OPERATOR = Author(new_name("party"), "operator")
BUREAU = Author(new_name("party"), "market_regulator", areas=("370100",))
INSURER = Author(new_name("party"), "insurer")
RIVAL = Author(new_name("party"), "insurer")
HOLDER = Author(new_name("party"), "use_unit")
PRODUCT, RIVAL_PRODUCT, PACK = new_name("product"), new_name("product"), new_name("pack")
LIFTS = tuple(new_name("lift") for _ in range(5))
HOMES, OFFICE, HOSPITAL, SCRAPPED, BARE = LIFTS
"""In dwellings, in an office, in a hospital (class by its venue), a scrapped one, and one of unknown class."""
STEPS = [
    {"start_seconds": 1800, "bound": "closed", "benefit_fen": 20_000},
    {"start_seconds": 3600, "bound": "open", "benefit_fen": 30_000},
    {"start_seconds": 5400, "bound": "open", "benefit_fen": 40_000},
    {"start_seconds": 7200, "bound": "open", "benefit_fen": 50_000},
]
TODAY = "2026-03-15T02:00:00.000000Z"


def filing(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a filing that the pack accepts."""
    return {
        "id": PRODUCT, "insurer": INSURER.party, "area": AREA, "clause_no": "(备案)[2026]N1号", "code": "1505",
        "name": "Lift liability", "canonical": "comprehensive", "refund": "pro_rata_days", "entrapment": STEPS,
        "parts": [
            {"part": "third_party_injury", "per_person_fen": 1_000_000, "per_lift_year_fen": 100_000_000},
            {"part": "entrapment", "per_person_fen": 50_000},
            {"part": "parts_repair"},
        ],
        "services": ["SV01", "SV06"],
    } | changes  # fmt: skip


def office(now: str = TODAY, *, adopted_from: str = "2020-01-01") -> Book:
    """Give the book: pack adopted, two insurers with a product each on sale, a holder, five lifts."""
    tables = (schemes.ACTIONS, products.ACTIONS, policies.ACTIONS, covers.ACTIONS, endorsements.ACTIONS)
    book = Book({action.id: action for table in tables for action in table}, now=now)
    for author in (OPERATOR, BUREAU, INSURER, RIVAL, HOLDER):
        said = {"id": author.party, "kind": author.kind}
        seed(book, Party, author.party, OPERATOR.party, Party.Registered, said)
    book.act(OPERATOR, "pack.publish", {"id": PACK, "program_pack": "shandong@1"})
    adoption = {"area": AREA, "pack": PACK, "version": 1, "from_date": adopted_from, "document": "Notice 1"}
    book.act(BUREAU, "scheme.adopt", adoption)
    for author, product in ((INSURER, PRODUCT), (RIVAL, RIVAL_PRODUCT)):
        book.act(author, "product.file", filing(id=product, insurer=author.party))
        book.act(author, "product.offer", {"from_date": "2020-01-01"}, product=product)
    kinds: tuple[dict[str, Any], ...] = (
        {"premises_class": "residential"}, {"premises_class": "non_residential"}, {"venue": "hospital"},
        {"premises_class": "residential", "status": "scrapped"}, {},
    )  # fmt: skip
    for name, kind in zip(LIFTS, kinds, strict=True):
        lift = {"id": name, "variety": "3110", "area": f"{AREA}001", "status": "in_use", "identifiers": []} | kind
        seed(book, Lift, name, OPERATOR.party, Lift.Registered, lift, {"on": "2020-01-01"})
    return book


def line(policy: str, lift: str = HOMES, liability_fen: int = 8_000, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a line of a schedule for the policy's year; of the liability premium a tenth is for entrapment."""
    return {
        "policy": policy, "lift": lift, "certificate": new_name("certificate"), "from_date": "2026-04-01",
        "to_date": "2027-04-01",
        "parts": [
            {"part": "third_party_injury", "premium_fen": liability_fen - liability_fen // 10},
            {"part": "entrapment", "premium_fen": liability_fen // 10},
        ],
    } | changes  # fmt: skip


def head(policy: str, lines: Sequence[Mapping[str, Any]], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give the head of a quotation that its lines sum to."""
    parts: dict[str, int] = {}
    for item in lines:
        for part in item["parts"]:
            parts[part["part"]] = parts.get(part["part"], 0) + part["premium_fen"]
    premium_fen = sum(parts.values())
    return {
        "id": policy, "product": PRODUCT, "area": AREA, "holder": HOLDER.party, "interest": "owner",
        "parts": [{"part": part, "premium_fen": fen} for part, fen in parts.items()],
        "limits": {"per_lift_year_fen": 100_000_000}, "from_date": "2026-04-01", "to_date": "2027-04-01",
        "premium_fen": premium_fen, "sources": [{"kind": "property_fee", "amount_fen": premium_fen}],
        "valid_until": "2026-06-30",
    } | changes  # fmt: skip


def drafted(book: Book, *lines: dict[str, Any], author: Author = INSURER, **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Draft a policy for lines (their `policy` is filled in) and stage them; returns its name."""
    policy = new_name("policy")
    whole = [item | {"policy": policy} for item in lines]
    book.act(author, "policy.draft", head(policy, whole, **changes))
    for item in whole:
        book.act(author, "policy.stage", item)
    return policy


def proposed(book: Book, *lines: dict[str, Any], sealed: bool = False, **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Draft, stage, quote and have the holder propose."""
    author = changes.get("author", INSURER)
    policy = drafted(book, *lines, **changes)
    state = book.state(Policy, policy)
    closing = {"count": state.staged.count, "premium_fen": state.drafted_fen}
    book.act(author, "policy.quote", closing, policy=policy)
    book.act(HOLDER, "policy.propose", {"document": "0" * 64} if sealed else {}, policy=policy)
    return policy


def pay(book: Book, policy: str, amount_fen: int | None = None, source: str = "property_fee") -> Event:
    """Let a payment be matched to the policy; by default of all that it costs."""
    due_fen = book.state(Policy, policy).premium_fen
    amount_fen = due_fen if amount_fen is None else amount_fen
    cause = Because(new_name("payment"), 1)
    request = {"policy": policy, "payee": INSURER.party, "amount_fen": amount_fen, "source_kind": source}
    seed(book, Payment, cause.stream, HOLDER.party, Payment.Requested, request)

    def handle(work: Work, _statement: Statement, _path: Mapping[str, str]) -> None:
        arrival = policies.Arrival(cause.stream, source, amount_fen, work.today)
        policies.receive_premium(work, policy, cause, arrival)

    return derive(book, handle, *policies.PREMIUM_WRITES)[0]


def derive(book: Book, handle: Any, *writes: Writes) -> list[Event]:  # noqa: ANN401 - a handler
    """Run what another noun's use case would call."""
    book_actions = dict(book.actions)
    book_actions["test.derive"] = Action("test.derive", "POST", "/test", dict, handle, writes or LIMIT_WRITES, "", "")
    book.actions = book_actions
    return book.act(OPERATOR, "test.derive", {})


def issued(book: Book, *lines: dict[str, Any], **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Bring a policy into force."""
    policy = proposed(book, *lines, **changes)
    pay(book, policy)
    book.act(changes.get("author", INSURER), "policy.issue", {"number": "PZ-1"}, policy=policy)
    return policy


def reading(book: Book) -> Work:
    """Give a unit of work that reads the book."""
    cache = AggregateCache()
    return Work(ORIGIN, OPERATOR, book.now, book, cache, keep=cache)
