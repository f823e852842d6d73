"""Has one checkpoint cosigned by many witnesses at once: who is slow or gone keeps nobody waiting beyond his time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from infrastructure.errors import InfrastructureError
from infrastructure.witness_client import Consistency, WitnessClient

__all__ = ["Cosigning", "cosign_by_all"]


@dataclass(frozen=True, slots=True)
class Cosigning:
    """What came of one witness: its verified lines, or why there are none.

    `refusal` is WitnessAhead or WitnessContradicts where this log may be behind itself: ask the rollback guard.
    """

    url: str
    lines: tuple[str, ...]
    refusal: InfrastructureError | None = None


def cosign_by_all(
    witnesses: Sequence[WitnessClient], note: str, cosigned: Mapping[str, int], consistency: Consistency
) -> Iterator[Cosigning]:
    """Submit a checkpoint to all witnesses and give what came of each, as they answer.

    `cosigned` are the sizes that they cosigned last as far as is known, by URL; `consistency` is called from several
    threads. Whether the lines make a quorum is the policy's to say (`audit.policy`).
    """

    def submit(client: WitnessClient) -> Cosigning:
        try:
            return Cosigning(client.url, tuple(client.cosign(note, cosigned.get(client.url, 0), consistency)))
        except InfrastructureError as refused:
            return Cosigning(client.url, (), refused)

    if witnesses:
        with ThreadPoolExecutor(len(witnesses)) as pool:
            for done in as_completed([pool.submit(submit, each) for each in witnesses]):
                yield done.result()
