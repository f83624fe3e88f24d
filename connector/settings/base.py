"""What all sections of the configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping in the configuration: its keys are these and no others, its values never change.

    Every key has its meaning as the docstring behind it: the reference is made of these.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        # An error may be about a secret.
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )
