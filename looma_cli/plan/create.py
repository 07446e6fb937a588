"""Plans that bring a tenant into being and to its feet."""

from __future__ import annotations

from collections.abc import Sequence

from looma_cli.errors import ImageUnavailable, InvalidValue, NotFound
from looma_cli.model.codec import encode
from looma_cli.model.edition import PROFILES, Component, Edition
from looma_cli.model.host import Reservation
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.requests import CreateRequest
from looma_cli.model.tenant import LOOPBACK, Allocation, Certificate, LayerReference, Subnet, Tenant
from looma_cli.plan.observation import Held, HostObservation, Limits
from looma_cli.plan.ports import Chosen, Numbers, Taken, choose_ports, free_port, wanted_ports
from looma_cli.plan.subnets import choose_subnets
from looma_cli.steps.layers import CreateLayer, PullImages, RenderStack, SettleFiles, StartLayer
from looma_cli.steps.routes import ApplyRoute, CheckRoute, EnsureEdge
from looma_cli.steps.tenants import ReserveEdgePorts, ReserveTenant, SetStatus
from looma_cli.steps.waiting import AwaitHealthy

EVERYWHERE = "0.0.0.0"
EDGE = "edge"


def resolve_release(edition: Edition, release: str | None) -> str:
    """The release asked for, or the newest. Raises NotFound."""
    if release is None:
        return edition.releases[-1]
    if release not in edition.releases:
        raise NotFound(f"edition {edition.name} has no release {release!r}", f"it has {', '.join(edition.releases)}")
    return release


def components_of(edition: Edition, profile: str) -> tuple[Component, ...]:
    """The profile's components. Raises InvalidValue for an unknown profile."""
    if profile not in PROFILES:
        raise InvalidValue(f"{profile!r} is no profile", f"choose one of {', '.join(PROFILES)}")
    return edition.of_profile(profile)


def image_references(tenant: Tenant, components: Sequence[Component], edition: Edition, registry: str) -> list[str]:
    """The images that a tenant's stack needs, placeholders resolved. Raises ImageUnavailable for a component without a local image."""
    references = []
    for component in components:
        if tenant.images == "local" and not component.image.local:
            raise ImageUnavailable(
                f"component {component.name} of edition {edition.name} has no local image",
                "use --images registry, or a profile without it (looma edition show lists them)",
            )
        template = component.image.local if tenant.images == "local" else component.image.registry
        text = (template or "").replace("$(registry)", registry).replace("$(edition)", edition.name)
        references.append(text.replace("$(service)", component.name).replace("$(release)", tenant.release))
    return sorted(set(references))


def plan_create(
    request: CreateRequest,
    edition: Edition,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    images: str,
    registry: str,
    edge_image: str,
    support_images: Sequence[str] = (),
    certificate: Certificate | None = None,
    reservation: Reservation | None = None,
) -> Plan:
    """Reserve, render, start both layers, prove them, route. The pivot is last, so that an interrupted create can be rolled back."""
    components = components_of(edition, request.profile)
    taken = set(held.ports)  # thousands, so copied once
    taken |= seen.listening
    chosen = choose_ports(wanted_ports(components), taken, request.ports, limits.port_range)
    mine = {(c.wanted.protocol, c.host_port) for c in chosen}
    taken |= mine
    public_port = free_port(Numbers(taken), limits.public_port_range, "public port")
    cidrs = choose_subnets(2, [*held.subnets, *seen.networks], limits.subnet_pool)
    tenant = _tenant(request, edition, seen, public_port, images, certificate)
    references = [*image_references(tenant, components, edition, registry), *support_images]
    steps = [_reserve(tenant, components, chosen, cidrs, reservation)]
    if request.start:
        steps += reserve_edge(tenant.name, seen.host.name, held, taken | {("tcp", public_port)}, limits)
    steps.append(RenderStack(tenant.name, [["data", 1], ["app", 1]], True, seen.start_interval).planned("new tenant"))
    if request.start:
        steps.append(PullImages(tenant.name, tenant.host, references, images == "local").planned("the stack's images"))
        steps += start_steps(tenant, "absent", edge_image, new_route=True)
        steps.append(SetStatus(tenant.name, "running", "provisioning").planned("everything answers"))
    return Plan(
        "tenant.create",
        tenant.name,
        tuple(steps),
        len(steps) - 1 if request.start else len(steps),
        tuple(_changes(tenant, components, chosen, cidrs)),
        warnings_of(edition, request.profile, seen),
    )


def reserve_edge(tenant: str, host: str, held: Held, taken: Taken, limits: Limits, *, keep: bool = False) -> list[PlannedStep]:
    """A step that reserves the edge's ports, if the host's edge has none yet: the documented ones where free, else public ones. ``keep``:
    for a tenant that needs them whatever becomes of the operation."""
    if held.edge_ports:
        return []
    busy = {port for _, port in taken}
    http = limits.edge_http_port if limits.edge_http_port not in busy else free_port(busy, limits.public_port_range, "edge port")
    busy.add(http)
    https = limits.edge_https_port if limits.edge_https_port not in busy else free_port(busy, limits.public_port_range, "edge port")
    return [ReserveEdgePorts(tenant, host, http, https, keep).planned("first route on this host")]


def start_steps(tenant: Tenant, before: str, edge_image: str, *, new_route: bool, mode: str = "serving") -> list[PlannedStep]:
    """Both layers up and proven, then routed. The app layer's containers are created while the datastores start."""
    name, host = tenant.name, tenant.host
    data, app = tenant.data_generation, tenant.app_generation
    steps = [StartLayer(name, "data", data, host, before).planned("datastores first")]
    if before == "absent":
        steps.append(CreateLayer(name, "app", app, host).planned("while the datastores start"))
    steps += [
        EnsureEdge(name, host, edge_image, new_route).planned("every tenant is reached through it"),
        AwaitHealthy(name, "data", host).planned("services need their datastores"),
        StartLayer(name, "app", app, host, before, created=before == "absent").planned("datastores are healthy"),
        AwaitHealthy(name, "app", host).planned("no route before health"),
        ApplyRoute(name, host, mode, new_route).planned("the stack is healthy"),
    ]
    return [*steps, CheckRoute(name, host, tenant.public_port).planned("seen from outside")] if mode == "serving" else steps


def _tenant(
    request: CreateRequest, edition: Edition, seen: HostObservation, public_port: int, images: str, certificate: Certificate | None
) -> Tenant:
    return Tenant(
        name=request.name,
        display_name=request.display_name or request.name,
        edition=edition.name,
        release=resolve_release(edition, request.release),
        profile=request.profile,
        host=seen.host.name,
        status="provisioning" if request.start else "created",
        hostname=request.hostname,
        public_port=public_port,
        address=seen.host.address,
        created_at=seen.now,
        updated_at=seen.now,
        port_policy=request.ports,
        images=images,
        platform=edition.kind == "platform",
        settings=dict(request.settings),
        certificate=certificate,
    )


def _reserve(
    tenant: Tenant, components: Sequence[Component], chosen: Sequence[Chosen], cidrs: Sequence[str], held: Reservation | None
) -> PlannedStep:
    rows = [*allocations_of(tenant, chosen), public_allocation(tenant)]
    subnets = [
        Subnet(tenant.host, cidr, tenant.name, layer, 1, LayerReference(tenant.name, layer, 1).project)
        for layer, cidr in zip(("data", "app"), cidrs, strict=True)
    ]
    secrets = sorted({secret for component in components for secret in component.secrets})
    size = (held.memory_bytes, held.disk_bytes, held.sequence) if held else ()
    return ReserveTenant(encode(tenant), encode(rows), encode(subnets), secrets, *size).planned("ports and subnets are free")


def allocations_of(tenant: Tenant, chosen: Sequence[Chosen]) -> list[Allocation]:
    """The loopback allocations of a stack's chosen ports, for the tenant's current generations."""
    generations = {"data": tenant.data_generation, "app": tenant.app_generation}
    return [
        Allocation(
            tenant.host, LOOPBACK, c.host_port, c.wanted.protocol, tenant.name, c.wanted.layer,
            generations[c.wanted.layer], c.wanted.component, c.wanted.container_port, c.canonical,
        )
        for c in chosen
    ]  # fmt: skip


def public_allocation(tenant: Tenant) -> Allocation:
    """The tenant's public port, held by the edge on every address through all generations."""
    return Allocation(tenant.host, EVERYWHERE, tenant.public_port, "tcp", tenant.name, EDGE, 0, EDGE, tenant.public_port, False)


def _changes(tenant: Tenant, components: Sequence[Component], chosen: Sequence[Chosen], cidrs: Sequence[str]) -> list[str]:
    ports = {}
    for c in chosen:
        ports.setdefault(c.wanted.component, []).append(f"{LOOPBACK}:{c.host_port}->{c.wanted.container_port}")
    projects = {layer: LayerReference(tenant.name, layer, 1).project for layer in ("data", "app")}
    lines = [f"+ network {project} {cidr}" for project, cidr in zip(projects.values(), cidrs, strict=True)]
    for component in components:
        project = projects[component.layer]
        lines += [f"+ volume {project}_{component.name}-{volume}" for volume in component.volumes]
        lines.append(f"+ container {project}/{component.name} {' '.join(ports.get(component.name, []))}".rstrip())
    return [*lines, f"+ route {tenant.url}" + (f" and {tenant.hostname}" if tenant.hostname else "")]


def warnings_of(edition: Edition, profile: str, seen: HostObservation) -> tuple[str, ...]:
    """What the operator should know before saying yes; the requirements are those of the full profile."""
    capacity = seen.host.capacity
    if profile == "full" and capacity and capacity.memory_bytes and capacity.memory_bytes < edition.requirements.memory_bytes:
        have, need = capacity.memory_bytes >> 20, edition.requirements.memory_bytes >> 20
        return (f"{edition.name} recommends {need} MiB of memory, {seen.host.name} has {have} MiB",)
    return ()


def settle(tenant: str) -> PlannedStep:
    return SettleFiles(tenant).planned("the old files are not needed any more")
