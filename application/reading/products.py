"""Insurance products (备案产品), which are open to every party: what is on sale where, and what it insures."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Len

from application.reading.asking import AREA, PAGES, TIMES, Answer, Asking, Question
from application.reading.filters import only
from application.reading.lists import page_of
from application.reading.rows import stood
from application.reading.shapes import Page, Row
from domain.policy_shapes import Part, ServiceCode
from domain.products import PARTS_MAX
from domain.shapes import AreaCode, CivilDate, Label, PartyName, ProductName

SHOWN = (
    "state", "insurer", "area", "clause_no", "code", "name", "canonical", "parts", "services", "on_sale_from",
    "withdrawn_from",
)  # fmt: skip
FILTERS = ("state", "insurer", "canonical")


class ListedProduct(Row):
    """A product as it stood: `on_sale` from the day on from which it is sold until the one of its withdrawal.

    Its clauses with limits, benefits and rates are its filing's, `/subjects/{product}/events`.
    """

    product: ProductName
    state: Literal["filed", "on_sale", "withdrawn"]
    insurer: PartyName
    area: AreaCode
    clause_no: Label
    code: Label
    name: Label
    canonical: Literal["liability", "comprehensive", "pension", "other"]
    parts: Annotated[list[Part], Len(0, PARTS_MAX)]
    services: list[ServiceCode]
    on_sale_from: CivilDate | None
    withdrawn_from: CivilDate | None


class ProductList(Page):
    """A page of products."""

    products: list[ListedProduct]


def listed(asking: Asking) -> Answer:
    """Answer GET /products: what was filed for an area, and what of it is on sale on the day."""
    page, following = page_of(asking, "products", "product.read", FILTERS, effective=asking.effective)
    return asking.cited(products=[{"product": row["key"], **stood(row, SHOWN)} for row in page], next=following)


QUESTIONS = (
    Question(
        "product.list", "/products", listed, ProductList, (*only(ListedProduct, *FILTERS), AREA, *TIMES, *PAGES),
        "Insurance products", "备案产品清单",
    ),
)  # fmt: skip
