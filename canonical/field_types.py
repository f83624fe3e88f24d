"""The fields whose structured type is known: only those can be covered with ``;sf``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from canonical.fields import parse_dictionary, parse_item, parse_list

if TYPE_CHECKING:
    from collections.abc import Callable

# Where a key occurs twice, what is covered would be the last value and what is read perhaps the
# first: such a field cannot be covered member by member.
unique_dictionary: Final = partial(parse_dictionary, unique=True)

FIELD_TYPES: Final[dict[str, Callable[[bytes], object]]] = {
    "accept-ch": parse_list,  # RFC 8942
    "accept-signature": unique_dictionary,  # RFC 9421 section 5.1
    "available-dictionary": parse_item,  # RFC 9842
    "cache-status": parse_list,  # RFC 9211
    "capsule-protocol": parse_item,  # RFC 9297
    "cdn-cache-control": unique_dictionary,  # RFC 9213
    "client-cert": parse_item,  # RFC 9440
    "client-cert-chain": parse_list,  # RFC 9440
    "content-digest": unique_dictionary,  # RFC 9530
    "deprecation": parse_item,  # RFC 9745
    "dictionary-id": parse_item,  # RFC 9842
    "example-dict": unique_dictionary,  # the examples of RFC 9421 section 2.1
    "priority": unique_dictionary,  # RFC 9218
    "proxy-status": parse_list,  # RFC 9209
    "repr-digest": unique_dictionary,  # RFC 9530
    "signature": unique_dictionary,  # RFC 9421 section 4.2
    "signature-agent": unique_dictionary,  # Web Bot Auth
    "signature-input": unique_dictionary,  # RFC 9421 section 4.1
    "ucp-agent": unique_dictionary,  # UCP
    "use-as-dictionary": unique_dictionary,  # RFC 9842
    "want-content-digest": unique_dictionary,  # RFC 9530
    "want-repr-digest": unique_dictionary,  # RFC 9530
}
