"""TOUCH: machines beside their engines. ``local`` is this one, others are reached over SSH."""

from looma_cli.adapters.hosts.local import LocalHost
from looma_cli.adapters.hosts.remote import RemoteHost
from looma_cli.adapters.hosts.tables import address_of

__all__ = ["LocalHost", "RemoteHost", "address_of"]
