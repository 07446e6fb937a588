"""The plan of `tenant update`: a changed hostname, setting, profile, certificate or override, applied in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from looma_cli.errors import NotAllowed, SubnetTaken
from looma_cli.model.codec import encode
from looma_cli.model.edition import Component, Edition
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.requests import UNSET, UpdateRequest
from looma_cli.model.tenant import Certificate, Tenant
from looma_cli.plan.create import Held, components_of
from looma_cli.plan.lifecycle import layers_of, plan_start, pull_images, require
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.reallocate import Refused, added_ports, moved_ports
from looma_cli.steps.guards import PutBackStack, RemoveNewVolumes
from looma_cli.steps.layers import RenderStack, SettleFiles, StartLayer
from looma_cli.steps.routes import ApplyRoute, CheckRoute, PutBackRoute
from looma_cli.steps.tenants import ChangeTenant, Reallocate
from looma_cli.steps.waiting import AwaitHealthy


def changed_fields(tenant: Tenant, request: UpdateRequest, certificate: Certificate | None) -> dict[str, Any]:
    """The fields of the record that the request changes, JSON-safe; those that already are so are left out."""
    settings = {k: v for k, v in tenant.settings.items() if k not in request.unset} | dict(request.settings)
    wanted: dict[str, Any] = {"settings": settings}
    if request.hostname is not UNSET:
        wanted["hostname"] = request.hostname
    if request.display_name is not UNSET:
        wanted["display_name"] = request.display_name
    if request.profile is not UNSET:
        wanted["profile"] = request.profile
    if request.tls_certificate is not UNSET:
        wanted["certificate"] = encode(certificate)
    now = encode(tenant)
    return {name: value for name, value in wanted.items() if value != now[name]}


def plan_update(
    tenant: Tenant,
    edition: Edition,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    changes: Mapping[str, Any],
    registry: str,
    support_images: list[str],
    volumes: Sequence[str] = (),
    refused: Refused = (),
) -> Plan:
    """Change the record, render, start what changed, prove, route. A failure puts record, files, containers and route back, and removes
    the volumes that are not among ``volumes``, the names of those that the tenant has now."""
    require(tenant, "running", "stopped", "created", "suspended", verb="update")
    components = components_of(edition, changes.get("profile", tenant.profile))
    change = record_steps(tenant, edition, changes, seen, held, limits, refused)
    render = RenderStack(tenant.name, layers_of(tenant), False, seen.start_interval)
    change.append(render.planned("settings, profile or override may have changed"))
    if tenant.status in ("running", "suspended"):
        images = pull_images(tenant, components, edition, registry, support_images)
        steps = [images, *_guards(tenant, volumes), *change, *_apply(tenant)]
    elif tenant.status == "stopped":
        route = ApplyRoute(tenant.name, tenant.host, "stopped", False).planned("hostname or certificate may have changed")
        steps = [PutBackRoute(tenant.name, tenant.host).planned("for the way back"), *change, route]
    else:
        steps = change
    steps.append(SettleFiles(tenant.name).planned("the old files are not needed any more"))
    return Plan("tenant.update", tenant.name, tuple(steps), len(steps) - 1, tuple(changed_lines(changes)))


def changed_lines(changes: Mapping[str, Any]) -> list[str]:
    return [f"~ {name}" for name in sorted(changes)] or ["~ rendered files, where templates or override.yaml changed"]


def record_steps(
    tenant: Tenant, edition: Edition, changes: Mapping[str, Any], seen: HostObservation, held: Held, limits: Limits, refused: Refused
) -> list[PlannedStep]:
    """Steps on the state: the record's fields, and the ports of components that come with them or were ``refused``.

    Raises NotAllowed where a smaller profile would drop data, Conflict, NoFreePorts.
    """
    components = components_of(edition, changes.get("profile", tenant.profile))
    fresh = _fresh_components(tenant, edition, components)
    changes = {**changes, "updated_at": seen.now.isoformat()}
    previous = {name: encode(tenant)[name] for name in changes}
    secrets = sorted({secret for component in fresh for secret in component.secrets})
    change = ChangeTenant(tenant.name, changes, previous, secrets).planned("update asked for")
    moved = moved_ports(tenant, components, seen, held, limits, refused)
    if fresh and not moved:
        ports = [*tenant.ports, *added_ports(tenant, fresh, seen, held, limits)]
        moved = [Reallocate(tenant.name, encode(tenant.ports), encode(ports)).planned("the profile has more components")]
    return [change, *moved]


def _fresh_components(tenant: Tenant, edition: Edition, after: Sequence[Component]) -> list[Component]:
    """Those that the tenant does not have yet. Raises NotAllowed where ``after`` lacks one that it has."""
    before = {component.name for component in edition.of_profile(tenant.profile)}
    dropped = before - {component.name for component in after}
    if dropped:
        raise NotAllowed(
            f"the profile asked for has no {', '.join(sorted(dropped))}: their data would be lost",
            "create another tenant with that profile",
        )
    return [component for component in after if component.name not in before]


def _guards(tenant: Tenant, volumes: Sequence[str]) -> list[PlannedStep]:
    """Steps that only undo: newest first they run last, when record and files are as they were."""
    name, host, reason = tenant.name, tenant.host, "for the way back"
    return [
        PutBackRoute(name, host).planned(reason),
        RemoveNewVolumes(name, host, sorted(volumes)).planned(reason),
        PutBackStack(name, host, layers_of(tenant), tenant.status).planned(reason),
    ]


def _apply(tenant: Tenant) -> list[PlannedStep]:
    name, host = tenant.name, tenant.host
    mode = "suspended" if tenant.status == "suspended" else "serving"
    steps = [
        StartLayer(name, "data", tenant.data_generation, host, "running").planned("recreates only what changed"),
        AwaitHealthy(name, "data", host).planned("services need their datastores"),
        StartLayer(name, "app", tenant.app_generation, host, "running").planned("recreates only what changed"),
        AwaitHealthy(name, "app", host).planned("no route before health"),
        ApplyRoute(name, host, mode, False).planned("hostname, certificate or ports may have changed"),
    ]
    return steps if mode == "suspended" else [*steps, CheckRoute(name, host, tenant.public_port).planned("seen from outside")]


def plan_update_and_start(
    tenant: Tenant,
    edition: Edition,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    changes: Mapping[str, Any],
    refused: Refused,
    becomes: str,
    **images: Any,
) -> Plan:
    """The update of a tenant that an earlier attempt of the same command had to leave stopped: change it and bring it back up.

    ``images`` are as for ``plan_start``; ``becomes`` is what the tenant was before: running or suspended.
    """
    require(tenant, "stopped", verb="update")
    change = record_steps(tenant, edition, changes, seen, held, limits, refused)
    after = replace(tenant, profile=changes.get("profile", tenant.profile))
    subnets = [error for error in refused if isinstance(error, SubnetTaken)]  # the ports are among ``change``
    plan = plan_start(after, edition, seen, held, limits, refused=subnets, first=change, becomes=becomes, **images)
    return replace(plan, kind="tenant.update", changes=(*changed_lines(changes), *plan.changes))
