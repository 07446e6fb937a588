"""Health probes: every component asked in its own protocol, all at once (docs/explanation/edge.md, "Health probes")."""

from looma_cli.adapters.health.probing import AsyncHealth

__all__ = ["AsyncHealth"]
