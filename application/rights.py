"""The table of rights: action × kind of party × relation to the thing, at the effective date.

`any` needs no relation. A relation is established from events by the use case: to a lift on the day from which the act
is effective (`application.relations`), to a claim on the day of loss, to a visit on its day; the offices of a fund are
those of the day of writing, since its books pass whole to whoever succeeds (账目移交) and its money moves then. Read
rights stand in the same table under `<noun>.read` ids; what one reads is judged by the relations of now, and a past
relation keeps reading what was its own (`had_…`, `application.reading.scope`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from domain.errors import Forbidden

KINDS: Final = (
    "operator",
    "market_regulator",  # 市场监督管理部门
    "financial_regulator",  # 金融监管部门
    "housing_bureau",  # 住房和城乡建设部门
    "finance_bureau",  # 财政部门
    "transport_bureau",  # 交通运输部门
    "culture_tourism_bureau",  # 文化和旅游部门
    "organs_affairs",  # 机关事务管理部门
    "town",  # 镇、街道
    "insurer",  # 保险公司
    "broker",  # 保险经纪
    "use_unit",  # 使用单位(物业服务企业)
    "institution",  # 统保单位(机关、事业单位)
    "owners_committee",  # 业主委员会
    "owner",  # 业主
    "maintainer",  # 维保单位
    "manufacturer",  # 制造、安装单位
    "inspection_body",  # 检验检测机构
    "assessor",  # 公估机构
    "bank",  # 专户银行
    "rescue_centre",  # 96333
    "hotline",  # 12345
    "iot_platform",  # 物联网平台
    "auditor",
    "witness",
)
"""All kinds of party (architecture §1, domain-model §1)."""

NOTIFIERS: Final = (
    "insurer", "broker", "use_unit", "institution", "owners_committee", "owner", "maintainer", "rescue_centre",
    "hotline", "organs_affairs",
)  # fmt: skip
"""Kinds of party that may give notice of a loss (报案); organs-affairs as the holder of bulk policies."""

DISPUTANTS: Final = (
    "insurer", "broker", "use_unit", "institution", "owners_committee", "owner", "maintainer", "manufacturer",
)  # fmt: skip
"""Kinds of party that may open a dispute of their own."""
HOLDERS: Final = ("operator", "market_regulator", "financial_regulator", "housing_bureau")
"""Who may order that evidence is kept, for a court or a mediator as well; whoever set a hold is its keeper."""

RELATIONS: Final[Mapping[str, tuple[str, str]]] = {
    "administers": ("is named as the estate's housing bureau", "该小区登记的住建部门"),
    "appointed": ("the insurer mandated it to assess (`claim.assess`)", "受保险公司委托定损(claim.assess)"),
    "bank": ("is the fund's bank", "该维修资金的专户银行"),
    "bureau": ("is the housing bureau that keeps the fund", "该维修资金的管理部门"),
    "certificate": ("searches by the number of a worker's certificate", "按作业人员证编号查找"),
    "committee": ("is the owners' committee of the fund", "该维修资金的业主委员会"),
    "filer": ("filed the application", "提交该申请的单位"),
    "had_bank": ("was the fund's bank, of its time", "曾任专户银行(限其任内)"),
    "had_bureau": ("kept the fund, of its time", "曾任维修资金管理部门(限其任内)"),
    "had_committee": ("represented the owners of the fund, of its time", "曾任业主委员会(限其任内)"),
    "had_insures": ("insured the lift, of its time", "曾承保该电梯(限承保期间)"),
    "had_maintains": ("maintained the lift, of its time", "曾维保该电梯(限维保期间)"),
    "had_manager": ("managed what the fund is for, of its time", "曾任物业管理单位(限其任内)"),
    "had_manages": ("was the lift's use unit, of its time", "曾任使用单位(限其任内)"),
    "had_owns": ("owned the house, of its time", "曾为该户业主(限其所有期间)"),
    "had_supervises": ("had the place in its areas, of that time", "曾属其辖区(限当时)"),
    "holder": ("holds the policy; of a lift or a place: registered it", "投保人；就电梯、场所而言为登记人"),
    "insures": ("leads the policy, or the cover at the loss; to read: insures", "首席承保；查阅时为承保"),
    "keeper": ("set the hold", "设定证据保全的机关"),
    "maintains": ("maintains the lift, as who answers for it confirmed", "经使用单位确认的维保单位"),
    "manager": ("is the property manager that the fund names", "该维修资金登记的物业管理单位"),
    "manages": ("is the lift's use unit (使用单位)", "该电梯的使用单位"),
    "named": ("is named in the thing's first event", "在首条记录中列名"),
    "no_fund": ("the payment comes from no maintenance fund", "该付款不出自维修资金"),
    "notified": ("gave notice of the loss", "报案人"),
    "opener": ("opened the dispute", "提出争议的一方"),
    "ordered": ("names the order or judgment it acts on (`document`)", "载明所依据的文书(document)"),
    "owns": ("owns the house", "该户业主"),
    "party": ("is a party to the dispute", "争议的当事一方"),
    "payee": ("is paid", "收款人"),
    "payer": ("pays", "付款人"),
    "self": ("it is its own: itself, its agent, key, product, contract, record", "本单位自己的"),
    "supervises": ("has it in its areas, and sectors where it has some", "在其辖区(及行业)内"),
    "uses": ("was the lift's use unit on the day of the visit", "维保当日的使用单位"),
    "wrote": ("recorded it", "登记该记录的单位"),
}
"""What each relation says of a party, in English and Chinese; `any` needs none."""

Rule = Mapping[str, frozenset[str]]


def _of(**kinds: str) -> Rule:
    return {kind: frozenset(relations.split()) for kind, relations in kinds.items()}


def _all(relations: str, kinds: Iterable[str] = KINDS) -> Rule:
    return {kind: frozenset(relations.split()) for kind in kinds}


def _any_of(*rules: Rule) -> Rule:
    """Give the rule by which each kind may in any of the relations that some of the rules has for it."""
    kinds = dict.fromkeys(kind for rule in rules for kind in rule)
    return {kind: frozenset[str]().union(*(rule.get(kind, ()) for rule in rules)) for kind in kinds}


REGISTRARS: Final = ("use_unit", "institution", "maintainer", "market_regulator", "manufacturer", "insurer")
"""Who may register lifts: whoever is first to know of one; the registering party is its holder."""
CHANGERS: Final = dict.fromkeys(REGISTRARS, "holder") | {
    "use_unit": "holder manages", "institution": "holder manages", "owners_committee": "manages", "owner": "manages",
    "market_regulator": "holder supervises",
}  # fmt: skip
"""Who may change what is known of a lift; owners who manage theirs themselves (自行管理) are its use unit (TSG 08)."""
CONTRACTORS: Final = dict.fromkeys(("maintainer", "manufacturer"), "self") | {
    "use_unit": "self manages", "institution": "self manages", "owners_committee": "self manages",
    "owner": "self manages", "market_regulator": "supervises",
}  # fmt: skip
"""Who may change a contract of maintenance; a manufacturer maintains what it made (特种设备安全法 45)."""
ENTRUSTERS: Final = {
    "use_unit": "holder manages", "institution": "holder manages", "owners_committee": "manages", "owner": "manages",
    "market_regulator": "supervises",
}  # fmt: skip
"""Who may say to whom the maintenance of a lift is entrusted."""
DESCRIBERS: Final = dict.fromkeys(REGISTRARS, "holder") | {"market_regulator": "holder supervises"}
"""Who may describe a place anew; nobody is a place's use unit."""

AUTHORITIES: Final = (
    "market_regulator", "financial_regulator", "housing_bureau", "finance_bureau", "transport_bureau",
    "culture_tourism_bureau", "organs_affairs", "town", "rescue_centre",
)  # fmt: skip
READERS: Final = _of(operator="any", auditor="any")
"""Who reads everything."""
SUPERVISORS: Final = _any_of(READERS, _all("supervises", AUTHORITIES))
"""Who reads what lies in their areas: one view, cut by area, and for some by sector."""
PAST_SUPERVISORS: Final = _any_of(SUPERVISORS, _all("had_supervises", AUTHORITIES))
"""The same for what moves from area to area: also what was so while it lay in theirs."""
USE_UNITS: Final = ("use_unit", "institution", "owners_committee", "owner")
"""Whoever may be a lift's use unit."""
USERS: Final = _all("manages had_manages", USE_UNITS)
"""Who uses a lift reads its file whole, since that is handed over with it (TSG 08); who used it, that of his time."""
USERS_THEN: Final = _all("had_manages", USE_UNITS)
"""Of what is no part of that file each use unit, also the one of now, reads what is of its own time."""
FUND_READERS: Final = _of(
    housing_bureau="bureau had_bureau",
    bank="bank had_bank",
    owners_committee="committee had_committee",
    use_unit="manager had_manager",
)
"""Whoever keeps, manages or represents a maintenance fund, now or once."""
FUND: Final = _any_of(READERS, FUND_READERS, _of(housing_bureau="supervises", finance_bureau="supervises"))
"""Who reads a maintenance fund with what was asked of it and paid from it."""

LIFT: Final = _any_of(
    PAST_SUPERVISORS,
    USERS,
    _of(
        use_unit="holder",
        institution="holder",
        manufacturer="holder maintains had_maintains",
        maintainer="holder maintains had_maintains",
        insurer="holder insures had_insures",
        inspection_body="any",
    ),
)
"""Who reads a lift, with the visits of its maintenance."""

RIGHTS: Final[dict[str, Rule]] = {
    # parties ------------------------------------------------------------------------------------------------------
    "party.register": _of(operator="any"),
    "party.suspend": _of(operator="any"),
    "party.reinstate": _of(operator="any"),
    "agent.enrol": {kind: frozenset({"self"}) for kind in KINDS},
    "agent.leave": {kind: frozenset({"self"}) for kind in KINDS},
    "key.register": {kind: frozenset({"self"}) for kind in KINDS} | {"operator": frozenset({"any"})},
    "key.rotate": {kind: frozenset({"self"}) for kind in KINDS},
    "key.revoke": {kind: frozenset({"self"}) for kind in KINDS} | {"operator": frozenset({"any"})},
    "person.erase": _of(operator="any"),
    "person.search": _of(operator="any", market_regulator="certificate"),
    "person.open": _of(operator="any"),
    "mandate.give": {kind: frozenset({"self"}) for kind in KINDS},
    "mandate.end": {kind: frozenset({"self"}) for kind in KINDS},
    "evidence.export": {kind: frozenset({"self"}) for kind in KINDS} | {"operator": frozenset({"any"})},
    "ledger.publish_actions": _of(operator="any"),
    "ledger.rotate_key": _of(operator="any"),
    # schemes, products, policies ----------------------------------------------------------------------------------
    "pack.publish": _of(operator="any", market_regulator="any"),
    "scheme.adopt": _of(operator="any", market_regulator="supervises"),
    "scheme.set_target": _of(market_regulator="supervises"),
    "scheme.withdraw_target": _of(market_regulator="supervises"),
    "product.file": _of(insurer="self"),
    "product.offer": _of(insurer="self"),
    "product.withdraw": _of(insurer="self", financial_regulator="any"),
    "policy.draft": _of(insurer="self"),
    "policy.stage": _of(insurer="insures"),
    "policy.quote": _of(insurer="insures"),
    "policy.propose": {kind: frozenset({"holder"}) for kind in KINDS},
    "policy.issue": _of(insurer="insures"),
    "policy.endorse": _of(insurer="insures"),
    "policy.cancel": _of(insurer="insures"),
    "policy.lapse": _of(insurer="insures"),
    "policy.void": _of(insurer="insures"),
    # maintenance --------------------------------------------------------------------------------------------------
    "visit.submit": _of(maintainer="any", manufacturer="any"),
    "visit.open": _of(maintainer="any", manufacturer="any"),
    "visit.nodes": _of(maintainer="self", manufacturer="self"),
    "visit.items": _of(maintainer="self", manufacturer="self"),
    "visit.finish": _of(maintainer="self", manufacturer="self"),
    "visit.correct": _of(maintainer="self", manufacturer="self"),
    "visit.countersign": _of(use_unit="uses", institution="uses", owners_committee="uses", owner="uses"),
    "visit.dispute": _of(
        use_unit="uses",
        institution="uses",
        owners_committee="uses",
        owner="uses",
        maintainer="self",
        manufacturer="self",
        market_regulator="supervises",
        town="supervises",
    ),
    # claims -------------------------------------------------------------------------------------------------------
    "occurrence.open": {kind: frozenset({"any"}) for kind in NOTIFIERS},
    "claim.notify": {kind: frozenset({"any"}) for kind in NOTIFIERS},
    "claim.file": {kind: frozenset({"notified", "insures"}) for kind in NOTIFIERS},
    "claim.agree": {kind: frozenset({"notified", "insures"}) for kind in NOTIFIERS},
    "claim.withdraw": {kind: frozenset({"notified"}) for kind in NOTIFIERS},
    "claim.reopen": {kind: frozenset({"notified", "insures"}) for kind in NOTIFIERS},
    "claim.ask_supplement": _of(insurer="insures"),
    "claim.assess": _of(insurer="insures", assessor="appointed"),
    "claim.reserve": _of(insurer="insures"),
    "claim.advance": _of(insurer="insures"),
    "claim.approve": _of(insurer="insures"),
    "claim.reduce": _of(insurer="insures"),
    "claim.refuse": _of(insurer="insures"),
    "claim.pay": _of(insurer="insures"),
    "claim.return": _of(insurer="insures"),
    "claim.close": _of(insurer="insures"),
    # disputes and holds ---------------------------------------------------------------------------------------------
    "dispute.open": _of(**dict.fromkeys(DISPUTANTS, "party") | dict.fromkeys(HOLDERS, "any")),
    "dispute.set_hold": _of(**dict.fromkeys(HOLDERS, "any")),
    "dispute.lift_hold": _of(**dict.fromkeys(HOLDERS, "keeper") | {"operator": "keeper ordered"}),
    "dispute.settle": _of(
        **dict.fromkeys(DISPUTANTS, "opener")
        | dict.fromkeys(HOLDERS, "opener supervises")
        | {"operator": "opener ordered"}
    ),
    # lifts, buildings, estates, contracts ---------------------------------------------------------------------------
    "lift.register": _of(**dict.fromkeys(REGISTRARS, "any")),
    "lift.import": _of(**dict.fromkeys(REGISTRARS, "any")),
    "lift.identify": _of(**CHANGERS | dict.fromkeys(("maintainer", "manufacturer"), "holder maintains")),
    "lift.reclassify": _of(**CHANGERS),
    "lift.move": _of(**CHANGERS),
    "lift.change_status": _of(**CHANGERS),
    "lift.name_use_unit": _of(
        **CHANGERS | {"use_unit": "self holder manages", "institution": "self holder manages", "town": "supervises"}
    ),
    "lift.name_safety_officer": _of(
        use_unit="manages",
        institution="manages",
        owners_committee="manages",
        owner="manages",
        market_regulator="supervises",
    ),
    "lift.merge": _of(**CHANGERS),
    "building.describe": _of(**DESCRIBERS, housing_bureau="holder supervises", town="holder supervises"),
    "estate.describe": _of(**DESCRIBERS, housing_bureau="holder supervises administers", town="holder supervises"),
    # A use unit contracts for the lifts that are its own; a maintainer's own word binds nobody else.
    "contract.begin": _of(maintainer="self", manufacturer="self", **ENTRUSTERS),
    "contract.confirm": _of(**ENTRUSTERS),
    "contract.change": _of(**CONTRACTORS),
    "contract.end": _of(**CONTRACTORS),
    # maintenance funds, payments, subsidies -----------------------------------------------------------------------
    "fund.open": _of(housing_bureau="bureau", owners_committee="committee"),
    "fund.change": _of(housing_bureau="bureau"),
    "fund.add_income": _of(bank="bank", housing_bureau="bureau"),
    "house.open": _of(housing_bureau="bureau", bank="bank"),
    "house.transfer": _of(housing_bureau="bureau", bank="bank"),
    "house.deposit": _of(bank="bank", housing_bureau="bureau"),
    "plan.publish": _of(use_unit="manager", owners_committee="committee"),
    "vote.open": _of(use_unit="manager", owners_committee="committee"),
    "vote.cast": _of(use_unit="manager", owners_committee="committee"),
    "vote.revoke_ballot": _of(use_unit="manager", owners_committee="committee"),
    "vote.close": _of(use_unit="manager", owners_committee="committee"),
    "vote.publish": _of(use_unit="manager", owners_committee="committee"),
    "application.file": _of(use_unit="manager", owners_committee="committee"),
    "application.check": _of(housing_bureau="bureau"),
    "application.approve": _of(housing_bureau="bureau"),
    "application.refuse": _of(housing_bureau="bureau"),
    "application.void": _of(housing_bureau="bureau", use_unit="filer", owners_committee="filer committee"),
    "application.stage_charges": _of(housing_bureau="bureau", bank="bank"),
    "application.pay": _of(housing_bureau="bureau", bank="bank"),
    "application.claim_refund": _of(housing_bureau="bureau", insurer="insures"),
    "application.refund": _of(housing_bureau="bureau", bank="bank"),
    "application.stage_refunds": _of(housing_bureau="bureau", bank="bank"),
    "bankline.see": _of(bank="any", insurer="any", operator="any"),
    "payment.request": {kind: frozenset({"payer"}) for kind in KINDS} | {"insurer": frozenset({"payer", "insures"})},
    "payment.instruct": {kind: frozenset({"payer", "bureau"}) for kind in KINDS},
    "payment.confirm": _of(bank="bank no_fund", insurer="payee"),
    "payment.fail": _of(bank="bank no_fund", insurer="payee"),
    "payment.return": _of(bank="bank no_fund", insurer="payee"),
    "subsidy.claim": {kind: frozenset({"holder"}) for kind in KINDS} | {"insurer": frozenset({"holder", "insures"})},
    "subsidy.grant": _of(finance_bureau="supervises"),
    "subsidy.claw_back": _of(finance_bureau="supervises"),
    # reading --------------------------------------------------------------------------------------------------------
    # What lies open to every party: no personal data in clear, nobody's dealings.
    "ledger.read": _all("any"),
    "map.read": _all("any"),
    "key.read": _all("any"),
    "party.read": _all("any"),
    "product.read": _all("any"),
    "pack.read": _all("any"),
    "scheme.read": _all("any"),
    "identifier.read": _all("any"),
    "building.read": _all("any"),
    "estate.read": _all("any"),
    # What concerns whoever began it or is named in its first event.
    "agent.read": _any_of(READERS, _all("wrote named")),
    "contract.read": _any_of(READERS, _all("wrote named")),
    "payment.read": _any_of(FUND, _all("wrote named")),
    "bankline.read": _any_of(READERS, _all("wrote named")),
    "subsidy.read": _any_of(READERS, _all("wrote named"), _of(finance_bureau="supervises")),
    "occurrence.read": _any_of(READERS, _all("wrote named")),
    "dispute.read": _any_of(READERS, _all("wrote named")),
    "person.read": _any_of(READERS, _all("wrote named")),
    # What parties were given, under `party:…/access`; each reads its own.
    "access.read": READERS,
    "coverage.read": SUPERVISORS,
    # A list shows what its reader may read of each, so lists have no rows of their own.
    "lift.read": LIFT,
    "visit.read": _any_of(LIFT, _of(maintainer="wrote", manufacturer="wrote")),
    "cover.read": _any_of(PAST_SUPERVISORS, USERS, _all("holder insures")),
    "policy.read": _any_of(SUPERVISORS, _all("holder insures")),
    "claim.read": _any_of(
        PAST_SUPERVISORS, USERS_THEN, _all("notified", NOTIFIERS), _of(insurer="insures", assessor="appointed")
    ),
    "fund.read": FUND,
    "application.read": FUND,
    "house.read": _any_of(READERS, FUND_READERS, _of(housing_bureau="supervises", owner="owns had_owns")),
}

SHARED: Final[Mapping[str, str]] = {"lift.import_plain": "lift.import"}
"""Actions that have no row of their own, since they are another way to do the same."""


def granted(action: str, kind: str) -> frozenset[str]:
    """Give the relations of which one is enough for a party of `kind` to do `action`; none: it may not at all."""
    return RIGHTS.get(action, {}).get(kind, frozenset())


def right_missing(sentence: str, action: str, kind: str, **details: object) -> Forbidden:
    """Make the refusal of `action`; `needed` are the relations of which one would do, none if none would."""
    needed = sorted(granted(action, kind))
    return Forbidden(sentence, code="right_missing", action=action, kind=kind, needed=needed, **details)


def allowed(action: str, kind: str, relations: frozenset[str]) -> bool:
    """Tell whether a party of `kind` that stands in `relations` may do `action`; an unknown action is nobody's."""
    needed = granted(action, kind)
    return "any" in needed or bool(needed & relations)
