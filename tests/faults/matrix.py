"""What every death and every sleep of a gateway has to lead to: the table that the rounds check.

A row is one way to die or to sleep: at the end of a step of ``connector/gateway.py``, or where
only the merchant and the platform can see that the request is half way (MERCHANT_POINTS).
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final, NamedTuple

GATEWAY: Final = Path(__file__).parents[2] / "connector" / "gateway.py"

KILL: Final = "kill"
STOP: Final = "stop"

VALIDATE: Final = "validate"
"""A step of merchants alone that have bodies checked."""

SENT: Final = "sent"
HALF: Final = "half answer"
STREAMING: Final = "streaming"
MERCHANT_POINTS: Final = {
    SENT: "the merchant has the whole request and has not answered",
    HALF: "the gateway has half of the answer",
    STREAMING: "half of an answer that is too long to be kept has reached the platform",
}

# What a platform is told: its write was done now, it was done before, or a code.
EXECUTED: Final = "executed"
REPLAYED: Final = "replayed"
IN_PROGRESS: Final = "idempotency_in_progress"
UNKNOWN: Final = "outcome_unknown"
GONE: Final = "answer_not_replayable"
OVERLOADED: Final = "overloaded"

# Where a claim stands; the last four are ways to end.
ABSENT: Final = "absent"
CLAIMED: Final = "claimed"
LAPSED: Final = "UNKNOWN"
"""Claimed, and its lease has ended."""
COMPLETED: Final = "COMPLETED"
SPENT: Final = "COMPLETED, no answer"
RELEASED: Final = "released"

SAY_EXECUTED: Final = "executed"
SAY_NOT_EXECUTED: Final = "not_executed"


class Row(NamedTuple):
    """One way to fail, and what has to come of it."""

    point: str
    action: str
    """KILL: SIGKILL. STOP: SIGSTOP, and SIGCONT when the lease is over and all has been told."""
    left: str
    """The claim right after it."""
    told: tuple[str, ...]
    """What the same request is told at another gateway, again and again until the last one."""
    asked: int
    """How often the merchant is asked in all."""
    ends: str
    """The claim in the end."""
    idempotent: bool = False
    """``upstream.idempotent``: the merchant honours the key itself."""
    embedded: bool = False
    """The gateway's own store dies with it; the other gateway is the same one, started again."""
    operator: str = ""
    """What an operator says of the claim, after ``told``."""
    decided: tuple[str, ...] = ()
    """What the same request is told after that."""
    woken: str = ""
    """What the first client, which still waits, is told by the gateway that slept."""
    then: tuple[str, ...] = ()
    """What the same request is told after that."""

    @property
    def overtaken(self) -> bool:
        """Whether the sleeper's claim is somebody else's when it wakes up: it must be refused."""
        claimed = self.left == CLAIMED
        return self.action == STOP and claimed and (self.idempotent or bool(self.operator))

    @property
    def name(self) -> str:
        variants = (
            "idempotent" if self.idempotent else "",
            "embedded" if self.embedded else "",
            self.operator,
        )
        return " ".join(filter(None, (self.action, self.point, *variants)))


_WAIT: Final = (IN_PROGRESS, UNKNOWN)

_KILLED: Final = (
    # Nothing was claimed: the repetition is the first that the store hears of it.
    Row("receive", KILL, ABSENT, (EXECUTED,), 1, COMPLETED),
    Row("verify", KILL, ABSENT, (EXECUTED,), 1, COMPLETED),
    Row(VALIDATE, KILL, ABSENT, (EXECUTED,), 1, COMPLETED),
    # Claimed and not sent; but nobody who is left can know that.
    Row("admit", KILL, CLAIMED, _WAIT, 0, LAPSED),
    Row("record", KILL, CLAIMED, _WAIT, 0, LAPSED),
    Row(SENT, KILL, CLAIMED, _WAIT, 1, LAPSED),
    Row(HALF, KILL, CLAIMED, _WAIT, 1, LAPSED),
    Row(STREAMING, KILL, CLAIMED, _WAIT, 1, LAPSED),
    Row("forward", KILL, CLAIMED, _WAIT, 1, LAPSED),
    # Recorded: from here on the platform alone does not know, and learns it.
    Row("settle", KILL, COMPLETED, (REPLAYED,), 1, COMPLETED),
    Row("sign", KILL, COMPLETED, (REPLAYED,), 1, COMPLETED),
    Row("tell", KILL, COMPLETED, (REPLAYED,), 1, COMPLETED),
)

_IDEMPOTENT: Final = (
    Row("admit", KILL, CLAIMED, (IN_PROGRESS, EXECUTED), 1, COMPLETED, idempotent=True),
    Row(SENT, KILL, CLAIMED, (IN_PROGRESS, EXECUTED), 2, COMPLETED, idempotent=True),
    Row(HALF, KILL, CLAIMED, (IN_PROGRESS, EXECUTED), 2, COMPLETED, idempotent=True),
    Row("forward", KILL, CLAIMED, (IN_PROGRESS, EXECUTED), 2, COMPLETED, idempotent=True),
    Row("settle", KILL, COMPLETED, (REPLAYED,), 1, COMPLETED, idempotent=True),
)


def _slept(
    point: str,
    left: str,
    told: tuple[str, ...],
    woken: str,
    then: tuple[str, ...],
    ends: str = COMPLETED,
) -> Row:
    return Row(point, STOP, left, told, 1, ends, woken=woken, then=then)


_SLEPT: Final = (
    # The repetition overtakes it; then the sleeper's own request is the repetition.
    _slept("receive", ABSENT, (EXECUTED,), REPLAYED, (REPLAYED,)),
    _slept("verify", ABSENT, (EXECUTED,), REPLAYED, (REPLAYED,)),
    _slept(VALIDATE, ABSENT, (EXECUTED,), REPLAYED, (REPLAYED,)),
    # Its lease is over, so it does not send; it knows that nothing was sent, and says so.
    _slept("admit", CLAIMED, _WAIT, OVERLOADED, (EXECUTED, REPLAYED)),
    _slept("record", CLAIMED, _WAIT, OVERLOADED, (EXECUTED, REPLAYED)),
    # Its late answer is believed: UNKNOWN becomes COMPLETED with the same token.
    _slept(SENT, CLAIMED, _WAIT, EXECUTED, (REPLAYED,)),
    _slept(HALF, CLAIMED, _WAIT, EXECUTED, (REPLAYED,)),
    _slept(STREAMING, CLAIMED, _WAIT, EXECUTED, (GONE,), SPENT),
    _slept("forward", CLAIMED, _WAIT, EXECUTED, (REPLAYED,)),
    _slept("settle", COMPLETED, (REPLAYED,), EXECUTED, (REPLAYED,)),
    _slept("sign", COMPLETED, (REPLAYED,), EXECUTED, (REPLAYED,)),
    _slept("tell", COMPLETED, (REPLAYED,), EXECUTED, (REPLAYED,)),
)

_OVERTAKEN: Final = (
    Row(
        *("admit", STOP, CLAIMED, _WAIT, 1, COMPLETED),
        operator=SAY_NOT_EXECUTED,
        decided=(EXECUTED,),
        woken=OVERLOADED,
        then=(REPLAYED,),
    ),
    Row(
        *(SENT, STOP, CLAIMED, _WAIT, 1, SPENT),
        operator=SAY_EXECUTED,
        decided=(GONE,),
        woken=EXECUTED,
        then=(GONE,),
    ),
    # The operator was wrong. The old owner is refused all the same: what was decided stays.
    Row(
        *("forward", STOP, CLAIMED, _WAIT, 1, RELEASED),
        operator=SAY_NOT_EXECUTED,
        woken=EXECUTED,
    ),
    Row(
        *("admit", STOP, CLAIMED, (IN_PROGRESS, EXECUTED), 1, COMPLETED),
        idempotent=True,
        woken=OVERLOADED,
        then=(REPLAYED,),
    ),
    Row(
        *(SENT, STOP, CLAIMED, (IN_PROGRESS, EXECUTED), 2, COMPLETED),
        idempotent=True,
        woken=EXECUTED,
        then=(REPLAYED,),
    ),
)

_EMBEDDED: Final = tuple(row._replace(embedded=True) for row in _KILLED)

MATRIX: Final = (*_KILLED, *_IDEMPOTENT, *_SLEPT, *_OVERTAKEN, *_EMBEDDED)


def steps_of_gateway() -> frozenset[str]:
    """Return the names given to ``journal.step``; ValueError where one is not written out."""
    tree = ast.parse(GATEWAY.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "step":
            names.add(_name_given(tree, node))
    return frozenset(names)


def _name_given(tree: ast.Module, function: ast.Attribute) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.func is function:
            (argument,) = node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                return argument.value
    raise ValueError(f"line {function.lineno} of {GATEWAY.name}: a step without a plain name")
