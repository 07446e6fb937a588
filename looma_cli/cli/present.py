"""A result as text for people, or as JSON or YAML for scripts: the only place that writes to standard output.

What a noun looks like is in ``documents`` (for scripts) and in ``views`` (for people); here it is chosen by the type's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from looma_cli.cli import documents, pieces
from looma_cli.cli.terminal import Screen

if TYPE_CHECKING:
    from looma_cli.cli.session import Session

NOUNS = {
    "Tenant": "tenants.card",
    "Backup": "backups.card",
    "Plan": "plans.page",
    "Operation": "operations.page",
    "FleetStatus": "fleet.page",
    "HealthReport": "health.page",
    "AuditReport": "audit.page",
    "RebuildReport": "rebuild.page",
    "HostPage": "hosts.page",
    "Edition": "editions.page",
    "EditionComparison": "editions.comparison",
}
LISTS = {
    "tenants": "tenants.table",
    "backups": "backups.table",
    "results": "tenants.results",
    "operations": "operations.table",
    "hosts": "hosts.table",
    "ports": "resources.ports",
    "conflicts": "resources.conflicts",
    "networks": "resources.networks",
    "editions": "editions.table",
    "recommendations": "editions.recommendations",
    "problems": "editions.problems",
    "fleets": "rollouts.releases",
    "images": "images.table",
    "checks": "checks.table",
    "settings": "checks.settings",
}


@dataclass(frozen=True)
class Listing:
    """A list under its plural noun. ``empty`` is said on standard error when there is nothing, ``following`` what to type then.
    ``more`` are further keys of the document, ``extra`` what only the view for people uses."""

    plural: str
    items: Sequence[Any]
    empty: str
    following: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def document(self) -> Any:
        return {**self.more, self.plural: pieces.Each(self.items, documents.document)}

    def lines(self, screen: Screen) -> list[str]:
        return _view(LISTS[self.plural])(self.items, screen, **self.extra) if self.items else []


@dataclass(frozen=True)
class Page:
    """A result with a look of its own. ``view`` names a function in ``views`` that takes (noun, screen); ``shape`` is the document where
    it is not the noun's own; ``following`` is what a person may type next."""

    noun: Any
    view: str
    shape: Any = None
    following: str = ""

    @property
    def document(self) -> Any:
        return documents.document(self.noun if self.shape is None else self.shape)

    def lines(self, screen: Screen) -> list[str]:
        return _view(self.view)(self.noun, screen)


def _view(name: str) -> Callable[..., list[str]]:
    module, function = name.split(".")
    return getattr(import_module(f"looma_cli.cli.views.{module}"), function)


def document_of(result: Any) -> Any:
    """What scripts get."""
    return result.document if isinstance(result, (Listing, Page)) else documents.document(result)


def lines_of(result: Any, screen: Screen) -> list[str]:
    """What people get."""
    if isinstance(result, (Listing, Page)):
        return result.lines(screen)
    return _view(NOUNS[type(result).__name__])(result, screen)


def say(result: Any, session: Session) -> None:
    """Print a command's result in the form asked for."""
    screen = session.terminal.out
    if session.output != "table":
        say_document(document_of(result), session.output, screen)
        return
    for line in lines_of(result, screen):
        screen.line(line)
    screen.stream.flush()
    if isinstance(result, Page) and result.following:
        session.hint(f"Next: {result.following}")
    if isinstance(result, Listing) and not result.items:
        session.tell(result.empty)
        if result.following:
            session.tell(f"Next: {result.following}")


def say_document(document: Any, output: str, screen: Screen) -> None:
    """JSON indented for a terminal, on one line for a program; YAML the same for both."""
    if output == "yaml":
        text = _yaml(pieces.whole(document))
        screen.stream.write(text if screen.can_encode(text) else _yaml(pieces.whole(document), ascii_only=True))
        return
    for piece in pieces.indented(document) if screen.is_terminal else pieces.in_a_line(document):
        screen.stream.write(piece if screen.can_encode(piece) else pieces.escaped(piece))
    screen.stream.write("\n")


def _yaml(document: Any, *, ascii_only: bool = False) -> str:
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        block = "\n" in value and not any(line != line.rstrip() for line in value.split("\n"))
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if block else None)

    Dumper.add_representer(str, text)
    return yaml.dump(document, Dumper=Dumper, allow_unicode=not ascii_only, sort_keys=False, width=120)
