"""The edge: one Nginx per installation and host, driven through the engine's API alone (docs/explanation/edge.md)."""

from looma_cli.adapters.edge.nginx import NginxEdge

__all__ = ["NginxEdge"]
