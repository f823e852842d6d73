"""Questions over a real log and its read models: both times, counts against a plain count, statements, cursors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from application.errors import ProjectionBehind
from application.reading import asking as asking_module
from application.reading import claims, coverage, funds, lifts, policies, subjects
from application.reading.asking import Asking, Reads
from application.replay import replay
from application.work import Author
from domain.errors import Forbidden, Invalid, NotFound
from infrastructure.projector import Projector
from tests.support.history import PARTIES, Told, history, name
from tests.support.projecting import store
from tests.support.reading import OPERATOR, adopted, ask, project, reading
from tests.support.saving import PARTY, TestLedger

AT = "2025-08-01"
LATEST = "2025-12-30"


@pytest.fixture
def reads(ledger: TestLedger) -> Iterator[Reads]:
    """The reading side of a ledger that holds a history, its read models up to date."""
    store(ledger, [*history(42, lifts=12), *adopted("370102"), *adopted("370103", number=2)])
    with reading(ledger) as opened:
        yield opened


def lift_names(reads: Reads) -> list[str]:
    """Give all lifts."""
    return [row["lift"] for row in lifts.listed(ask(reads, effective_at=AT))["lifts"]]


def test_coverage_counts_what_a_plain_count_counts(reads: Reads) -> None:
    """The shares are those of counting lifts one by one, and groupings sum to the whole."""
    answer = coverage.coverage(ask(reads, effective_at=AT, by="area,class"))
    insured = in_use = 0
    for lift in lift_names(reads):
        told = lifts.one(ask(reads, path={"lift": lift}, effective_at=AT))
        if told["state"]["status"] == "in_use":
            in_use += 1
            insured += any(c["in_force"] and "third_party_injury" in c["parts"] for c in told["covers"])
    assert answer["total"]["in_use"] == in_use > 0
    assert answer["total"]["liability"]["covered"] == insured > 0
    assert sum(row["in_use"] for row in answer["rows"]) == in_use
    assert {row["by"] for row in answer["targets"]} >= {"2021-12-31"}
    assert {row["source"] for row in answer["targets"]} == {"pack"}


def test_insurance_with_service_counts_policies_that_promise_services(ledger: TestLedger, reads: Reads) -> None:
    """A lift insured by a policy without services counts for liability alone; both are held against their targets."""
    promised = coverage.coverage(ask(reads, effective_at=AT))["total"]
    assert promised["insurance_service"] == promised["liability"]
    store(ledger, history(43, lifts=9))
    project(ledger)
    answer = coverage.coverage(ask(reads, effective_at=AT, by="venue"))
    total = answer["total"]
    assert total["liability"]["covered"] > promised["liability"]["covered"]
    assert total["insurance_service"]["covered"] == promised["insurance_service"]["covered"] > 0
    assert sum(row["insurance_service"]["covered"] for row in answer["rows"]) == total["insurance_service"]["covered"]
    served = [row for row in answer["targets"] if row["kind"] == "insurance_service"]
    assert {row["area"] for row in served} == {"370102", "370103"}
    for row in served:
        (district,) = [d for d in answer["districts"] if d["area"] == row["area"]]
        assert row["covered"] == district["insurance_service"]["covered"]
    assert sum(d["in_use"] for d in answer["districts"]) == total["in_use"]
    assert "target_not_counted" not in {row["finding"]["code"] for row in served}


def test_an_areas_own_targets_stand_beside_the_packs(ledger: TestLedger, reads: Reads) -> None:
    """What the area set by its document is held against the same counts, as known at the position asked for."""
    before = coverage.coverage(ask(reads, area="370102", effective_at=AT))
    said = {
        "area": "370102", "group": "all", "kind": "insurance_service", "by": "2026-12-31", "share_bp": 10_000,
        "document": "District notice 7",
    }  # fmt: skip
    store(ledger, [Told("scheme:370102", "scheme.TargetSet", said, {}, None)])
    project(ledger)
    answer = coverage.coverage(ask(reads, area="370102", effective_at=AT))
    assert answer["targets"][:-1] == before["targets"]
    own = answer["targets"][-1]
    assert (own["source"], own["target_bp"], own["covered"]) == (
        "area", 10_000, answer["total"]["insurance_service"]["covered"],
    )  # fmt: skip
    assert (own["finding"]["rule"], own["finding"]["basis"]) == ("targets.area", "District notice 7")
    known = str(before["known_at"]["position"])
    assert coverage.coverage(ask(reads, area="370102", effective_at=AT, known_at=known)) == before


def test_coverage_by_what_was_known(ledger: TestLedger, reads: Reads) -> None:
    """Before the policy's issue was recorded nothing was known to be insured, also for days it covers."""
    issued = next(
        event for event in reads.log.select_log(1, 1_000) if b'"type":"policy.Issued"' in event.header
    ).position  # fmt: skip
    before = coverage.coverage(ask(reads, effective_at=AT, known_at=str(issued - 1)))
    assert before["total"]["liability"]["covered"] == 0
    assert before["known_at"]["position"] == issued - 1
    then = coverage.coverage(ask(reads, effective_at=AT))
    store(ledger, history(43, lifts=4))
    project(ledger)
    again = coverage.coverage(ask(reads, effective_at=AT, known_at=str(then["known_at"]["position"])))
    assert again == then
    assert coverage.coverage(ask(reads, effective_at=AT))["total"]["in_use"] > then["total"]["in_use"]


def test_merged_lifts_count_once(ledger: TestLedger, reads: Reads) -> None:
    """A lift that went up in another is not counted, and its certificate counts for the other."""
    in_force = [
        lift for lift in lift_names(reads)
        if any(c["in_force"] for c in lifts.one(ask(reads, path={"lift": lift}, effective_at=AT))["covers"])
    ]  # fmt: skip
    rng = random.Random(1)
    other = name(rng, "lift")
    said = {
        "id": other, "identifiers": [{"scheme": "s", "value": "1"}], "variety": "3110", "area": "370102001",
        "status": "in_use", "status_since": "2020-01-01",
    }  # fmt: skip
    store(ledger, [Told(other, "lift.Registered", said, {"on": "2025-01-01"}, None)])
    project(ledger)
    apart = coverage.coverage(ask(reads, effective_at=AT))
    moment = "2025-07-01T00:00:00.000000Z"
    absorbed = {"lift": in_force[0], "identifiers": [], "settled": []}
    store(ledger, [
        Told(in_force[0], "lift.MergedInto", {"into": other}, {"on": "2025-07-01"}, moment),
        Told(other, "lift.Absorbed", None, absorbed, moment),
    ])  # fmt: skip
    project(ledger)
    joined = coverage.coverage(ask(reads, effective_at=AT))["total"]
    assert joined["liability"]["covered"] == apart["total"]["liability"]["covered"]
    assert joined["in_use"] == apart["total"]["in_use"] - 1
    line = lifts.timeline(ask(reads, path={"lift": other}))
    assert line["also"] == [in_force[0]]
    assert {entry["account"] for entry in line["entries"]} == {other, in_force[0]}
    own = lifts.one(ask(reads, path={"lift": in_force[0]}, effective_at=AT))["covers"]
    assert lifts.one(ask(reads, path={"lift": other}, effective_at=AT))["covers"] == own
    assert {cover["lift"] for cover in own} == {in_force[0]}
    before = str(apart["known_at"]["position"])
    assert lifts.one(ask(reads, path={"lift": other}, effective_at=AT, known_at=before))["covers"] == []


def test_known_at_instants(reads: Reads) -> None:
    """An instant becomes the last position recorded by then; the future and what is no instant are refused."""
    head = reads.log.head()
    assert ask(reads, known_at=reads.clock.now()).known.position == head.size
    assert ask(reads, known_at="2020-01-01T00:00:00.000000Z").known.position == 0
    exact = ask(reads, known_at=head.recorded_at).known
    assert (exact.position, exact.instant) == (head.size, head.recorded_at)
    for wrong, code in (
        ("2199-01-01T00:00:00.000000Z", "known_at_future"), (str(head.size + 1), "known_at_future"),
        ("yesterday", "instant_malformed"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            _ = ask(reads, known_at=wrong).known
        assert refused.value.code == code
        assert refused.value.details.get("name") == ("known_at" if code == "instant_malformed" else None)
    for wrong in ("yesterday", "2025-02-30", "2025-02-01T00:00:00Z"):
        with pytest.raises(Invalid) as refused:
            _ = ask(reads, effective_at=wrong).effective
        assert refused.value.details == {"name": "effective_at"}


def test_wait_for(ledger: TestLedger, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that waits for a position has it or is told that the read models are behind."""
    monkeypatch.setattr(asking_module, "WAIT_S_MAX", 0.1)
    last = store(ledger, history(50, lifts=1))
    with pytest.raises(ProjectionBehind):
        lifts.listed(ask(reads, wait_for=str(last)))
    project(ledger)
    assert ask(reads, wait_for=str(last)).known.position == last


def test_nobody_waits_for_what_was_never_written(ledger: TestLedger, reads: Reads) -> None:
    """What was acknowledged is in the log: a position beyond it is refused at once, and holds up nobody."""
    last = store(ledger, history(50, lifts=1))
    project(ledger)
    for question, path in ((lifts.listed, {}), (subjects.everything, {"subject": PARTIES[0]})):
        with pytest.raises(Invalid) as refused:
            question(ask(reads, path=path, wait_for=str(last + 1)))
        assert refused.value.code == "wait_for_future"


def test_rebuild_under_a_read_is_noticed(ledger: TestLedger, reads: Reads) -> None:
    """An answer read while the read models were begun anew is refused, not given half."""
    asking = ask(reads)
    lifts.listed(asking)
    asking.check_unmoved()
    projector = Projector(ledger.database)
    projector.rebuild()
    projector.close()
    with pytest.raises(ProjectionBehind):
        asking.check_unmoved()


def test_pages_give_every_row_once(reads: Reads) -> None:
    """Following the cursor gives the whole list, whatever the page size; a foreign cursor is refused."""
    whole = lifts.listed(ask(reads, effective_at=AT))["lifts"]
    for limit in ("1", "5"):
        rows: list[Any] = []
        query = {"effective_at": AT, "limit": limit}
        while True:
            page = lifts.listed(Asking(reads, OPERATOR, {}, query))
            rows += page["lifts"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert rows == whole
    for wrong in ("x", "W10", "WzFd"):
        with pytest.raises(Invalid):
            lifts.listed(ask(reads, cursor=wrong))


def test_statement_counts_what_was_posted(ledger: TestLedger, reads: Reads) -> None:
    """A house's staged charge counts once the fund has posted the premium it is a share of: as known and effective."""
    rng = random.Random(9)
    fund, house, application = name(rng, "fund"), name(rng, "house", 4), name(rng, "application")
    said = {"id": house, "fund": fund, "area_m2_hundredths": 9_000, "delivered": True, "first_deposit_fen": 50_000}
    store(
        ledger,
        [
            Told(fund, "fund.Opened", {"id": fund, "area": "370102", "bank": PARTIES[3]}, {}, None),
            Told(house, "house.Opened", said, {}, None),
            Told(house, "house.Charged", None, {"fund": fund, "application": application, "amount_fen": 1_200}, None),
        ],
    )
    project(ledger)
    path = {"house": house}
    staged = funds.house_statement(ask(reads, path=path))
    assert [(e["kind"], e["counted"], e["balance_fen"]) for e in staged["entries"]] == [
        ("first_deposit", True, 50_000), ("charge", False, 50_000),
    ]  # fmt: skip
    posting = {"kind": "premium", "amount_fen": 1_200, "application": application, "payment": name(rng, "payment")}
    held = {"application": application, "policy": "p", "source": "s", "amount_fen": 1_200, "expires": "2026"}
    store(ledger, [Told(fund, "fund.Reserved", None, held, None), Told(fund, "fund.Posted", None, posting, None)])
    project(ledger)
    assert [e["balance_fen"] for e in funds.house_statement(ask(reads, path=path))["entries"]] == [50_000, 48_800]
    between = staged["entries"][-1]["recorded_at"]
    dated = funds.house_statement(ask(reads, path=path, effective_at=between))["entries"]
    assert [(e["counted"], e["balance_fen"]) for e in dated] == [(True, 50_000), (False, 50_000)]
    then = funds.house_statement(ask(reads, path=path, known_at=str(staged["known_at"]["position"])))
    assert then == staged
    bank = Author(PARTIES[3], "bank")
    told = funds.one(ask(reads, bank, {"fund": fund}))
    assert (told["balance_fen"], told["reserved_fen"]) == (-1_200, 0)
    with pytest.raises(Forbidden):
        funds.one(ask(reads, Author(PARTIES[2], "bank"), {"fund": fund}))


def test_claims_register(reads: Reads) -> None:
    """The register shows each claim as effective then, cut to the insurer, the notifier or the supervisor."""
    everything = claims.register(ask(reads))["claims"]
    assert len(everything) > 3
    assert {c["state"] for c in everything} <= {"approved", "assessed", "notified"}
    insurer = claims.register(ask(reads, Author(PARTIES[0], "insurer")))["claims"]
    assert len(insurer) == len(everything)
    assert claims.register(ask(reads, Author(PARTIES[1], "insurer")))["claims"] == []
    regulator = Author(PARTIES[3], "financial_regulator", areas=("370103000",))
    cut = claims.register(ask(reads, regulator))["claims"]
    assert 0 < len(cut) < len(everything)
    early = claims.register(ask(reads, effective_at="2025-01-01"))["claims"]
    assert len(early) < len(everything)


def test_scopes_of_lifts(ledger: TestLedger, reads: Reads) -> None:
    """Whoever maintained a lift keeps reading what was his; a stranger reads nothing; a supervisor reads his areas."""
    rng = random.Random(3)
    lift, old, new, stranger = name(rng, "lift"), *(f"party:{i}" for i in "abc")
    said = {
        "id": lift, "identifiers": [{"scheme": "s", "value": "2"}], "variety": "3110", "area": "370102001",
        "status": "in_use", "maintainer": old,
    }  # fmt: skip
    change = {
        "contract": name(rng, "contract"), "maintainer": new, "from_date": "2025-03-01", "to_date": None,
        "ends_stated": ["2025-01-01"], "confirmed_from": "2025-03-01",
    }  # fmt: skip
    stop = {"status": "stopped"}
    store(
        ledger,
        [
            Told(lift, "lift.Registered", said, {"on": "2025-01-01"}, "2024-12-31T16:00:00.000000Z"),
            Told(lift, "lift.MaintainerChanged", None, change, "2025-02-28T16:00:00.000000Z"),
            Told(lift, "lift.StatusChanged", stop, {"on": "2025-05-01"}, "2025-04-30T16:00:00.000000Z"),
        ],
    )
    project(ledger)
    path = {"lift": lift}
    seen = lifts.timeline(ask(reads, Author(old, "maintainer"), path))
    assert seen["limited"]
    assert [entry["type"] for entry in seen["entries"]] == ["lift.Registered"]
    assert len(lifts.timeline(ask(reads, Author(new, "maintainer"), path))["entries"]) == 3
    with pytest.raises(Forbidden):
        lifts.timeline(ask(reads, Author(stranger, "maintainer"), path))
    with pytest.raises(NotFound):
        lifts.timeline(ask(reads, path={"lift": name(rng, "lift")}))
    regulator = Author("party:r", "market_regulator", areas=("370102",))
    assert lifts.one(ask(reads, regulator, path))["state"]["status"] == "stopped"
    with pytest.raises(Forbidden):
        lifts.one(ask(reads, Author("party:r", "market_regulator", areas=("370103",)), path))
    chain = subjects.everything(ask(reads, Author(old, "maintainer"), {"subject": lift}))["events"]
    assert [event["withheld"] for event in chain] == [False, True, True]
    assert all(event["header"]["stream"] == lift for event in chain)


def test_policy_known_then_and_now(reads: Reads) -> None:
    """A policy is told stretch by stretch; a late endorsement changes the past only in what is known since."""
    policy = policies.listed(ask(reads))["policies"][0]["policy"]
    now = policies.one(ask(reads, path={"policy": policy}))["terms"]
    assert [t["effective_from"] for t in now] == sorted(t["effective_from"] for t in now)
    stored = reads.log.select_stream(policy)
    endorsed = next((e.position for e in stored if b'"policy.Endorsed"' in e.header), None)
    if endorsed is not None:
        then = policies.one(ask(reads, path={"policy": policy}, known_at=str(endorsed - 1)))["terms"]
        assert sum(t["premium_fen"] for t in then) < sum(t["premium_fen"] for t in now)
    covers = policies.covers(ask(reads, path={"policy": policy}))["covers"]
    assert all(c["effective_from"] < c["effective_to"] for c in covers)
    assert 6 < len({c["certificate"] for c in covers}) <= 12  # some were taken back before they began


def test_a_mandated_party_reads_its_givers_policy(ledger: TestLedger, reads: Reads) -> None:
    """Whoever holds a mandate of the policyholder to read does, while it runs and its giver is not suspended."""
    rng = random.Random(5)
    policy = policies.listed(ask(reads))["policies"][0]["policy"]
    holder = policies.one(ask(reads, path={"policy": policy}))["terms"][0]["holder"]
    broker = name(rng, "party", 4)
    asking = ask(reads, Author(broker, "broker"), {"policy": policy})
    with pytest.raises(Forbidden):
        policies.one(asking)
    mandate = f"{holder}/{name(rng, 'mandate')}"
    found = {
        "mandate": mandate, "giver": holder, "acts": ["policy.read"], "from_date": "2020-01-01", "to_date": "2199-01-01"
    }  # fmt: skip
    store(
        ledger,
        [
            Told(holder, "party.Registered", {"id": holder, "kind": "use_unit"}, {}, None),
            Told(broker, "party.Registered", {"id": broker, "kind": "broker"}, {}, None),
            Told(broker, "party.MandateReceived", None, found, None),
        ],
    )
    project(ledger)
    assert policies.one(ask(reads, Author(broker, "broker"), {"policy": policy}))["terms"]
    with pytest.raises(Forbidden):
        policies.one(ask(reads, Author(PARTIES[2], "broker"), {"policy": policy}))
    store(ledger, [Told(broker, "party.MandateEnded", None, {"mandate": mandate}, None)])
    with pytest.raises(Forbidden):
        policies.one(ask(reads, Author(broker, "broker"), {"policy": policy}))


def test_subject_is_complete_and_replayed(reads: Reads) -> None:
    """A subject's list is its whole chain, and the replay's state is the one the domain folds at both times."""
    lift = lift_names(reads)[0]
    chain = subjects.everything(ask(reads, path={"subject": lift}))["events"]
    assert [event["header"]["seq"] for event in chain] == list(range(1, len(chain) + 1))
    assert [event["header"]["prev"] for event in chain[1:]] == [event["leaf"] for event in chain[:-1]]
    one = subjects.one(ask(reads, path={"position": str(chain[0]["position"])}))
    assert one["header"] == chain[0]["header"]
    with pytest.raises(NotFound):
        subjects.one(ask(reads, path={"position": "0"}))
    asking = ask(reads, path={"subject": lift})
    whole = replay(reads, lift, asking.known_log)
    assert [event.position for event in whole.events] == [event["position"] for event in chain]
    assert whole.states[lift]["area"] is not None
    assert {event.author["party"] for event in whole.events} == {PARTY}
    assert {event.verdict for event in whole.events} == {"token_malformed"}  # the tokens of this history are noise
    early = replay(reads, lift, asking.known_log, "2000-01-01T00:00:00.000000Z")
    assert set(early.states.values()) == {None}
    with pytest.raises(NotFound):
        replay(reads, name(random.Random(77), "lift"), asking.known_log)


def test_dealings_are_not_shown_to_maintainers(reads: Reads) -> None:
    """Whoever maintains a lift reads its timeline without premiums and amounts of claims; its use unit reads both."""
    position = reads.views.tracked().position
    known = {claim["lift"]: reads.views.find("lifts", position, where={"key": claim["lift"]})[-1]
             for claim in claims.register(ask(reads))["claims"]}  # fmt: skip
    insured = {cover["lift"] for cover in reads.views.find("covers", position)}
    claimed, row = next(
        (lift, row) for lift, row in known.items() if row["maintainer"] and row["use_unit"] and lift in insured
    )
    path, maintainer = {"lift": claimed}, Author(row["maintainer"], "maintainer")
    entries = lifts.timeline(ask(reads, maintainer, path))["entries"]
    told = {entry["stream"].partition("/")[2][:5]: entry["facts"] for entry in entries}
    assert told["claim"] is None
    assert told["cover"] is None
    assert told[""] is not None
    whole = lifts.timeline(ask(reads, path=path))["entries"]
    assert [entry["position"] for entry in whole] == [entry["position"] for entry in entries]
    assert all(entry["facts"] is not None for entry in whole)
    user = Author(row["use_unit"], "use_unit")
    assert lifts.timeline(ask(reads, user, path))["entries"] == whole
    for author, sees in ((Author(PARTIES[0], "insurer"), True), (user, True), (maintainer, False)):
        covers = lifts.one(ask(reads, author, path, effective_at=LATEST))["covers"]
        assert covers
        assert all((cover["premium_fen"] is not None) == sees for cover in covers)
