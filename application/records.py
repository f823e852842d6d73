"""The records of one lift: two that were found to be one lift's are one (C11).

Whatever insures a lift, is claimed for it or was agreed on its care stands on the record under whose name it was said,
and stays there; whoever asks goes through all of them. A record that went up in another says nothing new: what is so
now the one that goes on says.
"""

from __future__ import annotations

from application.work import Work
from domain.lifts import Lift


def chain_of(work: Work, lift: Lift) -> list[Lift]:
    """Give a lift's record, the one that it went up in, that one's, and so on to the record that goes on."""
    chain = [lift]
    while (into := chain[-1].merged_into) is not None:
        chain.append(work.read(Lift, into))
    return chain


def last_of(work: Work, lift: Lift) -> Lift:
    """Give the record that goes on: the one that a lift's record went up in, and that in turn, or itself."""
    return chain_of(work, lift)[-1]


def records_of(work: Work, name: str) -> list[str]:
    """Give all records of one lift, itself first: what it went up in, and whatever went up in that."""
    lift = work.find(Lift, name)
    if lift is None:
        return [name]
    last = last_of(work, lift)
    records = dict.fromkeys([name, last.id])
    wanted = [*last.absorbed]
    while wanted:
        each = wanted.pop(0)
        record = work.find(Lift, each)
        records[each] = None
        wanted += () if record is None else record.absorbed
    return [*records]


def names_of(work: Work, matter: str) -> list[str]:
    """Give the names under which a subject or stream is told of: those of a lift are all its records'."""
    return records_of(work, matter) if matter.startswith("lift:") and "/" not in matter else [matter]
