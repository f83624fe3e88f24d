"""Which members of a request no schema knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from connector.validation.problems import Problem
from connector.validation.release import OPEN, load_model

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from connector.validation.problems import Path


class UnknownMembers:
    """Finds members that neither a model, a declared capability nor the merchant knows.

    ``capabilities`` are those of the merchant's profile: a member that bears the name of one, or a
    longer one below it, is known (``com.example.gift``, ``com.example.gift.note``). ``known`` are
    names that the merchant adds, at any place.
    """

    def __init__(self, capabilities: Collection[str], known: Collection[str]) -> None:
        self._open = tuple(map(load_model, OPEN))
        self._known = frozenset(known) | frozenset(capabilities)
        self._below = tuple(f"{each}." for each in capabilities)

    def find(self, request: BaseModel, path: Path) -> Iterator[Problem]:
        """Yield each unknown member of what a model has read, which stands at ``path``."""
        extra = request.__pydantic_extra__
        if extra and not isinstance(request, self._open):
            for name in extra:
                if not self.knows(name):
                    yield Problem((*path, name), "unknown_member")
        for name, value in request.__dict__.items():
            if isinstance(value, BaseModel):
                yield from self.find(value, (*path, name))
            elif type(value) is list:
                for index, element in enumerate(value):
                    if isinstance(element, BaseModel):
                        yield from self.find(element, (*path, name, index))

    def knows(self, name: str) -> bool:
        """Tell whether a member of this name is known wherever it stands."""
        return name in self._known or name.startswith(self._below)
