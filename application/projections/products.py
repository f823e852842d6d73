"""Insurance products: what was filed, and from when on each is sold."""

from __future__ import annotations

from typing import Any, Final

from application.projections.base import Bitemporal, Column, LoggedEvent
from application.projections.registers import Notes, register_rows, registers
from domain.products import Product

LISTS: Final = ("parts", "services")
TEXTS: Final = (
    "state", "insurer", "area", "clause_no", "code", "name", "canonical", "on_sale_from", "withdrawn_from",
)  # fmt: skip
COLUMNS: Final = (*TEXTS, *LISTS)

_STATES: Final = {
    Product.Filed.TOPIC: "filed", Product.OnSale.TOPIC: "on_sale", Product.Withdrawn.TOPIC: "withdrawn",
}  # fmt: skip


def _told(product: Product) -> Notes:
    told: dict[str, Any] = {name: getattr(product, name) for name in ("insurer", "area", "canonical", "services")}
    days = {name: getattr(product, name) for name in ("on_sale_from", "withdrawn_from")}
    return {**told, **days, "parts": tuple(sorted(product.part_codes))}


def _note(event: LoggedEvent) -> Notes:
    """Note the last state, and the names that the filing bears."""
    names = ("clause_no", "code", "name") if event.type == Product.Filed.TOPIC else ()
    return {"state": _STATES[event.type], **{name: event.facts[name] for name in names}}


PRODUCTS = Bitemporal(
    name="products",
    version=1,
    columns=(*map(Column, TEXTS), *(Column(name, "texts") for name in LISTS)),
    evolve=registers(Product, _told, _note, planned=True),
    rows=register_rows(COLUMNS),
)
