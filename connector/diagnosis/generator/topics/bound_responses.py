"""What a business answers, signed together with what was asked (RFC 9421 section 2.4)."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.business import BUSINESS, RESPONSE, RESPONSE_COVERS
from connector.diagnosis.generator.recipes import (
    GET,
    POST,
    POST_COVERS,
    Case,
    Edit,
    Recipe,
    Topic,
    change,
    in_request,
    put,
    rewrite,
)

_BINDING: Final = "RFC 9421 section 2.4"
_BOUND: Final = ('"@method";req', '"@authority";req', '"@path";req', '"signature";req;key="sig1"')
_BIND: Final = {"responses": {"bind_request": True}}

_EMPTY: Final = RESPONSE._replace(headers=(), body=b"", status=204)
_BOUND_RESPONSE: Final = RESPONSE.covering(*RESPONSE_COVERS, *_BOUND)
_QUERY: Final = POST._replace(target="/checkout-sessions?x=1").covering(*POST_COVERS, "@query")
_BOUND_QUERY: Final = _BOUND_RESPONSE._replace(answers=_QUERY)


def _good(id_: str, description: str, rule: str, recipe: Recipe) -> Case:
    case = Case(f"response-{id_}", description, rule, recipe, identity=BUSINESS, kind="response")
    return case._replace(settings=_BIND)


def _bad(id_: str, description: str, rule: str, recipe: Recipe, reason: str, *edits: Edit) -> Case:
    case = _good(id_, description, rule, recipe)
    return case._replace(code="signature_invalid", reason=reason, edits=edits)


def _without(component: str) -> Recipe:
    return _BOUND_RESPONSE.covering(*(x for x in (*RESPONSE_COVERS, *_BOUND) if x != component))


TOPIC: Final = Topic(
    "Responses bound to the request that they answer",
    (
        _good(
            "bound-unasked",
            "The request may be covered where nobody asks for it.",
            _BINDING,
            _BOUND_RESPONSE,
        )._replace(settings={}),
        _good(
            "bound",
            "Method, authority, path and signature of the request are covered.",
            _BINDING,
            _BOUND_RESPONSE,
        ),
        _good(
            "bound-query",
            "The request's query is covered.",
            "RFC 9421 section 2.4, query",
            _BOUND_QUERY.covering(*RESPONSE_COVERS, *_BOUND, '"@query";req'),
        ),
        _good(
            "bound-read",
            "The answer to a read, bound to it.",
            "RFC 9421 section 2.4, reads",
            _BOUND_RESPONSE._replace(status=200, answers=GET),
        ),
        _good(
            "bound-empty",
            "Without a body the status and the request are covered.",
            "RFC 9421 section 2.4, without body",
            _EMPTY.covering("@status", *_BOUND),
        ),
        _good(
            "bound-label",
            "The label of the request's signature is the signer's choice.",
            "RFC 9421 section 2.4, labels",
            _BOUND_RESPONSE._replace(answers=POST.signed(label="ucp-main")).covering(
                *RESPONSE_COVERS, *_BOUND[:3], '"signature";req;key="ucp-main"'
            ),
        ),
        _bad(
            "bound-other-label",
            "The label that is covered is not that of the request's signature.",
            "RFC 9421 section 2.4, labels",
            _BOUND_RESPONSE,
            "coverage_insufficient",
            rewrite("Signature-Input", 'key="sig1"', 'key="sig2"'),
        ),
        _bad(
            "unbound",
            "The request is not covered, and this platform asks for it.",
            "RFC 9421 section 2.4, what must be bound",
            RESPONSE,
            "coverage_insufficient",
        ),
        *(
            _bad(
                f"unbound-{name}",
                f"The request's {name} is not covered.",
                "RFC 9421 section 2.4, what must be bound",
                _without(component),
                "coverage_insufficient",
            )
            for name, component in zip(
                ("method", "authority", "path", "signature"), _BOUND, strict=True
            )
        ),
        _bad(
            "unbound-query",
            "The request has a query that is not covered.",
            "RFC 9421 section 2.4, query",
            _BOUND_QUERY,
            "coverage_insufficient",
        ),
        *(
            _bad(
                f"other-{name}",
                f"The answer is held against a request with another {name}.",
                "RFC 9421 section 2.4, another request",
                _BOUND_RESPONSE,
                "signature_mismatch",
                in_request(edit),
            )
            for name, edit in (
                ("method", change(method="PUT")),
                ("path", change(target="/carts")),
                ("signature", rewrite("Signature", "sig1=:2", "sig1=:3")),
            )
        ),
        _bad(
            "request-unsigned",
            "The request that is answered carries no signature that could be covered.",
            "RFC 9421 section 2.4, another request",
            _BOUND_RESPONSE,
            "base_unbuildable",
            in_request(put("Signature")),
        ),
    ),
)
