"""What a step is, and how it is saved and read back.

A step is a small frozen dataclass with JSON-safe fields. ``do`` may run twice; ``undo`` may run on a half-done deed, and twice.
A ``WorldStep`` touches one Protocol. A ``StateStep`` touches only the state, and commits together with its mark.
"""

from __future__ import annotations

from collections.abc import Callable, KeysView, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, ClassVar

from looma_cli.errors import StateTooNew
from looma_cli.model.operation import PlannedStep
from looma_cli.model.protocols import State
from looma_cli.model.world import World

Progress = Callable[[str], None]
_REGISTRY: dict[str, type[Step]] = {}


class Step:
    """Base of all steps. ``name`` is what the journal keeps; ``title`` is what a person reads."""

    name: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.name:
            _REGISTRY[cls.name] = cls

    def title(self) -> str:
        return self.name.replace("-", " ").capitalize()

    def planned(self, reason: str = "") -> PlannedStep:
        return PlannedStep(self.name, {name: getattr(self, name) for name in _fields(type(self))}, reason)


class WorldStep(Step):
    """Touches the world outside the state."""

    def do(self, world: World, progress: Progress) -> str:
        """Do the deed; returns a short detail for the journal (may be empty). Raises errors of ``looma_cli.errors`` only."""
        raise NotImplementedError

    def undo(self, world: World, progress: Progress) -> str:
        """Bring back what was before, as far as ``do`` changed it. A detail that begins with NOT_AS_BEFORE says where that was not
        possible and what is instead."""
        return ""


class StateStep(Step):
    """Touches the state only; runs inside the transaction that marks it."""

    def do(self, world: World, state: State) -> str:
        raise NotImplementedError

    def undo(self, world: World, state: State) -> str:
        return ""


def read_step(name: str, params: Mapping[str, Any]) -> WorldStep | StateStep:
    """The step that a journal entry means. Raises StateTooNew when this release of looma does not know it."""
    if name not in _REGISTRY:  # most were imported by the planner that made them
        _load_all()
    kind = _REGISTRY.get(name)
    if kind is None or not params.keys() <= _fields(kind):
        raise StateTooNew(f"the journal has a step {name!r} that this release of looma does not know", "use the release that began it")
    return kind(**params)  # type: ignore[return-value]


@cache
def _fields(kind: type[Step]) -> KeysView[str]:
    """Names, in their order."""
    return dict.fromkeys(field.name for field in fields(kind)).keys()  # type: ignore[arg-type]


@cache
def _load_all() -> None:
    from looma_cli.steps import (  # noqa: F401  (registers them)
        backups,
        datastores,
        following,
        forwarding,
        generations,
        guards,
        keeping,
        layers,
        measuring,
        migrating,
        routes,
        tenants,
        waiting,
    )


def counted(things: Sequence[Any], noun: str) -> str:
    """``1 port``, ``2 ports``: for titles."""
    return f"{len(things)} {noun}" if len(things) == 1 else f"{len(things)} {noun}s"
