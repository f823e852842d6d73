"""Double entry for the maintenance fund (财会〔2020〕7号 专项维修资金会计核算办法): every posting balances to the fen.

Cash basis. Apportionment among houses makes no entry in the general ledger, so the houses' balances are kept
beside it and checked against it. `return_due` is not one of the ministry's accounts: it holds money that left the
bank without an approval behind it until it comes back (domain-model C3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, get_args

from typing_extensions import TypedDict

from domain.errors import Invalid
from domain.money import check_fen
from domain.shapes import Fen, strict

Account = Literal["1001", "4001", "4101", "5001", "5101", "5901", "return_due"]
"""银行存款, 交存收入, 存款利息收入, 维修支出, 返还支出, 其他支出, 待收回款."""

BANK: Final[Account] = "1001"
DEPOSITS: Final[Account] = "4001"
INCOME: Final[Account] = "4101"
RETURN_DUE: Final[Account] = "return_due"

ACCOUNTS: Final[tuple[Account, ...]] = get_args(Account)


@strict
class Posting(TypedDict):
    """One row of an entry: exactly one of debit (借) and credit (贷) is above zero."""

    account: Account
    debit_fen: Fen
    credit_fen: Fen


def entry(debit: Account, credit: Account, amount_fen: int) -> list[Posting]:
    """Write the two rows of a simple entry; raises Invalid `amount_out_of_range` or `amount_zero`."""
    if check_fen(amount_fen) == 0:
        raise Invalid("an entry of nothing is no entry", code="amount_zero")
    return check_balanced(
        [
            {"account": debit, "debit_fen": amount_fen, "credit_fen": 0},
            {"account": credit, "debit_fen": 0, "credit_fen": amount_fen},
        ]
    )


def check_balanced(postings: list[Posting]) -> list[Posting]:
    """Return the rows if they balance; raises Invalid `postings_unbalanced`."""
    for row in postings:
        if row["account"] not in ACCOUNTS or (row["debit_fen"] == 0) == (row["credit_fen"] == 0):
            raise Invalid("a row debits or credits one account", code="postings_unbalanced")
    debit_fen = sum(row["debit_fen"] for row in postings)
    credit_fen = sum(row["credit_fen"] for row in postings)
    if not postings or debit_fen != credit_fen:
        raise Invalid("debits and credits differ", code="postings_unbalanced", debit=debit_fen, credit=credit_fen)
    return postings


def posted(balances: Mapping[str, int], postings: Iterable[Posting]) -> dict[str, int]:
    """Give the accounts' balances (debit less credit, fen) after the rows."""
    after = dict(balances)
    for row in postings:
        after[row["account"]] = after.get(row["account"], 0) + row["debit_fen"] - row["credit_fen"]
    return after


def trial_balance_fen(balances: Mapping[str, int]) -> int:
    """Sum all accounts (试算平衡): zero, always."""
    return sum(balances.values())
