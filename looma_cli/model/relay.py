"""What a relay between two hosts carries."""

from __future__ import annotations

from dataclasses import dataclass

from looma_cli.model.tenant import LayerReference

KIND = "relay"


@dataclass(frozen=True, slots=True)
class RelayLine:
    """From the network of a ``layer`` on one host to a datastore's container on another. There it goes by that container's ``name``, at
    the ports that it has inside: ``ports`` are (address, host port, container port), as the leader's host publishes them. ``image`` is
    what the relay runs: an nginx with its stream module."""

    layer: LayerReference
    store: str
    name: str = ""
    ports: tuple[tuple[str, int, int], ...] = ()
    image: str = ""

    @property
    def component(self) -> str:
        """What the relay's own container is called in the layer."""
        return f"{self.store}-{KIND}"
