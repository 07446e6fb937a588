"""What a person calls a step of a plan or of the journal."""

from __future__ import annotations

from looma_cli.errors import LoomaError
from looma_cli.model.operation import PlannedStep
from looma_cli.steps.base import read_step


def title(step: PlannedStep) -> str:
    """The step's own title; of one that this release does not know, its name in the journal."""
    try:
        return read_step(step.name, step.params).title()
    except (LoomaError, TypeError):
        return step.name.replace("-", " ")
