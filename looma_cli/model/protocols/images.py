"""Images for a host that no registry serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from looma_cli.model.image import SentImage


class ImageSender(Protocol):
    """Gives one host's engine the images of the controller's own. Raises Unreachable when either of them goes away."""

    def wanted(self, references: Sequence[str]) -> list[str]:
        """Those, in order, that the host has not, or has as another build than the controller's engine; what only the host has is left
        as it is, and so is all where the host has all and the controller has no engine. Raises ImageUnavailable for one that neither
        has."""
        ...

    def send(self, references: Sequence[str], report: Callable[[str], None]) -> list[SentImage]:
        """The host has the wanted ones afterwards; each of them goes over without the layers that are there already. Idempotent: what is
        there is not sent again. ``report`` hears how far it is and may raise to end it; nothing of a half-sent image stays.

        Raises ImageUnavailable with the far engine's own words where that refuses (its disk is full).
        """
        ...
