"""A district's history made from a seed, as events that no use case decided: for tests of what reads them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from application.projections.base import LoggedEvent

PARTIES = [f"party:{uuid.UUID(int=i, version=4)}" for i in range(1, 6)]
AREAS = ["370102001", "370102002", "370103001"]
VENUES = ["school", "hospital", "residence_commercial_estate", "office", "hotel"]


class Told(NamedTuple):
    """One event before it has a place in the log."""

    stream: str
    type: str
    said: Mapping[str, Any] | None
    found: Mapping[str, Any]
    effective_at: str | None
    party: str | None = None
    """By whom; None is by the one party that writes where it does not matter."""
    agent: str | None = None


def name(rng: random.Random, kind: str, version: int = 7) -> str:
    """Make a name from the seed."""
    made = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return f"{kind}:{made[:14]}{version}{made[15:]}"


def _day(rng: random.Random) -> str:
    return f"2025-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _instant(rng: random.Random) -> str:
    return f"{_day(rng)}T{rng.randint(0, 23):02}:00:00.000000Z"


def history(seed: int, lifts: int = 8) -> list[Told]:
    """Make a history of so many lifts with a policy, claims and a fund; what belongs to one stream is in order.

    The policy promises services where the seed is even.
    """
    rng = random.Random(seed)
    fund, houses = name(rng, "fund"), [name(rng, "house", 4) for _ in range(3)]
    tracks = [_fund(rng, fund, houses), *([_house(rng, fund, house) for house in houses])]
    policy = name(rng, "policy")
    tracks.append(_policy(rng, policy, lifts, ["SV01", "SV07"] if seed % 2 == 0 else []))
    tracks.extend(_lift(rng, policy) for _ in range(lifts))
    tracks.append(_person(rng))
    tracks.extend(_key(rng) for _ in range(2))
    queues = [list(track) for track in tracks]
    queues += [list(track) for track in (_party(rng), _product(rng), _limit(rng, policy), _subsidy(rng, policy))]
    queues += [track for number in range(2) for track in paying(rng, fund, policy, number)]
    told: list[Told] = []
    while any(queues):
        queue = rng.choice([q for q in queues if q])
        told.append(queue.pop(0))
    return told


def _person(rng: random.Random) -> Iterator[Told]:
    """A person whose data are held, restricted, held again and, as the seed will, erased."""
    person, dispute, until = name(rng, "person", 4), name(rng, "dispute", 4), _instant(rng)
    if rng.random() < 0.5:
        yield Told(person, "person.HoldSet", None, {"dispute": dispute}, None)
        yield Told(person, "person.HoldLifted", None, {"dispute": dispute}, None)
    yield Told(person, "person.Restricted", {"basis": "request"}, {"until": until}, None)
    if rng.random() < 0.5:
        yield Told(person, "person.HoldSet", None, {"dispute": dispute}, None)
    else:
        yield Told(person, "person.Erased", None, {"basis": "request", "due": until}, until)


def _party(rng: random.Random) -> Iterator[Told]:
    party = name(rng, "party", 4)
    said = {"id": party, "kind": rng.choice(["bank", "insurer", "town"]), "name": "n", "areas": [rng.choice(AREAS)]}
    yield Told(party, "party.Registered", said, {}, None)
    if rng.random() < 0.5:
        yield Told(party, "party.Suspended", {"reason": "r"}, {}, None)


def _product(rng: random.Random) -> Iterator[Told]:
    product = name(rng, "product")
    filing = {
        "id": product, "insurer": PARTIES[0], "area": "370100", "clause_no": "C", "code": "c", "name": "n",
        "canonical": "liability", "parts": [{"part": "third_party_injury"}], "refund": "none",
    }  # fmt: skip
    yield Told(product, "product.Filed", filing, {"findings": []}, _instant(rng))
    for topic in ("product.OnSale", "product.Withdrawn"):
        on = _day(rng)
        yield Told(product, topic, {"from_date": on}, {}, f"{on}T00:00:00.000000Z")


def _subsidy(rng: random.Random, policy: str) -> Iterator[Told]:
    subsidy = name(rng, "subsidy")
    claim = {"id": subsidy, "programme": "p", "area": rng.choice(AREAS), "policy": policy, "amount_fen": 1_000}
    yield Told(subsidy, "subsidy.Claimed", claim, {}, _instant(rng), rng.choice(PARTIES[:2]))
    yield Told(subsidy, "subsidy.Granted", {"amount_fen": 900}, {}, _instant(rng))
    if rng.random() < 0.7:
        payment = name(rng, "payment")
        yield Told(subsidy, "subsidy.Paid", None, {"payment": payment, "amount_fen": 900}, _instant(rng))
        yield Told(subsidy, "subsidy.ClawedBack", {"amount_fen": 300, "reason": "r"}, {}, _instant(rng))
        yield Told(subsidy, "subsidy.Returned", None, {"payment": payment, "amount_fen": 200}, _instant(rng))


def _limit(rng: random.Random, policy: str) -> Iterator[Told]:
    limit, claim, part = f"{policy}/limit:all:2025", name(rng, "claim", 4), "third_party_injury"
    terms = {"limit_fen": 1_000_000, "parts": {part: 500_000}, "on": "2025-03-01", "findings": []}
    yield Told(limit, "limit.Set", None, terms, None)
    held_fen = rng.randint(1, 400_000)
    yield Told(limit, "limit.Reserved", None, {"claim": claim, "part": part, "amount_fen": held_fen}, None)
    used = {"claim": claim, "part": part, "amount_fen": held_fen - 1, "from_reserve_fen": held_fen - 1}
    yield Told(limit, "limit.Consumed", None, used, None)
    yield Told(limit, "limit.Released", None, {"claim": claim, "part": part, "amount_fen": 1}, None)


def _key(rng: random.Random) -> Iterator[Told]:
    """A key that is registered and, as the seed will, replaced or revoked, and reported stolen."""
    key, holder = name(rng, "key", 4), rng.choice(PARTIES)
    public = {"crv": rng.choice(["Ed25519", "P-256"]), "kty": "OKP", "x": "x"}
    yield Told(key, "key.Registered", {"id": key, "public": public, "proof": "p"}, {"holder": holder}, None)
    if rng.random() < 0.5:
        new = {"id": name(rng, "key", 4), "public": public, "proof": "p"}
        yield Told(key, "key.Rotated", {"key": new}, {}, None)
    for _ in range(rng.randint(0, 2)):
        stolen = {"reason": "compromised", "compromised_since": _instant(rng)}
        yield Told(key, "key.Revoked", stolen, {}, None)


def _lift(rng: random.Random, policy: str) -> Iterator[Told]:
    lift = name(rng, "lift")
    said = {
        "id": lift, "identifiers": [{"scheme": "equipment_code", "value": str(rng.randint(0, 10**9))}],
        "variety": "3110", "area": rng.choice(AREAS), "venue": rng.choice(VENUES), "status": "in_use",
        "premises_class": "residential", "use_unit": rng.choice(PARTIES), "maintainer": rng.choice(PARTIES),
        "status_since": "2010-03-01",
    }  # fmt: skip
    yield Told(lift, "lift.Registered", said, {"on": "2025-01-01"}, None)
    certificate = name(rng, "certificate")
    line = {
        "policy": policy, "lift": lift, "certificate": certificate,
        "parts": [{"part": "third_party_injury", "premium_fen": 8000}, {"part": "entrapment", "premium_fen": 500}],
        "from_date": "2025-03-01", "to_date": "2026-03-01",
    }  # fmt: skip
    found = {"interest": "owner", "premises_class": "residential", "premium_fen": 8500, "pending": True}
    yield Told(f"{lift}/cover", "cover.Attached", line, found, "2025-02-28T16:00:00.000000Z")
    for _ in range(rng.randint(0, 4)):
        yield rng.choice([_status, _use_unit, _moved, _contract, _visit])(rng, lift)
    if rng.random() < 0.6:
        change = {"lift": lift, "certificate": certificate, "effective_on": "2025-07-01", "per_lift_year_fen": 10**7}
        yield Told(f"{lift}/cover", "cover.Amended", change, {}, None)
    if rng.random() < 0.7:
        yield from _claim(rng, lift, policy)
    if rng.random() < 0.3:
        removal = {"lift": lift, "certificate": certificate, "effective_on": _day(rng), "refunds": [], "reason": "sold"}
        yield Told(f"{lift}/cover", "cover.Ended", removal, {}, None)


def _status(rng: random.Random, lift: str) -> Told:
    said = {"status": rng.choice(["stopped", "in_use"]), "effective_on": _day(rng)}
    return Told(lift, "lift.StatusChanged", said, {"on": said["effective_on"]}, None)


def _use_unit(rng: random.Random, lift: str) -> Told:
    on = _day(rng)
    return Told(lift, "lift.UseUnitNamed", {"use_unit": rng.choice([*PARTIES, None])}, {"on": on}, None)


def _moved(rng: random.Random, lift: str) -> Told:
    return Told(lift, "lift.Moved", {"area": rng.choice(AREAS)}, {"on": _day(rng)}, None)


def _contract(rng: random.Random, lift: str) -> Told:
    begin, end = sorted([_day(rng), _day(rng)])
    found = {
        "contract": name(rng, "contract"), "maintainer": rng.choice(PARTIES), "from_date": begin, "to_date": end,
        "ends_stated": None if begin < "2025-07" else [begin],
        "confirmed_from": None if begin < "2025-04" else max(begin, "2025-06-01"),
    }  # fmt: skip
    return Told(lift, "lift.MaintainerChanged", None, found, None)


def _visit(rng: random.Random, lift: str) -> Told:
    at = _instant(rng)
    said: dict[str, Any] = {
        "id": name(rng, "visit"), "level": "half_month", "workers": ["agent:a", "agent:b"], "opened_at": at
    }  # fmt: skip
    return Told(f"{lift}/maintenance:2025", "visit.Opened", said, {"year": 2025, "findings": []}, at)


def _claim(rng: random.Random, lift: str, policy: str) -> Iterator[Told]:
    stream = f"{lift}/{name(rng, 'claim', 4)}"
    loss = _instant(rng)
    notice = {"lift": lift, "loss_at": loss, "part": "entrapment", "interest": "owner", "kind": "entrapment"}
    found = {"cover": {"insurer": PARTIES[0], "policy": policy}, "entrapment": {"seconds": 1800}}
    yield Told(stream, "claim.Notified", notice, found, loss)
    yield Told(stream, "claim.Assessed", {"heads": [], "total_fen": 20_000}, {}, None)
    approval = {"amount_fen": 20_000, "currency": "CNY"}
    found = {"taken_fen": 20_000, "policy": policy}
    yield Told(stream, "claim.Approved", approval, found, _instant(rng) if rng.random() < 0.5 else None)
    if rng.random() < 0.3:
        less = {"approved_fen": rng.choice([0, 20_000 - 1]), "currency": "CNY", "agreed_on": _day(rng)}
        yield Told(stream, "claim.ApprovalReduced", less, {"restored_fen": 1}, _instant(rng))
        return
    if rng.random() < 0.5:
        at = _instant(rng)
        said = {"amount_fen": 20_000, "currency": "CNY", "payee": {"kind": "passenger"}, "paid_at": at}
        yield Told(stream, "claim.Paid", said, {}, at)
        if rng.random() < 0.3:
            back_at = max(at, _instant(rng))
            back = {"paid_version": 4, "returned_at": back_at, "reason": "account_closed"}
            yield Told(stream, "claim.PaymentReturned", back, {"restored_fen": 0}, back_at)


def _policy(rng: random.Random, policy: str, lifts: int, services: Sequence[str]) -> Iterator[Told]:
    draft = {
        "id": policy, "product": name(rng, "product"), "area": "370102", "holder": PARTIES[1], "interest": "owner",
        "parts": [], "limits": {"per_lift_year_fen": 10**7}, "from_date": "2025-03-01", "to_date": "2026-03-01",
        "premium_fen": 8500 * lifts, "sources": [{"kind": "fund_principal", "amount_fen": 8500 * lifts}],
        "valid_until": "2025-09-01", "services": services,
    }  # fmt: skip
    yield Told(policy, "policy.Drafted", draft, {"insurers": [{"party": PARTIES[0], "share_bp": 10_000}]}, None)
    sums = {"count": lifts, "premium_fen": 8500 * lifts, "parts": {}, "root": "0" * 64, "edge": ""}
    yield Told(policy, "policy.LinesStaged", None, sums, None)
    yield Told(policy, "policy.Quoted", {"count": lifts, "premium_fen": 8500 * lifts}, {"root": "0" * 64}, None)
    yield Told(policy, "policy.Proposed", {"number": "P-1"}, {"on": "2025-02-01"}, None)
    paid = {
        "payment": name(rng, "payment"), "source": "fund_principal", "amount_fen": 8500 * lifts, "over_fen": 0,
        "complete": True,
    }  # fmt: skip
    yield Told(policy, "policy.PremiumReceived", None, paid, None)
    yield Told(policy, "policy.Issued", {"number": "B-1"}, {"count": lifts}, "2025-02-28T16:00:00.000000Z")
    for number in range(2, 2 + rng.randint(0, 3)):
        said = {"number": f"E-{number}", "effective_on": f"2025-{rng.randint(3, 12):02}-15", "delta_fen": 700 * number}
        days = {"from_date": said["effective_on"], "to_date": draft["to_date"]}
        charged = [{**days, "premium_fen": said["delta_fen"], "lifts": 0}]
        found = {"transaction": number, "lifts": 0, "late": True, "charged": charged}
        yield Told(policy, "policy.Endorsed", said, found, None)
    if rng.random() < 0.5:
        said = {"effective_on": "2025-12-01", "refund_fen": 100, "reason": "sold"}
        yield Told(
            policy,
            "policy.Cancelled",
            said,
            {"transaction": 9, "refunds": {"fund_principal": 100}},
            "2025-11-30T16:00:00.000000Z",
        )


def _fund(rng: random.Random, fund: str, houses: Sequence[str]) -> Iterator[Told]:
    said = {"id": fund, "estate": name(rng, "estate"), "area": "370102", "kind": "commodity", "bank": PARTIES[3]}
    yield Told(fund, "fund.Opened", {**said, "bureau": PARTIES[2]}, {}, None)
    rows = [{"house": house, "amount_fen": 100_000} for house in houses]
    yield Told(fund, "fund.Posted", None, {"kind": "deposit", "amount_fen": 300_000, "houses": rows}, None)
    for number in range(1, 3):
        application, payment = name(rng, "application"), name(rng, "payment")
        expires = f"2025-0{number + 4}-01T00:00:00.000000Z"
        held = {
            "application": application, "policy": name(rng, "policy"), "source": "fund_principal",
            "amount_fen": 3_000, "expires": expires,
        }  # fmt: skip
        yield Told(fund, "fund.Reserved", None, held, f"2025-0{number + 2}-01T00:00:00.000000Z")
        if rng.random() < 0.5:
            found = {"kind": "premium", "amount_fen": 3_000, "application": application, "payment": payment}
            yield Told(fund, "fund.Posted", None, found, None)
        elif rng.random() < 0.5:
            yield Told(fund, "fund.ReservationVoided", None, {"due": expires, "rule": "expiry"}, expires)


def paying(rng: random.Random, fund: str, policy: str, number: int) -> tuple[list[Told], list[Told], list[Told]]:
    """Tell an application, the payment that was ordered for it, and the bank's line; days are in no order."""
    application, payment, line = (name(rng, kind) for kind in ("application", "payment", "bankline"))
    stream, share_fen = f"{fund}/{application}", 3_000 + number
    filing = {
        "id": application, "policy": policy, "plan": name(rng, "plan"), "vote": name(rng, "vote"),
        "pays_from": "fund_principal", "amount_fen": share_fen,
    }  # fmt: skip
    doubt = [{"code": "c", "verdict": rng.choice(["manual_review", "needs_supplement"]), "rule": "r", "basis": "b"}]
    filed = {"insurer": PARTIES[0], "premium_fen": 9_000, "findings": doubt, "on": "2025-02-01"}
    approved = {"findings": [], "on": "2025-02-03", "groups": 1}
    orders = [
        Told(stream, "application.Filed", filing, filed, _instant(rng), PARTIES[1]),
        Told(stream, "application.Checked", {}, {"findings": rng.choice([[], doubt]), "on": "d"}, _instant(rng)),
    ]
    payments: list[Told] = []
    if rng.random() < 0.2:
        orders.append(Told(stream, "application.Refused", {"reasons": ["r"]}, {}, _instant(rng)))
    else:
        paid = {"payment": payment, "line": line, "amount_fen": share_fen}
        order = {"payment": payment, "payee": PARTIES[0], "amount_fen": share_fen}
        orders += [
            Told(stream, "application.Approved", {"fund_share_fen": share_fen}, approved, _instant(rng), PARTIES[2]),
            Told(stream, "application.PaymentOrdered", order, {}, _instant(rng)),
            Told(stream, "application.Paid", None, paid, _instant(rng)),
            Told(stream, "application.RefundDue", {"amount_fen": 100, "reason": "r"}, {}, _instant(rng)),
        ]
        asked = {
            "policy": policy, "payer": fund, "payee": PARTIES[0], "amount_fen": share_fen,
            "source_kind": "fund_principal", "application": stream,
        }  # fmt: skip
        payments = [
            Told(payment, "payment.Requested", None, asked, _instant(rng), PARTIES[2]),
            Told(payment, "payment.Instructed", None, {}, _instant(rng)),
            Told(payment, "payment.Confirmed", None, {"line": line, "on": None, "findings": []}, _instant(rng)),
        ]
        if rng.random() < 0.5:
            payments.append(Told(payment, "payment.ReturnDue", None, {"amount_fen": 50, "why": "w"}, _instant(rng)))
    seen = {"id": line, "digest": "0" * 64, "amount_fen": share_fen, "direction": "out", "on": "2025-02-05"}
    lines = [Told(line, "bankline.Seen", seen, {}, _instant(rng), PARTIES[3])]
    if payments:
        lines.append(Told(line, "bankline.Used", None, {"payment": payment}, _instant(rng)))
    return orders, payments, lines


def _house(rng: random.Random, fund: str, house: str) -> Iterator[Told]:
    said = {"id": house, "fund": fund, "area_m2_hundredths": 9_000, "delivered": True, "first_deposit_fen": 50_000}
    yield Told(house, "house.Opened", {**said, "owner_person": name(rng, "person", 4)}, {"head": "h"}, None)
    yield Told(house, "house.Deposited", {"house": house, "amount_fen": 50_000}, {}, None)
    found = {"fund": fund, "application": name(rng, "application"), "amount_fen": 1_000, "working": {}}
    yield Told(house, "house.Charged", None, found, None)


def logged(told: Sequence[Told]) -> list[LoggedEvent]:
    """Give the history as the log would hold it, an event a minute."""
    versions: dict[str, int] = {}
    seqs: dict[str, int] = {}
    events: list[LoggedEvent] = []
    for position, each in enumerate(told, 1):
        subject = each.stream.partition("/")[0]
        versions[each.stream] = versions.get(each.stream, 0) + 1
        seqs[subject] = seqs.get(subject, 0) + 1
        recorded_at = f"2025-06-01T{position // 60 % 24:02}:{position % 60:02}:00.000000Z"
        events.append(
            LoggedEvent(
                position, each.stream, versions[each.stream], seqs[subject], each.type, recorded_at,
                each.effective_at or recorded_at, PARTIES[0], None, None, each.said, each.found,
            )
        )  # fmt: skip
    return events
