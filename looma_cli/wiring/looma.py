"""All use cases of one command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from looma_cli import settings as settings_module
from looma_cli.settings import Settings, data_directory
from looma_cli.wiring.timers import scheduled_run

if TYPE_CHECKING:
    from looma_cli.adapters.repository.readiness import BackupReadiness
    from looma_cli.model.schedule import Schedule, ScheduledRun
    from looma_cli.usecases.backups import BackupUseCases
    from looma_cli.usecases.context import Context
    from looma_cli.usecases.core import CoreUseCases
    from looma_cli.usecases.doctor import DoctorUseCases
    from looma_cli.usecases.draining import DrainUseCases
    from looma_cli.usecases.due import DueBackups
    from looma_cli.usecases.editions import EditionUseCases
    from looma_cli.usecases.evacuating import EvacuateUseCases
    from looma_cli.usecases.fleet import FleetUseCases
    from looma_cli.usecases.health import HealthUseCases
    from looma_cli.usecases.hosts import HostUseCases
    from looma_cli.usecases.images import ImageUseCases
    from looma_cli.usecases.moving import MoveUseCases
    from looma_cli.usecases.operations import OperationUseCases
    from looma_cli.usecases.porting import PortingUseCases
    from looma_cli.usecases.rehearsing import RehearsalUseCases
    from looma_cli.usecases.resources import NetworkUseCases, PortUseCases
    from looma_cli.usecases.restoring import RestoreUseCases
    from looma_cli.usecases.saved_plans import SavedPlanUseCases
    from looma_cli.usecases.schedules import ScheduleUseCases
    from looma_cli.usecases.stacks import StackUseCases
    from looma_cli.usecases.state import StateUseCases
    from looma_cli.usecases.status import StatusUseCases
    from looma_cli.usecases.switching import SwitchUseCases
    from looma_cli.usecases.tenants import TenantUseCases
    from looma_cli.usecases.upgrading import UpgradeUseCases


class Looma:
    """All use cases of one command; each attribute is one noun."""

    def __init__(self, settings: Settings, context: Context, world: Any, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self._context = context
        self._world = world
        self._environment = environment

    def close(self) -> None:
        """Give back what the command has opened on other machines. Idempotent."""
        self._world.close()

    @cached_property
    def tenants(self) -> TenantUseCases:
        from looma_cli.usecases.tenants import TenantUseCases

        return TenantUseCases(self._context)

    @cached_property
    def stacks(self) -> StackUseCases:
        from looma_cli.usecases.stacks import StackUseCases

        return StackUseCases(self._context)

    @cached_property
    def operations(self) -> OperationUseCases:
        from looma_cli.usecases.operations import OperationUseCases

        return OperationUseCases(self._context)

    @cached_property
    def health(self) -> HealthUseCases:
        from looma_cli.usecases.health import HealthUseCases

        return HealthUseCases(self._context)

    @cached_property
    def status(self) -> StatusUseCases:
        from looma_cli.usecases.status import StatusUseCases

        return StatusUseCases(self._context, self.health, self.operations)

    @cached_property
    def hosts(self) -> HostUseCases:
        from looma_cli.usecases.hosts import HostUseCases

        return HostUseCases(self._context)

    @cached_property
    def ports(self) -> PortUseCases:
        from looma_cli.usecases.resources import PortUseCases

        return PortUseCases(self._context)

    @cached_property
    def networks(self) -> NetworkUseCases:
        from looma_cli.usecases.resources import NetworkUseCases

        return NetworkUseCases(self._context)

    @cached_property
    def editions(self) -> EditionUseCases:
        from looma_cli.usecases.editions import EditionUseCases

        return EditionUseCases(self._context)

    @cached_property
    def images(self) -> ImageUseCases:
        from looma_cli.usecases.images import ImageUseCases

        return ImageUseCases(self._context, _image_builder)

    @cached_property
    def backups(self) -> BackupUseCases:
        from looma_cli.usecases.backups import BackupUseCases

        return BackupUseCases(self._context)

    @cached_property
    def porting(self) -> PortingUseCases:
        from looma_cli.adapters.archive import TarArchives
        from looma_cli.usecases.porting import PortingUseCases

        return PortingUseCases(self._context, self.backups, self.restores, TarArchives(self.settings.home / "tmp"))

    @cached_property
    def due_backups(self) -> DueBackups:
        from looma_cli.usecases.due import DueBackups

        return DueBackups(self._context)

    @cached_property
    def schedules(self) -> ScheduleUseCases:
        from looma_cli.usecases.schedules import ScheduleUseCases

        return ScheduleUseCases(self._context, self._world.scheduler, self._scheduled_run)

    def _scheduled_run(self, schedule: Schedule) -> ScheduledRun:
        with self._world.store.read() as state:
            installation = state.installation()
        return scheduled_run(schedule, self.settings, installation, self._environment)

    @cached_property
    def restores(self) -> RestoreUseCases:
        from looma_cli.usecases.restoring import RestoreUseCases

        return RestoreUseCases(self._context, self.backups)

    @cached_property
    def switches(self) -> SwitchUseCases:
        from looma_cli.usecases.switching import SwitchUseCases

        return SwitchUseCases(self._context)

    @cached_property
    def rehearsals(self) -> RehearsalUseCases:
        from looma_cli.usecases.rehearsing import RehearsalUseCases

        return RehearsalUseCases(self._context, self.backups, self.switches, self.operations)

    @cached_property
    def moves(self) -> MoveUseCases:
        from looma_cli.usecases.moving import MoveUseCases

        return MoveUseCases(self._context)

    @cached_property
    def drains(self) -> DrainUseCases:
        from looma_cli.usecases.draining import DrainUseCases

        return DrainUseCases(self._context, self.health, self.operations)

    @cached_property
    def evacuations(self) -> EvacuateUseCases:
        from looma_cli.usecases.evacuating import EvacuateUseCases

        return EvacuateUseCases(self._context, self.health)

    @cached_property
    def upgrades(self) -> UpgradeUseCases:
        from looma_cli.usecases.upgrading import UpgradeUseCases

        return UpgradeUseCases(self._context)

    @cached_property
    def saved_plans(self) -> SavedPlanUseCases:
        from looma_cli.adapters.plan_file import JsonPlanFiles
        from looma_cli.usecases.saved_plans import SavedPlanUseCases

        return SavedPlanUseCases(self._context, self.switches, self.upgrades, JsonPlanFiles())

    @cached_property
    def fleet(self) -> FleetUseCases:
        from looma_cli.usecases.fleet import FleetUseCases

        return FleetUseCases(self._context, self.health, self.operations)

    @cached_property
    def core(self) -> CoreUseCases:
        from looma_cli.usecases.core import CoreUseCases

        return CoreUseCases(self._context, self.tenants, self.status)

    @cached_property
    def state(self) -> StateUseCases:
        from looma_cli.usecases.state import StateUseCases

        return StateUseCases(self._context, _location(self.settings, self._world))

    @cached_property
    def doctor(self) -> DoctorUseCases:
        from looma_cli.usecases.doctor import DoctorUseCases

        setup = f"sudo sh {settings_module.PACKAGE / 'setup' / 'engine.sh'}"
        return DoctorUseCases(self._context, self.settings.home, setup, _missing_local_images, self._backup_readiness, self.schedules)

    @property
    def _backup_readiness(self) -> BackupReadiness:
        from looma_cli.adapters.repository.readiness import BackupReadiness

        named = self.settings.backup_passphrase_file
        return BackupReadiness(Path(named or self.settings.home / "backup.passphrase"), named is None, {**os.environ, **self._environment})


def _image_builder() -> Any:
    from looma_cli.adapters.images import ImageBuilder

    return ImageBuilder(data_directory("templates"), os.environ)


def _missing_local_images() -> list[str]:
    builder = _image_builder()
    return [specification.name for specification in builder.specifications() if not builder.present(specification)]


def _location(settings: Settings, world: Any) -> dict[str, str]:
    home = Path(settings.home)
    key = settings.secret_key_file or home / "secret.key"
    return {"home": str(home), "database": world.store.url, "stacks": str(home / "stacks"), "secret_key": str(key)}
