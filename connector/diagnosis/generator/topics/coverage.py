"""What a signature must cover. Each negative leaves one component out, and verifies otherwise."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.recipes import (
    GET,
    GET_COVERS,
    POST,
    POST_COVERS,
    Case,
    Recipe,
    Topic,
    registered,
)

_TARGET: Final = "signatures.md#rest-request-verification, coverage of the target"
_FIELDS: Final = "signatures.md#rest-request-verification, coverage of fields"
_KEYED_READ: Final = GET.replaced("Idempotency-Key", "550e8400-e29b-41d4-a716-446655440000")
_QUERY: Final = GET._replace(target="/checkout-sessions/chk_123?expand=totals")


def _missing(id_: str, description: str, recipe: Recipe, rule: str = _FIELDS) -> Case:
    return Case(
        f"coverage-{id_}", description, rule, recipe, "signature_invalid", "coverage_insufficient"
    )


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
                *("@method", "@authority", "@path"), '"ucp-agent";key="profile"'
            ).covering(
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
            settings=registered("platform-2026", coverage="compat"),
        ),
    ),
)
