"""What the protocol's extensions add to a request, put into the official models.

The official extension models describe answers; those of requests describe the core alone. So an
extension's member gets its type from where the package has it, and its place from here.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, create_model

from connector.validation.release import BODIES, load, load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_CHECKOUT: Final = ("create_checkout", "update_checkout", "complete_checkout")
_CREATED: Final = ("create_checkout", "update_checkout", "create_cart", "update_cart")
_CATALOG: Final = ("search_catalog", "lookup_catalog", "get_product")


class Addition(NamedTuple):
    """One member: in which operations, inside what, and of which type."""

    operations: tuple[str, ...]
    inside: tuple[str, ...]
    member: str
    type: str
    """Empty: known, but the package has no model of it that fits a request."""
    many: bool = False


def _fulfillment(operation: str) -> tuple[Addition, ...]:
    word = operation.partition("_")[0]
    folder, kind = "shopping.types", f"{word.title()}Request"
    return (
        Addition(
            (operation,),
            (),
            "fulfillment",
            f"{folder}.fulfillment_{word}_request:Fulfillment{kind}",
        ),
        # Of a shipping method; the schema says so in a condition, which the models do not have.
        Addition(
            (operation,),
            ("fulfillment", "methods"),
            "destinations",
            f"{folder}.shipping_destination_{word}_request:ShippingDestination{kind}",
            many=True,
        ),
    )


EXTENSIONS: Final[dict[str, tuple[Addition, ...]]] = {
    "cart": (
        Addition(
            ("create_checkout",), (), "cart_id", "shopping.cart_create_request:Checkout.cart_id"
        ),
    ),
    "fulfillment": (
        *_fulfillment("create_checkout"),
        *_fulfillment("update_checkout"),
        *(
            Addition((each,), (), "filters", "shopping.fulfillment:FulfillmentSearchFilters")
            for each in _CATALOG
        ),
    ),
    "discount": (Addition(_CREATED, (), "discounts", "shopping.discount:DiscountsObject"),),
    "buyer_consent": (
        Addition(
            ("complete_checkout",),
            (),
            "buyer",
            "shopping.types.buyer_update_request:BuyerUpdateRequest",
        ),
        # The model asks for a description, which only answers have.
        Addition((*_CREATED, "complete_checkout"), ("buyer",), "consent", ""),
    ),
    "ap2_mandate": (Addition(("complete_checkout",), (), "ap2", "common.payment_ap2_mandate:Ap2"),),
    "payment_terms": (
        Addition(
            ("update_checkout",),
            ("payment",),
            "selected_term_id",
            "common.payment_terms:Payment.selected_term_id",
        ),
    ),
    "split_payments": (
        Addition(
            _CHECKOUT,
            ("payment", "instruments"),
            "amount",
            "common.payment_split_payments:PaymentInstrument.amount",
        ),
    ),
}
"""By the last part of the capability's name: the part before it has moved between releases."""

MEMBERS: Final = {each.member for additions in EXTENSIONS.values() for each in additions}
"""The names of all these members."""


def declared_here(capabilities: Collection[str]) -> frozenset[str]:
    """Return which of the extensions a profile's capabilities name."""
    names = {each.rpartition(".")[2] for each in capabilities if each.startswith("dev.ucp.")}
    return frozenset(names & EXTENSIONS.keys())


def request_model(operation: str, extensions: Collection[str]) -> type[BaseModel]:
    """Return the model of an operation's request with the members of these extensions."""
    model = load_model(BODIES[operation].model)
    for name in sorted(extensions):
        for addition in EXTENSIONS[name]:
            if operation in addition.operations:
                model = _extended(model, addition.inside, addition)
    return model


def _extended(
    model: type[BaseModel], inside: tuple[str, ...], addition: Addition
) -> type[BaseModel]:
    """Return a kind of ``model`` that has one more member, there or further inside."""
    name = inside[0] if inside else addition.member
    if not inside:
        return _with_field(model, name, _type_of(addition) | None, None)
    field = model.model_fields[name]
    deeper = _replaced(field.annotation, lambda found: _extended(found, inside[1:], addition))
    return _with_field(model, name, deeper, ... if field.is_required() else field.default)


def _with_field(model: type[BaseModel], name: str, kind: Any, default: Any) -> type[BaseModel]:
    fields: dict[str, Any] = {name: (kind, default)}
    made: type[BaseModel] = create_model(model.__name__, __base__=model, **fields)
    return made


def _type_of(addition: Addition) -> Any:
    if not addition.type:
        return Any
    found = load(addition.type)
    return types.GenericAlias(list, (found,)) if addition.many else found


def _replaced(annotation: Any, replace: Callable[[type[BaseModel]], type[BaseModel]]) -> Any:
    """Return an annotation with the one model in it replaced."""
    if hasattr(annotation, "__value__"):  # a TypeAliasType (PEP 695), of typing or its backport
        return _replaced(annotation.__value__, replace)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return Union[tuple(_replaced(each, replace) for each in get_args(annotation))]  # noqa: UP007 - of a tuple
    if origin is list:
        return types.GenericAlias(list, (_replaced(get_args(annotation)[0], replace),))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return replace(annotation)
    return annotation
