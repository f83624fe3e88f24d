"""The official models of the protocol, as the package ucp-sdk publishes them.

Each release of it is made from one version of the protocol. Nothing of it is imported before
somebody asks for a validation: that takes a third of a second.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from pydantic import BaseModel

PACKAGE: Final = "ucp-sdk"
RELEASE: Final = "0.5."
"""What the tables here name is in these releases."""
VERSION: Final = "2026-08-25"
"""The version of the protocol that they are made from (README of the package)."""

_MODELS: Final = "ucp_sdk.models.schemas."


class Body(NamedTuple):
    """What an operation's request holds."""

    model: str
    argument: str
    """The member of a tool call's arguments in which it stands."""


BODIES: Final = {
    "create_checkout": Body("shopping.checkout_create_request:CheckoutCreateRequest", "checkout"),
    "update_checkout": Body("shopping.checkout_update_request:CheckoutUpdateRequest", "checkout"),
    "complete_checkout": Body(
        "shopping.checkout_complete_request:CheckoutCompleteRequest", "checkout"
    ),
    "create_cart": Body("shopping.cart_create_request:CartCreateRequest", "cart"),
    "update_cart": Body("shopping.cart_update_request:CartUpdateRequest", "cart"),
    "search_catalog": Body("shopping.catalog_search:SearchRequest", "catalog"),
    "lookup_catalog": Body("shopping.catalog_lookup:LookupRequest", "catalog"),
    "get_product": Body("shopping.catalog_lookup:GetProductRequest", "catalog"),
}
"""The operations that have a schema for what they are asked with; the others have only a path."""

_SIGNALS: Final = "common.types.signals"
_INSTRUMENT: Final = "common.types.payment_instrument"
_CREDENTIAL: Final = "common.types.payment_credential"

OPEN: Final = (
    # Keyed by reverse domain names, which anybody may add.
    f"{_SIGNALS}:Signals",
    f"{_SIGNALS}_create_request:SignalsCreateRequest",
    f"{_SIGNALS}_update_request:SignalsUpdateRequest",
    f"{_SIGNALS}_complete_request:SignalsCompleteRequest",
    # What stands in them is the payment handler's.
    f"{_INSTRUMENT}_create_request:PaymentInstrumentCreateRequest",
    f"{_INSTRUMENT}_update_request:PaymentInstrumentUpdateRequest",
    f"{_INSTRUMENT}_complete_request:PaymentInstrumentCompleteRequest",
    f"{_CREDENTIAL}_create_request:PaymentCredentialCreateRequest",
    f"{_CREDENTIAL}_update_request:PaymentCredentialUpdateRequest",
    f"{_CREDENTIAL}_complete_request:PaymentCredentialCompleteRequest",
)
"""Objects that the protocol leaves to others: no member of them is unknown."""


class ModelsMissing(ValueError):  # noqa: N818 - it says what is missing
    """The models cannot be had; the text says what to install."""


def require_release() -> None:
    """Raise ModelsMissing where no release is installed that the tables here fit."""
    try:
        found = installed(PACKAGE)
    except PackageNotFoundError:
        found = "none"
    if not found.startswith(RELEASE):
        raise ModelsMissing(
            f"validation needs {PACKAGE} {RELEASE}x, and {found} is installed:"
            " install ucp-connector[validation]"
        )


def load(name: str) -> Any:
    """Return what a name like ``shopping.cart:Cart`` stands for; of a field, its type."""
    module, _, attribute = name.partition(":")
    kind, _, field = attribute.partition(".")
    found = getattr(import_module(_MODELS + module), kind)
    return found.model_fields[field].annotation if field else found


def load_model(name: str) -> type[BaseModel]:
    """Return the model of this name."""
    model: type[BaseModel] = load(name)
    return model
