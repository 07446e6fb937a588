"""TOUCH: datastores, by programs in their containers. One folder per driver."""

from __future__ import annotations

from importlib import import_module

from looma_cli.errors import NotFound
from looma_cli.model.edition import Component
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Datastore, Engine

SECRET = "$(secret."
SECRETS = "/run/secrets"  # where the renderer delivers them
DRIVERS = {"mysql": "MysqlDatastore", "postgresql": "PostgresqlDatastore", "redis": "RedisDatastore", "volume": "VolumeDatastore"}


def open_datastore(engine: Engine, workload: Workload, component: Component) -> Datastore:
    """The driver that the component's file names, for its container. Raises NotFound for a component that is not backed up."""
    driver = component.backup.get("driver", "none")
    if driver not in DRIVERS:
        raise NotFound(f"{component.name} is not backed up", "its component file says how: backup: {driver: ...}")
    settings = {name: _resolved(text) for name, text in component.backup.items()}
    return getattr(import_module(f"{__name__}.{driver}"), DRIVERS[driver])(engine, workload, settings)


def _resolved(text: str) -> str:
    """``$(secret.NAME)`` as the path of that secret's file in the container."""
    return f"{SECRETS}/{text.removeprefix(SECRET).removesuffix(')')}" if text.startswith(SECRET) else text
