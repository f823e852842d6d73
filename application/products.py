"""Filing insurance products, putting them on sale and withdrawing them."""

from __future__ import annotations

from collections.abc import Mapping

from application.actions import Action, Writes
from application.schemes import pack_in_force
from application.work import Work
from domain.aggregate import Statement
from domain.errors import Conflict, Invalid
from domain.findings import refuse_violations
from domain.products import (
    FACTORS_MAX,
    STEPS_MAX,
    Product,
    ProductChange,
    ProductFiling,
    check_parts,
    check_product,
    check_services,
)

Path = Mapping[str, str]


def file(work: Work, statement: Statement, _path: Path) -> None:
    """File a product: benefits below the pack's floors are refused with the rule's id."""
    said = statement.said
    work.allow("product.file", self=said["insurer"] == work.author.party)
    if len(said.get("entrapment", ())) > STEPS_MAX or len(said.get("factors", ())) > FACTORS_MAX:
        raise Invalid("too many steps or factors", code="too_many", steps=STEPS_MAX, factors=FACTORS_MAX)
    check_parts(said["parts"])
    check_services(said.get("services", ()))
    pack, ref = pack_in_force(work, said["area"], work.today)
    findings = check_product(pack, said, work.today)
    refuse_violations(findings)
    product = work.new(Product, said["id"])
    work.source(said, "product", product.id)
    product.record(Product.Filed, statement, {"findings": findings, "pack": ref.as_json()})


def offer(work: Work, statement: Statement, path: Path) -> None:
    """Put a product on sale from a day on."""
    product = work.change(Product, path["product"])
    work.allow("product.offer", self=product.insurer == work.author.party)
    if product.on_sale_from is not None and product.withdrawn_from is None:
        sentence = f"{product.id} is on sale from {product.on_sale_from} on; withdraw it to offer it from another day"
        raise Conflict(sentence, code="on_sale_already", since=product.on_sale_from)
    product.record(Product.OnSale, statement)


def withdraw(work: Work, statement: Statement, path: Path) -> None:
    """Withdraw a product from a day on; the financial regulator may, too. Policies under it stay."""
    product = work.change(Product, path["product"])
    work.allow("product.withdraw", self=product.insurer == work.author.party)
    if product.on_sale_from is None or product.withdrawn_from is not None:
        raise Conflict(f"{product.id} is not on sale", code="product_not_on_sale", product=product.id)
    product.record(Product.Withdrawn, statement)


ACTIONS = (
    Action(
        "product.file", "POST", "/products", ProductFiling, file, (Writes("product.Filed", "{id}"),),
        "File an insurance product", "备案保险产品",
    ),
    Action(
        "product.offer", "POST", "/products/{product}/offer", ProductChange, offer,
        (Writes("product.OnSale", "{product}", "", "/from_date"),), "Put a product on sale", "产品上架",
    ),
    Action(
        "product.withdraw", "POST", "/products/{product}/withdraw", ProductChange, withdraw,
        (Writes("product.Withdrawn", "{product}", "", "/from_date"),), "Withdraw a product", "产品停售",
    ),
)  # fmt: skip
