"""Which images stacks need, where they come from, and an air-gapped bundle of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from looma_cli.errors import InvalidValue, NotFound
from looma_cli.model.edition import PROFILES, Edition
from looma_cli.model.image import SentImage
from looma_cli.usecases.context import LOCAL, Context


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One reference: ``needed_by`` are ``edition/component`` pairs; ``present`` on the host's engine, None where it was not reachable."""

    reference: str
    source: str  # registry | local
    needed_by: tuple[str, ...]
    present: bool | None


class ImageUseCases:
    def __init__(self, context: Context, builder: Callable[[], Any]) -> None:
        self._context = context
        self._world = context.world
        self._builder = builder

    def list(self, edition: str | None = None, profile: str | None = None, host: str = LOCAL) -> list[ImageRecord]:
        """References of one edition or of all, for one profile or any, by the images setting (registry or local), and whether a host has
        them. Raises NotFound for an unknown host."""
        from looma_cli.errors import Unreachable

        needed = self._needed(edition, profile)
        try:
            missing: set[str] | None = set(self._world.engine(host).missing_images(sorted(r for r in needed if r)))
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

    def sendable(self, host: str, references: Sequence[str] = (), edition: str | None = None, profile: str | None = None) -> list[str]:
        """Those of the references (none given: those of the local set that are on this machine) that a host lacks, or has another build of.
        Raises NotFound, ImageUnavailable for one that is nowhere, Unreachable."""
        if host == LOCAL:
            raise InvalidValue("images are sent from the local engine, not to it", "name another host: looma host list")
        return self._world.image_sender(host).wanted(references or self._here(edition, profile))

    def send(
        self, host: str, references: Sequence[str] = (), edition: str | None = None, profile: str | None = None
    ) -> list[SentImage]:
        """Send them, without the layers that the host has. Raises what ``sendable`` raises, and ImageUnavailable where the host refuses."""

        def report(text: str) -> None:
            reference, _, doing = text.rpartition(": ")
            self._context.reporter.note(f"{_short(reference)}: {doing}" if reference else text)

        sent = self._world.image_sender(host).send(self.sendable(host, references, edition, profile), report)
        for image in sent:
            self._context.reporter.note(f"{_short(image.reference)}: sent {image.sent_bytes / 1e6:.1f} MB")
        return sent

    def _here(self, edition: str | None, profile: str | None) -> list[str]:
        return [record.reference for record in self.list(edition, profile) if record.present]

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


def _short(reference: str) -> str:
    """``mysql`` of ``looma/mysql:10.11``: how a note names what is under way."""
    return reference.rpartition("/")[2].partition(":")[0]
