"""Which images stacks need, where they come from, and an air-gapped bundle of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from looma_cli.errors import NotFound
from looma_cli.model.edition import PROFILES, Edition
from looma_cli.usecases.context import LOCAL, Context


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One reference: ``needed_by`` are ``edition/component`` pairs; ``present`` on the local engine, None where it was not reachable."""

    reference: str
    source: str  # registry | local
    needed_by: tuple[str, ...]
    present: bool | None


class ImageUseCases:
    def __init__(self, context: Context, builder: Callable[[], Any]) -> None:
        self._context = context
        self._world = context.world
        self._builder = builder

    def list(self, edition: str | None = None, profile: str | None = None) -> list[ImageRecord]:
        """References of one edition or of all, for one profile or any, by the images setting (registry or local)."""
        from looma_cli.errors import Unreachable

        needed = self._needed(edition, profile)
        try:
            missing: set[str] | None = set(self._world.engine(LOCAL).missing_images(sorted(r for r in needed if r)))
        except Unreachable:
            missing = None
        source = self._context.images
        return [
            ImageRecord(
                reference or "(no local image)",
                source,
                tuple(by),
                None if missing is None else bool(reference) and reference not in missing,
            )
            for reference, by in sorted(needed.items())
        ]

    def build(self, names: Sequence[str] = (), *, fresh: bool = False) -> list[Any]:
        """Build the local set, or the named images with what they stand on; unchanged ones are left, but for a ``fresh`` build, which
        uses no cache either. Raises ImageUnavailable, NotFound."""
        builder = self._builder()
        known = [specification.name for specification in builder.specifications()]
        for name in names:
            if name not in known:
                raise NotFound(f"there is no local image {name!r}", f"there are {', '.join(known)}")

        def report(name: str, state: str, line: str) -> None:
            self._context.reporter.note(f"{name}: {state} {line}".rstrip())

        return builder.build(list(names) or None, report, fresh=fresh)

    def bundle(self, path: Path, edition: str | None = None, profile: str | None = None) -> list[str]:
        """Save all needed images that are present into one tar file; returns their references. Raises ImageUnavailable."""
        references = sorted(reference for reference in self._needed(edition, profile) if reference)
        self._builder().bundle(references, path)
        return references

    def load(self, path: Path) -> list[str]:
        """Load a bundle into the local engine; returns the references in it."""
        return self._builder().load(path)

    def _needed(self, edition: str | None, profile: str | None) -> dict[str, list[str]]:
        editions = [self._world.catalog.edition(edition)] if edition else self._world.catalog.editions()
        needed: dict[str, list[str]] = {}
        for each in editions:
            for component, reference in self._references(each, (profile,) if profile else PROFILES):
                by = needed.setdefault(reference, [])
                if f"{each.name}/{component}" not in by:
                    by.append(f"{each.name}/{component}")
        for reference in self._context.support_images(self._context.images):
            needed.setdefault(reference, []).append("every stack")
        return needed

    def _references(self, edition: Edition, profiles: Sequence[str]) -> list[tuple[str, str]]:
        pairs = []
        for profile in profiles:
            for component in edition.of_profile(profile):
                template = component.image.local if self._context.images == "local" else component.image.registry
                values = {
                    "registry": self._context.registry,
                    "edition": edition.name,
                    "service": component.name,
                    "release": edition.releases[-1],
                }
                for name, value in values.items():
                    template = (template or "").replace(f"$({name})", value)
                pairs.append((component.name, template))
        return pairs
