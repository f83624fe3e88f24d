"""What a signature must cover. Each negative leaves one component out, and verifies otherwise."""

from __future__ import annotations

from typing import Any, Final

from connector.diagnosis.generator.documents import url
from connector.diagnosis.generator.recipes import (
    GET,
    GET_COVERS,
    POST,
    POST_COVERS,
    Case,
    Recipe,
    Topic,
    put,
    registered,
    rewrite,
)

_TARGET: Final = "signatures.md#rest-request-verification, coverage of the target"
_FIELDS: Final = "signatures.md#rest-request-verification, coverage of fields"
_IDENTIFIERS: Final = "RFC 9421 section 2.1, component identifiers"
_SETTINGS: Final = "ucp-rules.md#3-verifying-an-rfc-9421-request, coverage by setting"
_TARGET_URI: Final = ("@method", "@target-uri", *POST_COVERS[3:])
_WITH_QUERY: Final = POST._replace(target="/checkout-sessions?x=1")
_KEYED_READ: Final = GET.replaced("Idempotency-Key", "550e8400-e29b-41d4-a716-446655440000")
_QUERY: Final = GET._replace(target="/checkout-sessions/chk_123?expand=totals")


def _missing(id_: str, description: str, recipe: Recipe, rule: str = _FIELDS) -> Case:
    return Case(
        f"coverage-{id_}", description, rule, recipe, "signature_invalid", "coverage_insufficient"
    )


def _listed(id_: str, description: str, rule: str, old: str, new: str) -> Case:
    """Change the list of components after signing: no signature can be made over such a one."""
    case = _missing(id_, description, POST, rule)
    return case._replace(edits=(rewrite("Signature-Input", old, new),))


_COMPAT: Final = registered("platform-2026", coverage="compat")


def _compat_of(profile: str) -> dict[str, Any]:
    terms = {**_COMPAT["platforms"]["registered"][0], "profile": profile}
    return {"platforms": {"discovery": "open", "registered": [terms]}}


TOPIC: Final = Topic(
    "Coverage: the components that a signature may not leave out",
    (
        Case("coverage-all", "Everything that must be covered is covered.", _FIELDS, POST),
        Case(
            "coverage-query-too",
            "The query is covered.",
            _TARGET,
            _QUERY.covering(*GET_COVERS, "@query"),
        ),
        Case(
            "coverage-empty-query-too",
            "A question mark with nothing behind it, covered.",
            _TARGET,
            GET._replace(target="/checkout-sessions/chk_123?").covering(*GET_COVERS, "@query"),
        ),
        Case(
            "coverage-key-of-read-too",
            "A read with an Idempotency-Key, which is covered.",
            _FIELDS,
            _KEYED_READ.covering(*GET_COVERS, "idempotency-key"),
        ),
        _missing("method", "@method is not covered.", POST.without("@method"), _TARGET),
        _missing("authority", "@authority is not covered.", POST.without("@authority"), _TARGET),
        _missing("path", "@path is not covered.", POST.without("@path"), _TARGET),
        _missing("query", "The target has a query that is not covered.", _QUERY, _TARGET),
        _missing(
            "empty-query",
            "A question mark with nothing behind it must be covered too.",
            GET._replace(target="/checkout-sessions/chk_123?"),
            _TARGET,
        ),
        _missing(
            "query-param-only",
            "@query-param covers one parameter and not the query.",
            _QUERY.covering(*GET_COVERS, '"@query-param";name="expand"'),
            _TARGET,
        ),
        _missing("content-digest", "The digest is not covered.", POST.without("content-digest")),
        _missing("content-type", "The media type is not covered.", POST.without("content-type")),
        _missing("ucp-agent", "The identity is not covered.", POST.without("ucp-agent")),
        _missing(
            "idempotency-key",
            "The Idempotency-Key is not covered.",
            POST.without("idempotency-key"),
        ),
        _missing(
            "idempotency-key-of-read",
            "A header that a read need not carry must be covered when it is there.",
            _KEYED_READ,
        ),
        _missing("nothing", "An empty list of components.", POST.covering()),
        _missing(
            "dictionary-member",
            "One member of UCP-Agent is not the whole field.",
            POST.covering(
                *(x if x != "ucp-agent" else '"ucp-agent";key="profile"' for x in POST_COVERS)
            ),
        ),
        _missing(
            "target-uri-instead",
            "@target-uri does not stand for authority, path and query unless a setting says so.",
            POST.covering("@method", "@target-uri", *POST_COVERS[3:]),
            _TARGET,
        ),
        Case(
            "coverage-target-uri-by-setting",
            "@target-uri stands for authority, path and query where the registration says so.",
            _TARGET,
            POST.covering("@method", "@target-uri", *POST_COVERS[3:]),
            settings=registered(coverage="target-uri"),
        ),
        Case(
            "coverage-compat",
            "A registered platform with a pinned key may leave ucp-agent out by setting.",
            _FIELDS,
            POST.without("ucp-agent"),
            settings=_COMPAT,
        ),
        Case(
            "coverage-field-as-bytes",
            "A field wrapped octet by octet is covered whole.",
            _IDENTIFIERS,
            POST.covering(*(f'"{x}";bs' if x == "ucp-agent" else x for x in POST_COVERS)),
        ),
        Case(
            "coverage-member-beside",
            "A member of a field that is covered whole, too.",
            _IDENTIFIERS,
            POST.covering(*POST_COVERS, '"ucp-agent";key="profile"'),
        ),
        _listed(
            "trailer",
            "The field of that name among the trailers is another one.",
            _IDENTIFIERS,
            '"content-type"',
            '"content-type";tr',
        ),
        _listed(
            "of-request",
            "A field of the request that is answered, in a request.",
            _IDENTIFIERS,
            '"content-type"',
            '"content-type";req',
        ),
        _listed(
            "upper-case",
            "Names of components are in lower case.",
            _IDENTIFIERS,
            '"content-type"',
            '"Content-Type"',
        ),
        _listed(
            "without-at",
            "method is a field of that name, and not @method.",
            _IDENTIFIERS,
            '"@method"',
            '"method"',
        ),
        _listed(
            "unknown-parameter",
            "A component with a parameter that there is not is another one.",
            _IDENTIFIERS,
            '"content-type"',
            '"content-type";x',
        ),
        Case(
            "coverage-target-uri-of-query",
            "@target-uri stands for the query, too, where the registration says so.",
            _SETTINGS,
            _WITH_QUERY.covering(*_TARGET_URI),
            settings=registered(coverage="target-uri"),
        ),
        _missing(
            "target-uri-is-not-method",
            "@target-uri does not stand for the method.",
            _WITH_QUERY.covering(*_TARGET_URI[1:]),
            _SETTINGS,
        )._replace(settings=registered(coverage="target-uri")),
        _missing(
            "request-target-instead",
            "@request-target does not stand for path and query, whatever the registration says.",
            _WITH_QUERY.covering("@method", "@request-target", *POST_COVERS[3:]),
            _SETTINGS,
        )._replace(settings=registered(coverage="target-uri")),
        Case(
            "coverage-compat-strict",
            "Where ucp-agent may be left out it may be covered all the same.",
            _SETTINGS,
            POST,
            settings=_COMPAT,
        ),
        _missing(
            "compat-key-uncovered",
            "Where ucp-agent may be left out nothing else may.",
            POST.without("idempotency-key"),
            _SETTINGS,
        )._replace(settings=_COMPAT),
        _missing(
            "compat-of-other",
            "Another platform may leave ucp-agent out.",
            POST.without("ucp-agent"),
            _SETTINGS,
        )._replace(settings=_compat_of(url("april"))),
        Case(
            "coverage-compat-altered-agent",
            "UCP-Agent, uncovered, was changed to name a platform that nobody registered.",
            _SETTINGS,
            POST.without("ucp-agent"),
            "signature_invalid",
            "coverage_insufficient",
            (put("UCP-Agent", 'profile="https://platform.example/.well-known/ucp-2"'),),
            settings=_COMPAT,
        ),
    ),
)
