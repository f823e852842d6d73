"""The list of keys: whose they are, what one of them registered, and how each ended by what was known."""

from __future__ import annotations

import json
import random
from typing import Any

from application.reading import keys
from application.saves import NewEvent
from application.work import Author
from audit import canonical
from tests.support.history import PARTIES, name
from tests.support.reading import OPERATOR, ask, reading
from tests.support.saving import TestLedger, act, save

RNG = random.Random(7)
PARTY, OTHER = PARTIES[0], PARTIES[1]
FIRST, SECOND, THIRD = (name(RNG, "key", 4) for _ in range(3))
AGENT = name(RNG, "agent", 4)


def told(
    ledger: TestLedger, stream: str, version: int, type_: str, said: dict[str, Any], found: dict[str, Any], **by: Any  # noqa: ANN401 - members of an act
) -> int:  # fmt: skip
    """Store one event by somebody; give its position."""
    body: Any = {"found": found, "from": {"at": "", "line": None}, "said": said, "salt": "ab" * 16}
    event = NewEvent(stream, version, type_, canonical.encode(body), 1, None)
    return ledger.recorder.submit(save(event, act=act(**by))).result(30).events[-1].position


def registered(ledger: TestLedger, new: str, holder: str, curve: str = "Ed25519", **by: Any) -> int:  # noqa: ANN401 - as above
    """Store that a key was registered."""
    said = {"id": new, "public": {"crv": curve, "kty": "x", "x": "x"}, "proof": "p"}
    return told(ledger, new, 1, "key.Registered", said, {"holder": holder}, **by)


def test_keys_are_listed_by_holder_registrar_and_key(ledger: TestLedger) -> None:
    """What a stolen key registered is found by it; how a key ended is told by what was known then."""
    registered(ledger, FIRST, PARTY, party=OTHER, key=name(RNG, "key", 4))
    registered(ledger, SECOND, AGENT, "P-256", party=PARTY, key=FIRST)
    before = registered(ledger, THIRD, PARTY, party=PARTY, key=SECOND)
    new = {"id": name(RNG, "key", 4), "public": {"crv": "Ed25519", "kty": "x", "x": "x"}, "proof": "p"}
    told(ledger, FIRST, 2, "key.Rotated", {"key": new}, {}, party=PARTY, key=FIRST)
    since = "2026-01-01T00:00:00.000000Z"
    for version, stolen in ((3, "2026-02-01T00:00:00.000000Z"), (4, since)):
        said = {"reason": "compromised", "compromised_since": stolen}
        told(ledger, FIRST, version, "key.Revoked", said, {}, party=PARTY, key=THIRD)
    with reading(ledger) as reads:

        def listed(**query: str) -> list[Any]:
            stranger = Author(PARTIES[3], "owner")
            found: list[Any] = keys.listed(ask(reads, stranger, {}, **query))["keys"]
            return sorted(found, key=lambda key: (FIRST, SECOND, THIRD).index(key["key"]))

        first, second, third = listed()
        assert (first["key"], second["key"], third["key"]) == (FIRST, SECOND, THIRD)
        assert listed(holder=PARTY) == [first, third]
        assert listed(holder=AGENT) == listed(registered_with=FIRST) == [second]
        assert listed(registrar=PARTY) == [second, third]
        assert listed(ended="compromised") == [first]
        assert (second["curve"], second["registrar"], second["ended"]) == ("P-256", PARTY, None)
        assert (first["ended"], first["compromised_since"]) == ("compromised", since)
        rotated = ledger.recorder.select_log(before + 1, 1)[0].header
        assert first["ended_at"] == json.loads(rotated)["recorded_at"]
        (then, *_) = listed(known_at=str(before))
        assert then.pop("position") < first["position"]
        ended = {"ended": None, "ended_at": None, "compromised_since": None}
        assert then == {name: ended.get(name, told) for name, told in first.items() if name != "position"}
        assert [key["ended"] for key in listed(known_at=str(before + 1), holder=PARTY)] == ["rotated", None]
        pages: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page: Any = keys.listed(ask(reads, OPERATOR, {}, limit="1", **cursor))
            pages += page["keys"]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert sorted(key["key"] for key in pages) == sorted([FIRST, SECOND, THIRD])
