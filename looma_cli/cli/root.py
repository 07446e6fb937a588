"""The command ``looma``: knows each command by name and one line, and imports a command's module when it is called.

So ``looma --help`` and completion load nothing of what commands need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from looma_cli import __version__
from looma_cli.cli.parameters import CONTEXT_SETTINGS, QuickGroup

TENANTS, CATALOGUE, RESOURCES, UPKEEP = "Tenants", "Editions and images", "What is where", "Upkeep"


@dataclass(frozen=True)
class Entry:
    """``module`` has an object ``noun``; ``help`` is its one line, checked against the module's own by a test."""

    name: str
    help: str
    panel: str

    @property
    def module(self) -> str:
        return f"looma_cli.cli.commands.{self.name}"


ENTRIES = (
    Entry("tenant", "Create, run, change and delete tenants.", TENANTS),
    Entry("status", "Show tenants, hosts and pending operations at a glance.", TENANTS),
    Entry("health", "Check every component of tenants now.", TENANTS),
    Entry("backup", "Take, prove, restore and keep backups of tenants.", TENANTS),
    Entry("operation", "Look at, finish or undo interrupted operations.", TENANTS),
    Entry("apply", "Do exactly what a saved plan says, or refuse.", TENANTS),
    Entry("edition", "Look at, compare and choose editions; move tenants from one to another.", CATALOGUE),
    Entry("fleet", "Bring a release to all tenants of an edition; see who runs which.", CATALOGUE),
    Entry("image", "List, build and carry the images that stacks need.", CATALOGUE),
    Entry("host", "Add, look at, close and empty the hosts that tenants run on.", RESOURCES),
    Entry("port", "Show which ports are allocated, to whom.", RESOURCES),
    Entry("network", "Show which subnets are allocated, to whom.", RESOURCES),
    Entry("core", "Run LoomaCRM's own platform stack.", UPKEEP),
    Entry("doctor", "Check everything that looma needs.", UPKEEP),
    Entry("state", "Check, rebuild and find looma's own state.", UPKEEP),
)


class LazyCommand(TyperCommand):
    """Stands for a command until it is called: has the name and help, and imports the rest when a context is made."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.help, short_help=entry.help, rich_help_panel=entry.panel)
        self._entry = entry

    def load(self) -> Any:
        return import_module(self._entry.module).noun.command()

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.load().make_context(info_name, args, parent, **extra)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command for real, by name (imports them all: for the reference and its tests)."""
    for entry in ENTRIES:
        yield entry.name, LazyCommand(entry).load()


def _version(value: bool) -> None:
    if value:
        typer.echo(f"looma {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error. Anywhere on the line.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours, as with NO_COLOR. Anywhere on the line.")] = False,
) -> None:
    """One private Zervigo stack per customer, from one terminal."""


EPILOG = "[dim]Start with[/]\n  $ looma doctor\n  $ looma tenant create acme --edition basic"


def root() -> Any:
    """The command to run. ``debug`` and ``no_color`` are read before it (``looma_cli.cli.run``) and only shown here."""
    app = typer.Typer(
        name="looma", cls=QuickGroup, no_args_is_help=True, rich_markup_mode="rich", epilog=EPILOG, context_settings=CONTEXT_SETTINGS
    )
    app.callback()(_root)
    group = typer.main.get_command(app)
    for entry in ENTRIES:
        group.add_command(LazyCommand(entry))
    return group
