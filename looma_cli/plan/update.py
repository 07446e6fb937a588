"""The plan of `tenant update`: a changed hostname, setting, profile, certificate or override, applied in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from looma_cli.errors import NotAllowed
from looma_cli.model.codec import encode
from looma_cli.model.edition import Edition
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.requests import UNSET, UpdateRequest
from looma_cli.model.tenant import Certificate, Tenant
from looma_cli.plan.create import Held, allocations_of, components_of, image_references
from looma_cli.plan.lifecycle import require
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.ports import choose_ports, wanted_ports
from looma_cli.steps.layers import PullImages, PutBackLayer, RenderStack, SettleFiles, StartLayer
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
    changes: Mapping[str, Any],
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    registry: str,
    support_images: list[str],
) -> Plan:
    """Change the record, render, start what changed, prove, route. A failure puts record, files, containers and route back."""
    require(tenant, "running", "stopped", "created", "suspended", verb="update")
    changes = {**changes, "updated_at": seen.now.isoformat()}
    previous = {name: encode(tenant)[name] for name in changes}
    profile = changes.get("profile", tenant.profile)
    added, secrets = _added_ports(tenant, edition, profile, seen, held, limits)
    layers = [["data", tenant.data_generation], ["app", tenant.app_generation]]
    up = tenant.status in ("running", "suspended")
    references = [*image_references(tenant, components_of(edition, profile), edition, registry), *support_images]
    change = [ChangeTenant(tenant.name, changes, previous, secrets).planned("update asked for")]
    if added:
        change.append(
            Reallocate(tenant.name, encode(tenant.ports), encode([*tenant.ports, *added])).planned("the profile has more components")
        )
    render = RenderStack(tenant.name, layers, False, seen.start_interval).planned("settings, profile or override may have changed")
    routed = [PutBackRoute(tenant.name, tenant.host).planned("for the way back")] if tenant.status == "stopped" else []
    steps = [*(_guards(tenant) if up else routed), *change, render]
    if up:
        steps += [PullImages(tenant.name, tenant.host, references, tenant.images == "local").planned("the stack's images"), *_apply(tenant)]
    if routed:
        steps.append(ApplyRoute(tenant.name, tenant.host, "stopped", False).planned("hostname or certificate may have changed"))
    steps.append(SettleFiles(tenant.name).planned("the old files are not needed any more"))
    lines = [f"~ {name}" for name in sorted(changes) if name != "updated_at"] or [
        "~ rendered files, where templates or override.yaml changed"
    ]
    return Plan("tenant.update", tenant.name, tuple(steps), len(steps) - 1, tuple(lines))


def _guards(tenant: Tenant) -> list[PlannedStep]:
    """Steps that only undo: newest first they run last, when record and files are as they were."""
    name, host, reason = tenant.name, tenant.host, "for the way back"
    return [
        PutBackRoute(name, host).planned(reason),
        PutBackLayer(name, "app", tenant.app_generation, host).planned(reason),
        PutBackLayer(name, "data", tenant.data_generation, host).planned(reason),
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


def _added_ports(
    tenant: Tenant, edition: Edition, profile: str, seen: HostObservation, held: Held, limits: Limits
) -> tuple[list[Any], list[str]]:
    """Allocations and secrets of components that a larger profile adds. Raises NotAllowed where a smaller one would drop data."""
    before = {c.name for c in edition.of_profile(tenant.profile)}
    after = components_of(edition, profile)
    dropped = before - {c.name for c in after}
    if dropped:
        raise NotAllowed(
            f"profile {profile} has no {', '.join(sorted(dropped))}: their data would be lost", "create another tenant with that profile"
        )
    fresh = [c for c in after if c.name not in before]
    if not fresh:
        return [], []
    chosen = choose_ports(wanted_ports(fresh), held.ports | seen.listening, tenant.port_policy, limits.port_range)
    state = "bound" if tenant.status in ("running", "suspended") else "reserved"
    return [replace(row, state=state) for row in allocations_of(tenant, chosen)], sorted({secret for c in fresh for secret in c.secrets})
