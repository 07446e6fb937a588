"""The relay: containers of one host reach a datastore on another, through this machine (docs/explanation/moving.md)."""

from looma_cli.adapters.relay.places import LocalPlace, RemotePlace
from looma_cli.adapters.relay.relay import NginxRelay

__all__ = ["LocalPlace", "NginxRelay", "RemotePlace"]
