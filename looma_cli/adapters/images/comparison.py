"""Which images have to go from one engine to another, from what both list. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from looma_cli.adapters.engine.objects import normal_image
from looma_cli.adapters.images.builder import LABEL_DIGEST


@dataclass(frozen=True, slots=True)
class Held:
    """An image as an engine lists it. ``digest`` is of all that a local image was made of, empty for others; ``created`` in seconds since
    the epoch."""

    id: str
    created: int
    size: int
    digest: str


def held(listed: Iterable[Mapping[str, Any]]) -> dict[str, Held]:
    """Every image by each of its names, from ``GET /images/json``."""
    found: dict[str, Held] = {}
    for image in listed:
        record = Held(image["Id"], image["Created"], image["Size"], (image.get("Labels") or {}).get(LABEL_DIGEST, ""))
        names = (name for key in ("RepoTags", "RepoDigests") for name in image.get(key) or ())
        found |= {normal_image(name): record for name in names if "<none>" not in name}
    return found


def serves(there: Held, here: Held) -> bool:
    """Whether the image that is there will do for the one that is here: it is the same, or was made of the same and not earlier.

    Two controllers that have each built the same set would otherwise replace each other's images again and again.
    """
    return there.id == here.id or (there.digest == here.digest != "" and there.created >= here.created)
