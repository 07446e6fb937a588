"""The catalogue: list, show, compare, recommend, validate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from looma_cli.model.edition import Edition
from looma_cli.plan.editions import compare, recommend
from looma_cli.usecases.context import Context


class EditionUseCases:
    def __init__(self, context: Context) -> None:
        self._catalog = context.world.catalog

    def list(self) -> list[Edition]:
        """Editions in the seeds' order of cost; the platform is not for tenants and left out."""
        return [edition for edition in self._catalog.editions() if edition.kind != "platform"]

    def show(self, name: str) -> Edition:
        return self._catalog.edition(name)

    def compare(self, first: str, second: str) -> Any:
        return compare(self._catalog.edition(first), self._catalog.edition(second))

    def recommend(self, needs: Any) -> list[Any]:
        return recommend(self.list(), needs)

    def validate(self, path: Path | None = None) -> list[Any]:
        """All that is wrong with one manifest, or with every shipped one; empty when sound."""
        return self._catalog.validate(path) if path else self._catalog.validate_all()
