"""LoomaCRM's own platform stack: one tenant-like stack per host, by the same machinery."""

from __future__ import annotations

from looma_cli.errors import AlreadyExists, NotFound
from looma_cli.model.operation import Plan
from looma_cli.model.requests import CreateRequest
from looma_cli.model.tenant import Tenant
from looma_cli.usecases.context import LOCAL, Context
from looma_cli.usecases.requested import PLATFORM_NAME
from looma_cli.usecases.status import FleetStatus, StatusUseCases
from looma_cli.usecases.tenants import TenantUseCases


class CoreUseCases:
    def __init__(self, context: Context, tenants: TenantUseCases, status: StatusUseCases) -> None:
        self._world = context.world
        self._tenants = tenants
        self._status = status

    def up(self, *, profile: str = "lite", host: str | None = None, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        """Have the platform running on a host; a stopped one is started again."""
        name = core_name(host or LOCAL)
        with self._world.store.read() as state:
            known = state.tenant(name) if state.has_tenant(name) else None
        if known is not None and not known.platform:
            raise AlreadyExists(f"{name} is a customer's tenant, not the platform", f"looma tenant show {name}")
        status = known.status if known else None
        if status in ("stopped", "failed"):
            return self._tenants.start(name, dry_run=dry_run, wait_seconds=wait_seconds)
        request = CreateRequest(name, self._edition(), host=host, profile=profile, display_name="LoomaCRM")
        return self._tenants.create(request, platform=True, dry_run=dry_run, wait_seconds=wait_seconds)

    def down(self, *, host: str | None = None, volumes: bool = False, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        """Stop the platform, its data kept; with ``volumes`` remove it with its data. Raises NotFound where it never was."""
        name = self._existing(host)
        if volumes:
            return self._tenants.delete(name, backup=False, dry_run=dry_run, wait_seconds=wait_seconds)
        return self._tenants.stop(name, dry_run=dry_run, wait_seconds=wait_seconds)

    def status(self, *, host: str | None = None, live: bool = False) -> FleetStatus:
        return self._status.tenant(self._existing(host), live)

    def _existing(self, host: str | None) -> str:
        name = core_name(host or LOCAL)
        with self._world.store.read() as state:
            if not state.has_tenant(name) or not state.tenant(name).platform:
                raise NotFound(f"the platform is not on host {host or LOCAL}", "looma core up starts it")
        return name

    def _edition(self) -> str:
        """The one manifest of kind platform: no code names it."""
        return next(edition.name for edition in self._world.catalog.editions() if edition.kind == "platform")


def core_name(host: str) -> str:
    """The platform's tenant name on a host; tenants of customers may not begin like this."""
    return PLATFORM_NAME if host == LOCAL else f"{PLATFORM_NAME}-{host}"
