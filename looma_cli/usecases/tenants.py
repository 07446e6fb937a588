"""The life of a tenant: one method per verb."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from looma_cli.errors import AlreadyExists, InvalidValue, LoomaError
from looma_cli.model.edition import Edition
from looma_cli.model.operation import Plan, attempted
from looma_cli.model.protocols import State
from looma_cli.model.requests import CreateRequest, UpdateRequest
from looma_cli.model.tenant import Certificate, PortDetail, Tenant
from looma_cli.plan.create import Held, plan_create, resolve_release
from looma_cli.plan.lifecycle import plan_restart, plan_resume, plan_route, plan_start, plan_stop, plan_suspend
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.reallocate import Refused
from looma_cli.plan.update import changed_fields, plan_update, plan_update_and_start
from looma_cli.usecases.batches import Batch, BatchResult, Row
from looma_cli.usecases.changing import Decide, change
from looma_cli.usecases.context import Context, Look, held_on, host_record, observe_host
from looma_cli.usecases.placing import Placer, Reserve
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.requested import (
    differences,
    refuse_deployed,
    refuse_interrupted,
    refuse_platform_name,
    requested_certificate,
    seal_certificate,
)
from looma_cli.usecases.stacks import refuse_broken_override


class TenantUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    # looking
    def list(self, host: str | None = None, *, ports: PortDetail = "whole") -> list[Tenant]:
        """Raises NotFound for an unknown host."""
        if host is not None:
            host_record(self._context, host)
        with self._world.store.read() as state:
            return [tenant for tenant in state.tenants(ports=ports) if host in (None, tenant.host)]

    def show(self, name: str) -> Tenant:
        with self._world.store.read() as state:
            return state.tenant(name)

    # creating
    def create(
        self,
        request: CreateRequest,
        *,
        platform: bool = False,
        dry_run: bool = False,
        wait_seconds: float = 0,
        look: Look = observe_host,
        placer: Placer | None = None,
    ) -> Tenant | Plan:
        """Allocate, render, start, prove, route. Made again with the same arguments it does what is missing.

        Raises NotFound, Conflict (AlreadyExists with other arguments), NoRoom, NoFreePorts, NoFreeSubnet, ImageUnavailable,
        OperationFailed.
        """
        edition = self._world.catalog.edition(request.edition)
        resolve_release(edition, request.release)
        if not platform:
            self._refuse_platform(edition.kind, edition.name)
            refuse_platform_name(request.name)
        existing = self._existing(request)
        if existing is not None:
            return self._create_again(existing, request, dry_run, wait_seconds)
        certificate = seal_certificate(self._context, request.tls_certificate, request.tls_key, dry_run=dry_run)

        def create_on(host: str, reserve: Reserve) -> Plan | None:
            def attempt(refused: Refused) -> Plan | None:
                seen = look(self._context, host, engine=request.start)
                if request.start:
                    self._refuse_lost(host, request.name)

                def decide(state: State) -> Plan | None:
                    if state.has_tenant(request.name):
                        return None  # another process was faster, while this one looked or waited
                    images = {**self._images(), "certificate": certificate, "reservation": reserve(state)}
                    return plan_create(request, edition, seen, held_on(state, host), self._context.limits, **images)

                return change(self._context, request.name, "tenant.create", host, decide, dry_run=dry_run, wait_seconds=wait_seconds)

            return replanning(self._context, host, attempt)

        plan = (placer or Placer(self._context)).create(request, edition, create_on, platform=platform)
        if plan is None:
            return self._create_again(self.show(request.name), request, dry_run, wait_seconds)
        return plan if dry_run else self.show(request.name)

    def _refuse_lost(self, host: str, name: str) -> None:
        """A stack that the state knows is being created by somebody at this moment: `change` says by whom."""
        try:
            refuse_deployed(self._world.engine(host), name)
        except AlreadyExists:
            with self._world.store.read() as state:
                if not state.has_tenant(name):
                    raise

    def create_many(self, rows: Iterable[Row], *, start: bool = True) -> Iterator[BatchResult]:
        """Create each; a bad line is reported and the next one tried. See Batch."""
        return Batch(self._context, _create, rows).run(start=start)

    def _existing(self, request: CreateRequest) -> Tenant | None:
        with self._world.store.read() as state:
            if not state.has_tenant(request.name):
                return None
            refuse_interrupted(self._context, state, request.name)
            if state.open_operation(request.name) is not None:
                return None  # somebody alive works on it: `change` says who, or waits
            return state.tenant(request.name)

    def _create_again(self, tenant: Tenant, request: CreateRequest, dry_run: bool, wait_seconds: float) -> Tenant | Plan:
        other = differences(tenant, request, self._context.images)
        if other:
            raise AlreadyExists(
                f"tenant {tenant.name} exists with another {', '.join(other)}", f"looma tenant show {tenant.name}", differences=other
            )
        if tenant.status == "created" and request.start:
            return self.start(tenant.name, dry_run=dry_run, wait_seconds=wait_seconds)
        if dry_run:
            return Plan("tenant.create", tenant.name, (), 0, (), (f"tenant {tenant.name} exists and is {tenant.status}: nothing to do",))
        if tenant.status not in ("running", "created"):
            verb = "resume" if tenant.status == "suspended" else "start"
            raise AlreadyExists(f"tenant {tenant.name} exists and is {tenant.status}", f"looma tenant {verb} {tenant.name}")
        return tenant

    def _refuse_platform(self, kind: str, name: str) -> None:
        if kind == "platform":
            raise InvalidValue(f"{name} is the provider's own platform, no edition for tenants", "looma core up starts it")

    def _images(self) -> dict[str, Any]:
        images = self._context.images
        return {
            "images": images,
            "registry": self._context.registry,
            "edge_image": self._context.edge_image(images),
            "support_images": self._context.support_images(images),
        }

    # verbs
    def start(self, name: str, *, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        tenant = self.show(name)
        refuse_broken_override(self._context, tenant)

        def attempt(refused: Refused) -> Plan | None:
            return self._change(tenant, "tenant.start", self._start_decision(tenant, refused), dry_run, wait_seconds)

        plan = replanning(self._context, tenant.host, attempt, keep=tenant.public_port)
        return plan if dry_run and plan else self.show(name)

    def stop(self, name: str, *, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        return self._simple(name, "tenant.stop", lambda t: None if t.status == "stopped" else plan_stop(t), dry_run, wait_seconds)

    def suspend(self, name: str, *, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        def plan(t: Tenant) -> Plan | None:
            return None if t.status == "suspended" else plan_suspend(t, self._edge(t))

        return self._simple(name, "tenant.suspend", plan, dry_run, wait_seconds)

    def resume(self, name: str, *, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        def plan(t: Tenant) -> Plan | None:
            return None if t.status == "running" else plan_resume(t, self._edge(t))

        return self._simple(name, "tenant.resume", plan, dry_run, wait_seconds)

    def restart(self, name: str, *, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        tenant = self.show(name)
        refuse_broken_override(self._context, tenant)

        def attempt(refused: Refused) -> Plan | None:
            return self._change(tenant, "tenant.restart", self._restart_decision(tenant, refused), dry_run, wait_seconds)

        plan = replanning(self._context, tenant.host, attempt, keep=tenant.public_port)
        return plan if dry_run and plan else self.show(name)

    def update(self, request: UpdateRequest, *, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        """Apply what is asked for, and templates or an ``override.yaml`` that changed. Nothing but the record for a stopped tenant."""
        tenant = self.show(request.name)
        refuse_broken_override(self._context, tenant)
        certificate = requested_certificate(self._context, request, dry_run=dry_run)

        def attempt(refused: Refused) -> Plan | None:
            decide = self._update_decision(tenant, request, certificate, refused)
            return self._change(tenant, "tenant.update", decide, dry_run, wait_seconds)

        plan = replanning(self._context, tenant.host, attempt, keep=tenant.public_port)
        return plan if dry_run and plan else self.show(request.name)

    def delete(self, name: str, *, backup: bool, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        """Remove the tenant with its data, after a last backup of it. Raises BackupFailed, the tenant serving again."""
        from looma_cli.plan.backups import NewBackup, stores_of  # much that no other verb needs
        from looma_cli.plan.delete import plan_delete
        from looma_cli.usecases.backups import data_up, left_layers, moved_away, new_backup_id

        tenant = self.show(name)
        last = NewBackup(new_backup_id(), self._context.backup_location(name)) if backup else None

        def attempt(refused: Refused) -> Plan | None:
            seen = observe_host(self._context, tenant.host, engine=True) if refused else None

            def decide(state: State) -> Plan:
                now = state.tenant(name)
                stores = stores_of(now, self._world.catalog.edition(now.edition)) if backup else []
                up = backup and data_up(self._world, now)
                first = moved_away(self._context, state, now, seen, refused) if seen and not up else []
                return plan_delete(now, backup=last, stores=stores, kept=left_layers(state, name), up=up, first=first)

            return self._change(tenant, "tenant.delete", decide, dry_run, wait_seconds)

        try:
            plan = replanning(self._context, tenant.host, attempt, keep=tenant.public_port)
        except LoomaError as error:
            if backup:
                self._hint_at_no_backup(name, error)
            raise
        return plan if dry_run and plan else tenant

    def _hint_at_no_backup(self, name: str, error: LoomaError) -> None:
        """How to delete all the same, where it was the last backup that failed."""
        from looma_cli.plan.delete import SAVING

        with self._world.store.read() as state:
            operation = next((one for one in state.operations(tenant=name) if one.id == error.details.get("operation")), None)
        if operation is not None and operation.status == "failed" and attempted(operation) in SAVING:
            error.hint = f"{error.hint}; or without a last backup: looma tenant delete {name} --no-backup"

    # decisions
    def _start_decision(self, tenant: Tenant, refused: Refused) -> Decide:
        seen = observe_host(self._context, tenant.host, engine=True)
        engine, edge = self._world.engine(tenant.host), self._world.edge(tenant.host)
        routed = edge.running() and tenant.name in edge.routes()

        def decide(state: State) -> Plan | None:
            now = state.tenant(tenant.name)
            if now.status == "running":
                held = held_on(state, now.host)
                return None if routed else plan_route(now, self._edge(now), seen, held, self._context.limits)
            if now.status == "created":
                refuse_deployed(engine, now.name)
            return plan_start(*self._site(state, now, seen), refused=refused, edge_image=self._edge(now), **self._images_of(now))

        return decide

    def _restart_decision(self, tenant: Tenant, refused: Refused) -> Decide:
        seen = observe_host(self._context, tenant.host, engine=True)

        def decide(state: State) -> Plan:
            now = state.tenant(tenant.name)
            left_stopped = refused and now.status == "stopped"  # what the attempt before could not put back
            plan = plan_start if left_stopped else plan_restart
            return plan(*self._site(state, now, seen), refused=refused, edge_image=self._edge(now), **self._images_of(now))

        return decide

    def _update_decision(self, tenant: Tenant, request: UpdateRequest, certificate: Certificate | None, refused: Refused) -> Decide:
        up = tenant.status in ("running", "suspended")
        seen = observe_host(self._context, tenant.host, engine=up)

        def decide(state: State) -> Plan:
            now = state.tenant(request.name)
            changes, site, images = changed_fields(now, request, certificate), self._site(state, now, seen), self._images_of(now)
            if refused and up and now.status == "stopped":  # what the attempt before could not put back
                images["edge_image"] = self._edge(now)
                return plan_update_and_start(*site, changes=changes, refused=refused, becomes=tenant.status, **images)
            volumes = [volume.name for volume in self._world.engine(now.host).volumes(now.name)] if up else []
            return plan_update(*site, changes=changes, volumes=volumes, refused=refused, **images)

        return decide

    def _site(self, state: State, tenant: Tenant, seen: HostObservation) -> tuple[Tenant, Edition, HostObservation, Held, Limits]:
        """What every plan for a tenant that exists is made from."""
        return tenant, self._world.catalog.edition(tenant.edition), seen, held_on(state, tenant.host), self._context.limits

    def _images_of(self, tenant: Tenant) -> dict[str, Any]:
        return {"registry": self._context.registry, "support_images": self._context.support_images(tenant.images)}

    def _edge(self, tenant: Tenant) -> str:
        return self._context.edge_image(tenant.images)

    def _simple(self, name: str, kind: str, plan_of: object, dry_run: bool, wait_seconds: float) -> Tenant | Plan:
        tenant = self.show(name)
        plan = self._change(tenant, kind, lambda state: plan_of(state.tenant(name)), dry_run, wait_seconds)  # type: ignore[operator]
        return plan if dry_run and plan else self.show(name)

    def _change(self, tenant: Tenant, kind: str, decide: Decide, dry_run: bool, wait_seconds: float) -> Plan | None:
        plan = change(self._context, tenant.name, kind, tenant.host, decide, dry_run=dry_run, wait_seconds=wait_seconds)
        if plan is None and dry_run:
            return Plan(kind, tenant.name, (), 0, (), (f"tenant {tenant.name} is {tenant.status}: nothing to do",))
        return plan


def _create(context: Context, request: CreateRequest, look: Look, placer: Placer) -> Tenant:
    return TenantUseCases(context).create(request, look=look, placer=placer)  # type: ignore[return-value]  (without dry_run it is a tenant)
