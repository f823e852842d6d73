"""Registering parties, agents and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.actions import Action, Writes
from application.work import Author, Work
from audit import keys as audit_keys
from audit.errors import AuditError
from audit.tokens import check_possession
from domain.aggregate import Statement
from domain.errors import Conflict, Forbidden, Invalid
from domain.parties import (
    PARTIES_PER_REQUEST_MAX,
    Agent,
    AgentEnrolment,
    AgentLeaving,
    Key,
    KeyAddition,
    KeyRevocation,
    KeyRotation,
    PartiesRegistration,
    Party,
    PartyReinstatement,
    PartySuspension,
    require_sealed,
)
from domain.visit_checks import check_certificate

Path = Mapping[str, str]


def manages(author: Author) -> bool:
    """Say whether somebody acts for his party itself: by its own key, or as its administrator (管理员)."""
    return not author.personal or "administrator" in author.roles


def require_manager(author: Author, holder: str | None = None) -> None:
    """Raise Forbidden `role_missing` for a natural person who is not his party's administrator (管理员).

    Whoever signs with the party's own key acts as the party; a person's own key (`holder`) is his own matter.
    """
    if not manages(author) and (holder is None or holder != author.agent):
        message = "parties, keys, agents, mandates and what is sealed are their administrator's matter"
        raise Forbidden(message, code="role_missing", role="administrator")


def add_key(work: Work, said: Mapping[str, Any], statement: Statement, holder: str, at: str) -> None:
    """Record a key with proof of possession on its own stream; raises Invalid with the codes of `audit`."""
    try:
        public = audit_keys.from_jwk(said["public"])
        check_possession(said["proof"], origin=work.origin, holder=holder, public=public, kid=said["id"])
    except AuditError as refused:
        # The request itself was proven; what it brings is not: that is no matter of authentication.
        raise Invalid(refused.message, code=refused.code, **refused.details) from refused
    key = work.new(Key, said["id"])
    key.record(Key.Registered, statement.part(at, said) if at else statement, {"holder": holder})


def register(work: Work, statement: Statement, _path: Path) -> None:
    """Register parties, each with its first key if it brings one."""
    work.allow("party.register")
    require_manager(work.author)
    members = statement.said["parties"]
    if not 1 <= len(members) <= PARTIES_PER_REQUEST_MAX:
        raise Invalid("a request registers 1 to 100 parties", code="too_many", maximum=PARTIES_PER_REQUEST_MAX)
    for index, said in enumerate(members):
        at = f"/parties/{index}"
        if said["kind"] == "operator":
            raise Invalid("the operator is made by init", code="kind_reserved", at=f"{at}/kind")
        require_sealed(said, f"{at}/name")
        party = work.new(Party, said["id"])
        work.source(said, "party", party.id)
        party.record(Party.Registered, statement.part(at, said))
        if "key" in said:
            add_key(work, said["key"], statement, party.id, f"{at}/key")


def suspend(work: Work, statement: Statement, path: Path) -> None:
    """Suspend a party: its keys authenticate no longer."""
    work.allow("party.suspend")
    require_manager(work.author)
    party = work.change(Party, path["party"])
    if party.suspended:
        raise Conflict(f"{party.id} is suspended already", code="suspended_already")
    if party.kind == "operator":
        raise Conflict("the operator cannot be suspended", code="operator_needed")
    party.record(Party.Suspended, statement)


def reinstate(work: Work, statement: Statement, path: Path) -> None:
    """Let a suspended party write and read again, by the keys that it still has. Refuses `not_suspended`."""
    work.allow("party.reinstate")
    require_manager(work.author)
    party = work.change(Party, path["party"])
    if not party.suspended:
        raise Conflict(f"{party.id} is not suspended", code="not_suspended")
    party.record(Party.Reinstated, statement)


def enrol(work: Work, statement: Statement, _path: Path) -> None:
    """Enrol an agent of the author's party, with its own key if it brings one."""
    said = statement.said
    work.allow("agent.enrol", self=said["party"] == work.author.party)
    require_manager(work.author)
    work.read(Party, said["party"])
    agent = work.new(Agent, said["id"])
    work.source(said, "agent", agent.id)
    missing = check_certificate(said["role"], certified="certificate" in said, pack=None, on=work.today)
    agent.record(Agent.Enrolled, statement, {"findings": missing} if missing else None)
    if "key" in said:
        add_key(work, said["key"], statement, agent.id, "/key")


def leave(work: Work, statement: Statement, path: Path) -> None:
    """End an agent's acting for its party; its keys authenticate no longer."""
    agent = work.change(Agent, path["agent"])
    work.allow("agent.leave", self=agent.party == work.author.party)
    require_manager(work.author, agent.id)
    if agent.left:
        raise Conflict(f"{agent.id} has left already", code="left_already")
    if agent.role == "administrator" and work.read(Party, agent.party).kind == "operator":
        raise Conflict("the administrator of the operator cannot leave", code="administrator_needed")
    agent.record(Agent.Left, statement)


def _own(work: Work, holder: str) -> bool:
    if holder == work.author.party:
        return True
    return holder.startswith("agent:") and work.read(Agent, holder).party == work.author.party


def add(work: Work, statement: Statement, _path: Path) -> None:
    """Register a further key of the author's party or of one of its agents; the operator may for others."""
    said = statement.said
    holder = said["holder"]
    if holder.startswith("party:"):
        work.read(Party, holder)
    work.allow("key.register", self=_own(work, holder))
    require_manager(work.author, holder)
    add_key(work, said, statement, holder, "")


def rotate(work: Work, statement: Statement, path: Path) -> None:
    """Replace a key by its holder's new one; the old one signs no longer."""
    old = work.change(Key, path["key"])
    work.allow("key.rotate", self=_own(work, old.holder))
    require_manager(work.author, old.holder)
    old.require_live()
    old.record(Key.Rotated, statement)
    add_key(work, statement.said["key"], statement, old.holder, "/key")


def revoke(work: Work, statement: Statement, path: Path) -> None:
    """Revoke a key, or report since when an ended one was in other hands; not the operator's own that signs this."""
    key = work.change(Key, path["key"])
    work.allow("key.revoke", self=_own(work, key.holder))
    require_manager(work.author, key.holder)
    key.require_revocable(statement.said.get("compromised_since"), work.now)
    if key.id == work.author.key and work.author.kind == "operator":
        raise Conflict("the operator's key in use cannot revoke itself", code="administrator_needed")
    key.record(Key.Revoked, statement)


_KEY = "key.Registered"

ACTIONS = (
    Action(
        "party.register", "POST", "/parties", PartiesRegistration, register,
        (
            Writes("party.Registered", "{id}", "/parties/*"),
            Writes(_KEY, "{id}", "/parties/*/key"),
        ),
        "Register parties, each with its first key", "登记当事人及其首个密钥",
    ),
    Action(
        "party.suspend", "POST", "/parties/{party}/suspend", PartySuspension, suspend,
        (Writes("party.Suspended", "{party}"),), "Suspend a party", "停用当事人",
    ),
    Action(
        "party.reinstate", "POST", "/parties/{party}/reinstate", PartyReinstatement, reinstate,
        (Writes("party.Reinstated", "{party}"),), "Reinstate a suspended party", "恢复已停用的当事人",
    ),
    Action(
        "agent.enrol", "POST", "/agents", AgentEnrolment, enrol,
        (Writes("agent.Enrolled", "{id}"), Writes(_KEY, "{id}", "/key")),
        "Enrol an agent with sealed identity", "登记经办人员(身份信息封存)", group_lines=100,
    ),
    Action(
        "agent.leave", "POST", "/agents/{agent}/leave", AgentLeaving, leave,
        (Writes("agent.Left", "{agent}"),), "End an agent's acting for its party", "经办人员离职",
    ),
    Action(
        "key.register", "POST", "/keys", KeyAddition, add,
        (Writes(_KEY, "{id}"),), "Register a further key with proof of possession", "登记密钥(附持有证明)",
    ),
    Action(
        "key.rotate", "POST", "/keys/{key}/rotate", KeyRotation, rotate,
        (Writes("key.Rotated", "{key}"), Writes(_KEY, "{id}", "/key")), "Replace a key", "更换密钥",
    ),
    Action(
        "key.revoke", "POST", "/keys/{key}/revoke", KeyRevocation, revoke,
        (Writes("key.Revoked", "{key}"),), "Revoke a key", "吊销密钥",
    ),
)  # fmt: skip
