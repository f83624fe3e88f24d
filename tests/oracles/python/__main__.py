"""The Python oracle: one JSON task per line on standard input, one verdict per line back.

RFC 9421 by http-message-signatures, JOSE by joserfc, RFC 8785 by rfc8785, keys by cryptography.
Nothing here imports the project's own packages.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from tests.oracles.python.http_signatures import verify_message
from tests.oracles.python.jose import verify_authorization, verify_body, verify_envelope
from tests.oracles.python.verdicts import first_good

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], None]]] = {
    "rfc9421": verify_message,
    "detached-jws": verify_body,
    "talos": verify_envelope,
    "ap2": verify_authorization,
}


def answer(task: Mapping[str, Any]) -> dict[str, str]:
    check = _CHECKS[task["scheme"]]
    return first_good(task["keys"], lambda jwk: check(task, jwk))


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
