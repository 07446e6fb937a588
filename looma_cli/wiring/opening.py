"""From settings to all that one command needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from looma_cli import settings as settings_module
from looma_cli.settings import port_range, subnet_pool
from looma_cli.wiring.looma import Looma
from looma_cli.wiring.timers import place
from looma_cli.wiring.world import RealWorld

if TYPE_CHECKING:
    from looma_cli.model.reporting import Reporter


def open_looma(
    flags: Mapping[str, Any],
    reporter: Reporter,
    *,
    environment: Mapping[str, str] | None = None,
    world: Any = None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> Looma:
    """Everything for one command. Raises InvalidValue for a bad setting; touches nothing else."""
    from looma_cli.plan.observation import Limits
    from looma_cli.usecases.context import Children, Context

    environment = os.environ if environment is None else environment
    settings = settings_module.load(flags, environment)
    children = Children()
    workers = None
    if world is None:
        world = RealWorld(settings, children)
        workers = world.workers
    limits = Limits(
        port_range(settings.port_range),
        port_range(settings.public_port_range),
        subnet_pool(settings.subnet_pool),
        settings.edge_http_port,
        settings.edge_https_port,
    )
    context = Context(
        world,
        reporter,
        limits,
        settings.images,
        settings.registry,
        settings.address,
        settings.placement,
        children,
        stop_requested,
        workers=workers,
        backup_repository=place(settings.backup_repository or str(settings.home / "backups")),
        backup_copy=place(settings.backup_copy) if settings.backup_copy else None,
        backup_copy_prune=settings.backup_copy_prune,
    )
    return Looma(settings, context, world, environment)
