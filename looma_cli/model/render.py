"""What a renderer is given: everything, so that rendering stays pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from looma_cli.model.edition import Edition
from looma_cli.model.tenant import LayerReference, Tenant


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """``secrets`` are in plain text (name -> value): only their hashes reach the manifest, the values go into ``RenderedLayer.secrets``.
    ``components``: only these, and none of their ports published (a scratch stack). ``start_interval`` says whether the engine knows
    healthcheck.start_interval (API 1.44 or newer)."""

    tenant: Tenant
    edition: Edition
    layer: str
    generation: int
    installation: str
    registry: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    override: str | None = None
    start_interval: bool = True
    components: tuple[str, ...] | None = None
    hard_limits: bool = True  # False where the machine forbids raising ulimits

    @property
    def reference(self) -> LayerReference:
        return LayerReference(self.tenant.name, self.layer, self.generation)
