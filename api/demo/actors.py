"""The parties of the demonstration: each with a key of its own, its natural persons with theirs."""

from __future__ import annotations

import random
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from api import credentials
from api.client import Client, Credentials
from api.demo.account import Account
from api.demo.district import AREA, SEED, TOWNS, person

PARTIES_A_REQUEST: Final = 50
CONNECTIONS: Final = 8


def name_of(kind: str, version: int = 7) -> str:
    """Make a name: version 4 where the id tells nothing, else version 7 with the machine's time."""
    if version == 4:  # noqa: PLR2004 - the UUID version itself
        return f"{kind}:{uuid.uuid4()}"
    milliseconds = time.time_ns() // 1_000_000
    number = bytearray(milliseconds.to_bytes(6, "big") + secrets.token_bytes(10))
    number[6] = number[6] & 0x0F | 0x70
    number[8] = number[8] & 0x3F | 0x80
    return f"{kind}:{uuid.UUID(bytes=bytes(number))}"


@dataclass(slots=True)
class Party:
    """A registered party and its client; `agents` are the clients of its natural persons by role."""

    name: str
    client: Client
    agents: dict[str, list[Client]] = field(default_factory=dict)

    def agent(self, role: str, number: int = 0) -> Client:
        """Give the client of one of the party's natural persons."""
        held = self.agents[role]
        return held[number % len(held)]


@dataclass(slots=True)
class Cast:
    """Everybody who acts, registered through the administrator; `now` is the ledger's time in Unix seconds.

    `account` counts what all of them write.
    """

    url: str
    origin: str
    administrator: Client
    now: Callable[[], float]
    areas: tuple[str, ...] = (AREA,)
    parties: dict[str, Party] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - repeats itself
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._http = httpx.Client(base_url=self.url, timeout=120, limits=limits)

    def client(self, who: Credentials) -> Client:
        """Give a client that shares the connections."""
        return Client(self._http, self.origin, who, self.now)

    def register(self, *wanted: tuple[str, str, str]) -> None:
        """Register parties (short name, kind, title), each with its first key."""
        for start in range(0, len(wanted), PARTIES_A_REQUEST):
            self._register(wanted[start : start + PARTIES_A_REQUEST])

    def _register(self, wanted: tuple[tuple[str, str, str], ...]) -> None:
        members: list[dict[str, Any]] = []
        for short, kind, title in wanted:
            key, private = credentials.new_key()
            party = name_of("party", 4)
            member = {
                "id": party, "kind": kind, "name": title, "areas": self._areas(short),
                "key": credentials.registration(self.origin, party, key, private, int(self.now())),
            }  # fmt: skip
            if kind in SECTORS:
                member["sectors"] = SECTORS[kind]
            members.append(member)
            self.parties[short] = Party(party, self.client(Credentials(party, key, private)))
        self.account.count(self.administrator.post("/parties", {"parties": members}))

    def _areas(self, short: str) -> list[str]:
        """Give what a party answers for: a town its own part of a district that has towns, whoever else the whole."""
        town = short.removeprefix("town-")
        return [town] if any(town.startswith(area) for area in self.areas) else list(self.areas)

    def enrol(self, short: str, role: str, count: int = 1) -> None:
        """Enrol natural persons of a party, each with a sealed identity and a key of its own."""
        party = self.parties[short]
        lines = []
        for _ in range(count):
            key, private = credentials.new_key()
            agent = name_of("agent", 4)
            lines.append(
                {
                    "id": agent, "party": party.name, "role": role, "name": person(self.chance),
                    "certificate": f"3701{self.chance.randint(10**13, 10**14 - 1)}",
                    "key": credentials.registration(self.origin, agent, key, private, int(self.now())),
                }
            )  # fmt: skip
            party.agents.setdefault(role, []).append(self.client(Credentials(party.name, key, private, agent)))
        self.account.count(party.client.post_lines("/agents", lines))


SECTORS: Final = {"organs_affairs": ["office_government"]}
"""The kinds of place that a sector's bureau answers for, and sees alone."""
INSURERS: Final = (("insurer-a", "齐安财产保险"), ("insurer-b", "泰岳财产保险"), ("insurer-c", "鲁信财产保险"))
MAINTAINERS: Final = (("maintainer-a", "迅达维保"), ("maintainer-b", "恒运电梯工程"), ("maintainer-c", "安捷机电"))
MANAGERS: Final = (
    ("manager-a", "和美物业"),
    ("manager-b", "润泽物业"),
    ("manager-c", "佳苑物业"),
    ("manager-d", "城投物业"),
)


def assemble(cast: Cast) -> None:
    """Register everybody and enrol the persons who act themselves."""
    cast.register(
        ("market", "market_regulator", "示范区市场监督管理局"),
        ("finance-office", "financial_regulator", "示范区地方金融监督管理局"),
        ("housing", "housing_bureau", "示范区住房和城乡建设局"),
        ("treasury", "finance_bureau", "示范区财政局"),
        ("organs", "organs_affairs", "示范区机关事务服务中心"),
        ("rescue", "rescue_centre", "96333 应急处置中心"),
        ("auditor", "auditor", "示范区审计所"),
        ("bank", "bank", "示范区维修资金专户银行"),
        *((f"town-{code}", "town", title) for code, title in TOWNS),
        *((short, "insurer", f"{title}股份有限公司示范支公司") for short, title in INSURERS),
        *((short, "maintainer", f"{title}有限公司") for short, title in MAINTAINERS),
        *((short, "use_unit", f"{title}服务有限公司") for short, title in MANAGERS),
    )
    for short, _ in MAINTAINERS:
        cast.enrol(short, "worker", 6)
    for short, _ in MANAGERS:
        cast.enrol(short, "safety_administrator", 2)
    for short, _ in INSURERS:
        cast.enrol(short, "adjuster")
    cast.enrol("housing", "officer")
