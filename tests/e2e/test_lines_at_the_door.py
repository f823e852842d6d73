"""Bodies of lines: a bad line hurts no other, a bad body writes nothing, a repetition goes on where it stopped."""

from __future__ import annotations

import gzip
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.client import Client
from api.errors import refusals
from api.importing import import_lifts
from api.importing_rows import load_mapping
from audit.ndjson import LINE_BYTES_MAX, NDJSON_BYTES_MAX
from tests.support.knocking import (
    NDJSON,
    agent,
    answered,
    code,
    head,
    lines_of,
    nothing_written,
    raw,
    salted,
    send,
    sign,
)
from tests.support.scenes import until
from tests.support.service import Service

GROUP = 100
"""Lines of one save of enrolments."""


@pytest.fixture(scope="module")
def insurer(service: Service) -> Client:
    """A registered party."""
    return service.party("insurer")


def _post(service: Service, client: Client, body: bytes, command: str | None = None) -> httpx.Response:
    return send(service, client, "/agents", body, kind=NDJSON, command=command)


def _streams(answer: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [event["stream"] for group in answer["groups"] for event in group["events"]]


def test_bad_lines_between_good_ones(service: Service, insurer: Client) -> None:
    """Each bad line is refused with its number and code, its neighbours are stored, and its bytes are not kept."""
    good = lines_of(insurer, 12)
    bad = {
        2: (b"{", "json_invalid"), 3: (b'{"id":1.5}', "json_float"), 5: (b'{"id":NaN}', "json_float"),
        6: (b'{"a":1,"a":2}', "json_duplicate_member"), 7: (b"[]", "json_object_wanted"), 9: (b"{}", "salt_missing"),
        10: (salted(agent(insurer, colour="red")), "shape_invalid"), 12: (b"\xff", "json_encoding"),
        14: (salted(agent(insurer, party=service.administrator.credentials.party)), "right_missing"),
        15: (good[0], "exists"), 17: (b'{"id":' + b"9" * 30 + b"}", "json_number_range"), 18: (b" ", "json_invalid"),
    }  # fmt: skip
    rest = iter(good)
    lines = [bad[number][0] if number in bad else next(rest) for number in range(1, len(good) + len(bad) + 1)]
    command = str(uuid.uuid4())
    response = _post(service, insurer, b"\n".join(lines) + b"\n", command)
    assert response.status_code == 201
    answer = response.json()
    assert [(line["line"], line["code"]) for line in answer["refused"]] == [(at, bad[at][1]) for at in sorted(bad)]
    assert {line["code"]: line["message_zh"] for line in answer["refused"]} == {
        code: refusals()[code]["zh"] for _, code in bad.values()
    }
    stored = [event["line"] for group in answer["groups"] for event in group["events"]]
    assert stored == [number for number in range(1, len(lines) + 1) if number not in bad]
    asked = "SELECT line FROM {} WHERE command = %s ORDER BY line"
    assert [row[0] for row in service.rows(asked.format("request_lines"), command)] == list(range(1, len(lines) + 1))
    assert [row[0] for row in service.rows(asked.format("request_bytes"), command)] == stored
    again = _post(service, insurer, b"\n".join(lines) + b"\n", command)
    assert again.status_code == 200
    assert again.json() == {**answer, "repeated": True}


def test_nothing_but_bad_lines(service: Service, insurer: Client) -> None:
    """A body whose every line is refused is remembered with its refusals, and writes no event."""
    command, before = str(uuid.uuid4()), service.kept()["events"]
    first, second = (_post(service, insurer, b"{}\n[]", command) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert [line["code"] for line in first.json()["refused"]] == ["salt_missing", "json_object_wanted"]
    assert second.json() == {**first.json(), "repeated": True}
    assert service.kept()["events"] == before


@pytest.mark.parametrize(
    "change,expected,at",
    [
        pytest.param(b"\r\n".join, "ndjson_carriage_return", 1, id="crlf"),
        pytest.param(lambda lines: b"\n".join(lines) + b"\r", "ndjson_carriage_return", 3, id="cr-at-the-end"),
        pytest.param(b"\n\n".join, "ndjson_empty_line", 2, id="empty-line"),
        pytest.param(lambda lines: b"\n".join(lines) + b"\n\n", "ndjson_empty_line", 4, id="empty-last-line"),
        pytest.param(lambda lines: b"\xef\xbb\xbf" + b"\n".join(lines), "ndjson_bom", 1, id="bom"),
        pytest.param(b"\n\xef\xbb\xbf".join, "ndjson_bom", 2, id="bom-within"),
        pytest.param(lambda _: b"", "ndjson_empty", None, id="empty"),
        pytest.param(lambda _: b"\n", "ndjson_empty_line", 1, id="one-line-feed"),
        pytest.param(
            lambda lines: b"\n".join([*lines, lines[0].ljust(LINE_BYTES_MAX + 1)]), "ndjson_line_too_large", 4,
            id="long-line",
        ),
        pytest.param(lambda _: b"x\n" * 500_001, "ndjson_too_many_lines", None, id="too-many-lines"),
    ],
)  # fmt: skip
def test_bodies_that_can_be_cut_in_several_ways(
    service: Service, insurer: Client, change: Any, expected: str, at: int | None  # noqa: ANN401 - lines to bytes
) -> None:  # fmt: skip
    """A body whose lines are not plain to everyone is refused whole, good lines and all."""
    with nothing_written(service):
        response = _post(service, insurer, change(lines_of(insurer, 3)))
    assert code(response) == (422, expected)
    assert response.json()["details"].get("line") == at


def test_a_line_at_its_limit(service: Service, insurer: Client) -> None:
    """A line of exactly 64 KiB is taken."""
    (line,) = lines_of(insurer, 1)
    assert _post(service, insurer, line.ljust(LINE_BYTES_MAX)).status_code == 201


def test_sixteen_mebibytes(service: Service, insurer: Client) -> None:
    """A body of 16 MiB is cut into its lines; one that declares or sends a byte more is refused."""
    lines = [line.ljust(LINE_BYTES_MAX) for line in lines_of(insurer, 2)]
    filling = b"\n".join([b"9" * (LINE_BYTES_MAX - 1)] * 253)
    body = b"\n".join([*lines, filling])
    body += b"\n" + b"9" * (NDJSON_BYTES_MAX - len(body) - 1)
    assert len(body) == NDJSON_BYTES_MAX
    answer = _post(service, insurer, body).json()
    assert len(_streams(answer)) == 2
    assert {line["code"] for line in answer["refused"]} == {"json_number_range"}
    with nothing_written(service):
        assert code(_post(service, insurer, body + b"9")) == (413, "too_large")
        with raw(service) as connection:
            headers = {"Content-Type": NDJSON, "Authorization": sign(insurer, "/agents", b"x", kind=NDJSON)}
            connection.sendall(head("/agents", {**headers, "Content-Length": str(NDJSON_BYTES_MAX + 1)}))
            assert code(answered(connection)) == (413, "too_large")


def test_a_command_belongs_to_its_lines(service: Service, insurer: Client) -> None:
    """The same command with other lines, fewer, more, in another order or as one object is refused."""
    command, lines = str(uuid.uuid4()), lines_of(insurer, 3)
    assert _post(service, insurer, b"\n".join(lines), command).status_code == 201
    with nothing_written(service):
        for other in ([*lines, *lines_of(insurer, 1)], lines[:2], lines[::-1], lines_of(insurer, 3)):
            assert code(_post(service, insurer, b"\n".join(other), command)) == (409, "command_reused")
        assert code(send(service, insurer, "/agents", lines[0], command=command)) == (409, "command_reused")
        # The last line feed is no part of a line, so this is the same request.
        assert _post(service, insurer, b"\n".join(lines) + b"\n", command).json()["repeated"] is True


def test_a_connection_cut_after_sending(service: Service, insurer: Client) -> None:
    """Whoever hung up and repeats while the first request is still at work gets every group once, and one answer."""
    command, lines = str(uuid.uuid4()), lines_of(insurer, 5 * GROUP)
    body = b"\n".join(lines)
    before = service.kept()
    headers = {
        "Content-Type": NDJSON, "Content-Length": str(len(body)),
        "Authorization": sign(insurer, "/agents", body, kind=NDJSON, command=command),
    }  # fmt: skip
    with raw(service) as connection:
        connection.sendall(head("/agents", headers) + body)
    with ThreadPoolExecutor(3) as pool:
        answers = [each.json() for each in pool.map(lambda _: _post(service, insurer, body, command), range(3))]
    assert all(answer["groups"] == answers[0]["groups"] for answer in answers)
    assert [group["group"] for group in answers[0]["groups"]] == [1, 2, 3, 4, 5]
    assert len(set(_streams(answers[0]))) == len(lines)
    after = service.kept()
    assert {table: after[table] - before[table] for table in ("events", "receipts", "commands", "request_lines")} == {
        "events": len(lines), "receipts": 5, "commands": 5, "request_lines": len(lines),
    }  # fmt: skip


def test_a_key_revoked_between_two_groups(service: Service) -> None:
    """A key revoked while its lines are being stored: the groups before stay whole, no group after is stored."""
    party = service.party("insurer")
    command, lines = str(uuid.uuid4()), lines_of(party, 40 * GROUP)
    asked = "SELECT count(*), coalesce(max(first + count), 0) FROM commands WHERE command = %s"
    with ThreadPoolExecutor(2) as pool:
        written = pool.submit(_post, service, party, b"\n".join(lines), command)
        until(lambda: service.rows(asked, command)[0][0] >= 2)
        with service.holding():
            path = f"/keys/{party.credentials.key}/revoke"
            revoking = pool.submit(service.administrator.post, path, {"reason": "lost"})
            time.sleep(0.5)  # it queues behind the group that waits
        answer, revoked = written.result(), revoking.result()
    assert code(answer) == (401, "key_ended")
    ((groups, end),) = service.rows(asked, command)
    assert 2 <= groups < 40
    assert end <= revoked["groups"][0]["first"]
    stored = service.rows("SELECT count(*) FROM request_lines WHERE command = %s", command)
    assert stored == [(groups * GROUP,)]
    service.verify()


def test_a_second_group_that_meets_its_own_first(service: Service, insurer: Client) -> None:
    """A line that repeats one of an earlier group is refused alone, and the rest of its group is stored."""
    lines = lines_of(insurer, GROUP)
    more = lines_of(insurer, 2)
    answer = _post(service, insurer, b"\n".join([*lines, lines[7], *more])).json()
    assert [(line["line"], line["code"]) for line in answer["refused"]] == [(GROUP + 1, "exists")]
    assert [group["count"] for group in answer["groups"]] == [GROUP, 2]


# ---------------------------------------------------------------------------------------------------- files of lifts


def _register(rows: int) -> str:
    system = f"s{uuid.uuid4().hex[:20]}"
    lines = ["source_system,source_id,registration_code,variety,area,status"]
    for _ in range(rows):
        number = f"{uuid.uuid4().int:040}"[-20:]
        lines.append(f"{system},{number},{number},3110,370102001,in_use")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "damage,stored,rejected,failure",
    [
        pytest.param(lambda _: b"", 0, [], "file_empty", id="empty"),
        pytest.param(lambda text: text.encode("utf-16"), 0, [], "file_encoding", id="utf-16"),
        pytest.param(lambda text: text.encode()[:-30] + b'"', 2, [], "file_truncated", id="cut-in-a-quoted-value"),
        pytest.param(lambda text: text.encode()[:-20], 2, [], "file_truncated", id="cut-in-a-row"),
        pytest.param(lambda text: gzip.compress(text.encode())[:-12], None, [], "file_truncated", id="cut-gzip"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text.encode(), 3, [], None, id="bom"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), 3, [], None, id="crlf"),
        pytest.param(
            lambda text: text.encode() + "张,9,9,3110,370102001,in_use\n".encode("gbk"), 3, [5], None, id="gbk"
        ),
        pytest.param(lambda text: text.encode() + b"s,9,9,3110,370102001,\x00\n", 3, [5], None, id="nul"),
    ],
)
def test_broken_files_of_lifts(
    service: Service, insurer: Client, tmp_path: Path, damage: Any, stored: int | None, rejected: list[int],  # noqa: ANN401 - text to bytes
    failure: str | None,
) -> None:  # fmt: skip
    """A file cut off, damaged or mixed: the good rows are in the ledger, the bad ones are told, and so is the end."""
    file = tmp_path / ("register.csv.gz" if stored is None else "register.csv")
    rejects = tmp_path / "rejects.csv"
    file.write_bytes(damage(_register(3)))
    before = service.kept()["sources"]
    report = import_lifts(file, load_mapping("standard"), [insurer.post_lines], rejects)
    assert (None if report.failure is None else report.failure.code) == failure
    assert stored is None or service.kept()["sources"] - before == report.sent - report.refused == stored
    assert [int(line.split(",")[0]) for line in rejects.read_text().splitlines()[1:]] == rejected


def test_the_same_file_again(service: Service, insurer: Client, tmp_path: Path) -> None:
    """A register that was taken over and is sent again writes not one event."""
    file = tmp_path / "register.csv"
    file.write_text(_register(60))
    mapping = load_mapping("standard")
    first = import_lifts(file, mapping, [insurer.post_lines], tmp_path / "rejects.csv")
    before = service.kept()["events"]
    again = import_lifts(file, mapping, [insurer.post_lines], tmp_path / "rejects.csv")
    assert (first.rows, again.rows, again.events, again.refused) == (60, 60, 0, 0)
    assert service.kept()["events"] == before
    assert first.events >= 120
    service.verify()


def test_many_buildings_of_few_estates(service: Service, insurer: Client, tmp_path: Path) -> None:
    """Several requests in flight over a register of two estates: each row is stored, and none is refused."""
    file = tmp_path / "register.csv"
    head = "source_system,source_id,registration_code,variety,area,status,building_id,estate_id,estate_name,estate_type"
    rows = [f"estates,{n},{n:020},3110,370102001,in_use,{n // 2},E{n % 4 // 2},East,other\n" for n in range(1, 601)]
    file.write_text(f"{head}\n{''.join(rows)}")
    lanes = [Client.open(service.url, service.origin, insurer.credentials) for _ in range(4)]
    report = import_lifts(file, load_mapping("standard"), [lane.post_lines for lane in lanes], tmp_path / "rejects.csv")
    for lane in lanes:
        lane.close()
    assert report.failure is None
    assert (report.rows, report.sent, report.rejected, report.refused) == (600, 600, 0, 0)
    assert (report.written["lift.Registered"], report.written["estate.Described"]) == (600, 2)
