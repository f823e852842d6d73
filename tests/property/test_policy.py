"""Laws of trust policies, against the recursive meaning of tlog-policy."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.cosignatures import cosigner_vkey
from audit.policy import NO_QUORUM, Group, Policy, TrustInvalid

WITNESSES = [f"w{number}" for number in range(12)]
LINES = {
    name: f"witness {name} {cosigner_vkey(name, Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)))}\n"
    for name in WITNESSES
}


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, Group], str, str]:
    """Write a policy whose groups take what no other group has; give its groups, its quorum and its text."""
    loose, groups = list(WITNESSES), dict[str, Group]()
    text = "".join(LINES.values())
    for number in range(draw(st.integers(0, 6))):
        members = draw(st.lists(st.sampled_from(loose), min_size=1, unique=True))
        threshold = draw(st.integers(1, len(members)))
        group = groups[f"g{number}"] = Group(f"g{number}", threshold, tuple(members))
        loose = [name for name in loose if name not in members] + [group.name]
        words = [{1: "any", len(members): "all"}.get(threshold, str(threshold)), str(threshold)]
        text += f"group {group.name} {draw(st.sampled_from(words))} {' '.join(members)}\n"
    quorum = draw(st.sampled_from([*WITNESSES, *groups]))
    return groups, quorum, f"{text}quorum {quorum}\n"


def stands(groups: dict[str, Group], name: str, cosigned: set[str]) -> bool:
    """Say whether a witness or group has witnessed, as the page defines it."""
    if name not in groups:
        return name in cosigned
    return sum(stands(groups, member, cosigned) for member in groups[name].members) >= groups[name].threshold


@given(written(), st.sets(st.sampled_from(WITNESSES)))
def test_a_quorum_is_what_the_page_defines(policy: tuple[dict[str, Group], str, str], cosigned: set[str]) -> None:
    """Read from its text, for any set of cosignatures; and a further cosignature never spoils it."""
    groups, quorum, text = policy
    read = Policy.parse(text.encode())
    assert (list(read.groups), read.quorum) == (list(groups.values()), quorum)
    assert read.is_satisfied(cosigned) is stands(groups, quorum, cosigned)
    if read.is_satisfied(cosigned):
        assert all(read.is_satisfied({*cosigned, name}) for name in WITNESSES)


@given(st.binary(max_size=80) | st.text("lognewituspqrma 01\t\n#+/=", max_size=80).map(str.encode))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    """Nothing but the one error leaves the parser."""
    try:
        quorum = Policy.parse(data).quorum
    except TrustInvalid:
        quorum = NO_QUORUM
    assert quorum == NO_QUORUM
