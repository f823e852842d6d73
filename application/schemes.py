"""Publishing rule packs, adopting them for an area, setting its targets, and finding the pack in force."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from application.actions import Action, Writes
from application.relations import supervises
from application.work import Work
from audit import canonical
from audit.checkpoints import is_scripted
from domain.aggregate import Statement
from domain.errors import Conflict, Invalid, NotFound
from domain.packs import Pack, load_pack, pack_as_json, parse_pack
from domain.rule_forms import require_forms
from domain.schemes import (
    ADOPTIONS_MAX,
    PACK_JSON_BYTES_MAX,
    TARGETS_MAX,
    PackAdoption,
    PackPublication,
    PublishedPack,
    Scheme,
    TargetSetting,
    TargetWithdrawal,
    is_district,
    parsed,
    scheme_stream,
)
from domain.targets import aims

Path = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PackRef:
    """Which published pack decided: its stream, version and name `<id>@<version>`."""

    id: str
    version: int
    name: str

    def as_json(self) -> dict[str, str | int]:
        """Give what stands in `found.pack`."""
        return {"id": self.id, "version": self.version, "name": self.name}


def pack_in_force(work: Work, area: str, on: str) -> tuple[Pack, PackRef]:
    """Give the pack in force in an area on a civil date; an area below a district has the district's.

    Raises NotFound `pack_not_adopted`. Parsed once in a process for each digest.
    """
    scheme = work.find(Scheme, scheme_stream(area))
    adoption = None if scheme is None else scheme.adopted(on)
    if adoption is None:
        raise NotFound("no rule pack is in force there on that day", code="pack_not_adopted", area=area, on=on)
    published = work.read(PublishedPack, adoption.pack).published
    if published is None:
        raise NotFound("the adopted pack is not published", code="pack_unknown", pack=adoption.pack)
    pack = parsed(published)
    return pack, PackRef(adoption.pack, adoption.version, pack.name)


def publish(work: Work, statement: Statement, _path: Path) -> None:
    """Publish a pack, whole and for ever; `rule_value` where the program could not read one of its rules."""
    work.allow("pack.publish")
    said = statement.said
    if ("program_pack" in said) == ("toml" in said):
        raise Invalid("a pack is one of the program's or one's own text", code="pack_source")
    pack = load_pack(said["program_pack"]) if "program_pack" in said else parse_pack(said["toml"].encode())
    require_forms(pack)
    document = pack_as_json(pack)
    data = canonical.encode(document)  # type: ignore[arg-type] # pack_as_json gives JSON, typed as object
    if len(data) > PACK_JSON_BYTES_MAX:
        raise Invalid("the pack is too large", code="pack_too_large", bytes=len(data), maximum=PACK_JSON_BYTES_MAX)
    digest = hashlib.sha256(data).hexdigest()
    published = work.new(PublishedPack, said["id"])
    published.record(PublishedPack.Published, statement, {"version": pack.version, "digest": digest, "pack": document})


def _require_district(area: str) -> None:
    if not is_district(area):
        raise Invalid("a scheme is a district's, not a town's, a city's or a province's", code="area_not_district")


def adopt(work: Work, statement: Statement, _path: Path) -> None:
    """Adopt a published pack for a district from a day on.

    Refused: `area_not_district`, `pack_version`, `too_many`; `pack_demonstration` on a ledger whose time is real, since
    no authority has made what such a pack says.
    """
    said = statement.said
    work.allow("scheme.adopt", supervises=supervises(work, said["area"]))
    _require_district(said["area"])
    published = work.read(PublishedPack, said["pack"])
    if published.pack_version != said["version"] or published.published is None:
        raise Conflict(
            "the pack was published in another version", code="pack_version", published=published.pack_version
        )
    pack = parsed(published.published)
    if pack.demonstration and not is_scripted(work.origin):
        raise Conflict("no authority has made this pack: it is for demonstrations", code="pack_demonstration")
    scheme = work.open(Scheme, scheme_stream(said["area"]))
    if len(scheme.adoptions) >= ADOPTIONS_MAX:
        raise Conflict("too many adoptions", code="too_many", maximum=ADOPTIONS_MAX)
    scheme.record(Scheme.PackAdopted, statement, {"name": pack.name})


def set_target(work: Work, statement: Statement, _path: Path) -> None:
    """Set a target of the district's own, beside those of its pack; of one of its pack's groups: `group_unknown`.

    The pack is the one in force on the day by which the target is set; without one the program's own has the groups.
    """
    said = statement.said
    work.allow("scheme.set_target", supervises=supervises(work, said["area"]))
    _require_district(said["area"])
    scheme = work.change(Scheme, scheme_stream(said["area"]))
    if len(scheme.targets) >= TARGETS_MAX:
        raise Conflict("too many targets", code="too_many", maximum=TARGETS_MAX)
    known = aims(_pack_on(work, scheme, said["by"]), said["by"]).venues
    if said["group"] not in known:
        raise Invalid("the pack knows no such group", code="group_unknown", group=said["group"], known=sorted(known))
    scheme.record(Scheme.TargetSet, statement)


def _pack_on(work: Work, scheme: Scheme, on: str) -> Pack | None:
    adoption = scheme.adopted(on)
    published = None if adoption is None else work.read(PublishedPack, adoption.pack).published
    return None if published is None else parsed(published)


def withdraw_target(work: Work, statement: Statement, _path: Path) -> None:
    """Withdraw a target of the district's own, as one that was set by mistake; `target_unknown` where none is set."""
    said = statement.said
    work.allow("scheme.withdraw_target", supervises=supervises(work, said["area"]))
    scheme = work.change(Scheme, f"scheme:{said['area']}")
    if (said["group"], said["kind"], said["by"]) not in scheme.targets:
        raise NotFound("the district has set no such target", code="target_unknown")
    scheme.record(Scheme.TargetWithdrawn, statement)


ACTIONS = (
    Action(
        "pack.publish", "POST", "/packs", PackPublication, publish, (Writes("pack.Published", "{id}"),),
        "Publish a rule pack", "发布规则包",
    ),
    Action(
        "scheme.adopt", "POST", "/schemes/packs", PackAdoption, adopt,
        (Writes("scheme.PackAdopted", "scheme:{area}", "", "/from_date"),),
        "Adopt a rule pack for a district", "区县采用规则包",
    ),
    Action(
        "scheme.set_target", "POST", "/schemes/targets", TargetSetting, set_target,
        (Writes("scheme.TargetSet", "scheme:{area}"),), "Set a target of coverage", "设定覆盖目标",
    ),
    Action(
        "scheme.withdraw_target", "POST", "/schemes/targets/withdraw", TargetWithdrawal, withdraw_target,
        (Writes("scheme.TargetWithdrawn", "scheme:{area}"),), "Withdraw a target of coverage", "撤销覆盖目标",
    ),
)  # fmt: skip
