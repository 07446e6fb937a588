"""The plan of ``tenant upgrade`` and ``tenant rollback``: another release of the same edition, the app layer only.

Rule: the new app layer starts on the same data layer beside the old one, is proven and routed, and the old one is drained and removed;
nothing is frozen. Before the pivot a failure removes what is new.
"""

from __future__ import annotations

from collections.abc import Sequence

from looma_cli.errors import NotAllowed, NotFound
from looma_cli.model.codec import encode
from looma_cli.model.edition import Edition
from looma_cli.model.operation import Operation, Plan
from looma_cli.model.switch import Room
from looma_cli.model.tenant import LayerReference, Tenant
from looma_cli.plan.create import Held, components_of, image_references, reserve_edge
from looma_cli.plan.lifecycle import require
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.replacing import Layers, change_over, drained, new_holdings, next_generations
from looma_cli.plan.switch import app_steps, refuse_no_room, taken_ports
from looma_cli.steps.generations import ChangeGeneration, ForgetLayers, RemoveLayerFiles, ReserveGeneration
from looma_cli.steps.layers import PullImages, RemoveLayer, RenderStack, SettleFiles
from looma_cli.steps.routes import EnsureEdge

UPGRADE, ROLLBACK = "tenant.upgrade", "tenant.rollback"


def plan_upgrade(
    kind: str,
    release: str,
    tenant: Tenant,
    edition: Edition,
    room: Room,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    left: Sequence[LayerReference],
    registry: str,
    edge_image: str,
    support_images: Sequence[str],
) -> Plan:
    """Raises NotFound (release), NotAllowed (status, the same release), Conflict (no room), NoFreePorts, NoFreeSubnet."""
    require(tenant, "running", "suspended", verb="an upgrade")
    _refuse_release(tenant, edition, release)
    name, host = tenant.name, tenant.host
    components = components_of(edition, tenant.profile)
    changes = {"release": release}
    _, app = next_generations(tenant, left)
    layers: Layers = [["app", app]]
    old: Layers = [["app", tenant.app_generation]]
    after = tenant.at(layers, changes)
    refuse_no_room(tenant, components, layers, room)
    rows, subnets = new_holdings(after, layers, components, seen, held, limits)
    services = [one for one in components if one.layer == "app"]
    references = [*image_references(after, services, edition, registry), *support_images]
    mode = "suspended" if tenant.status == "suspended" else "serving"
    steps = [
        ReserveGeneration(name, layers, encode(rows), encode(subnets)).planned("a new app layer beside the old"),
        *reserve_edge(name, host, held, taken_ports(held, seen, rows), limits, keep=True),
        EnsureEdge(name, host, edge_image).planned("every tenant is reached through it"),
        RenderStack(name, layers, True, seen.start_interval, changes=changes).planned("of the new release"),
        PullImages(name, host, references, tenant.images == "local").planned("before anything is started"),
        *app_steps(tenant, edition, after, layers, changes),
        change_over(tenant, tenant.data_generation, app, changes, {"release": tenant.release}),
    ]
    pivot = len(steps) - 1
    steps += [
        *drained(tenant, mode),
        RemoveLayer(name, "app", tenant.app_generation, host).planned("nobody asks it any more"),
        RemoveLayerFiles(name, old).planned("nothing is left behind"),
        ForgetLayers(name, old).planned("last, so that a resume finds everything"),
        SettleFiles(name).planned("the old files are not needed any more"),
    ]
    new, gone = after.layer("app").project, tenant.layer("app").project
    lines = (f"~ {name}: {edition.name} {tenant.release} -> {release}", f"+ {new}", f"- {gone}")
    return Plan(kind, name, tuple(steps), pivot, lines, _warnings(tenant, edition, release))


def _refuse_release(tenant: Tenant, edition: Edition, release: str) -> None:
    if release not in edition.releases:
        raise NotFound(f"edition {edition.name} has no release {release!r}", f"it has {', '.join(edition.releases)}")
    if release == tenant.release:
        raise NotAllowed(f"tenant {tenant.name} runs release {release} already", f"looma edition show {edition.name} lists the others")


def _warnings(tenant: Tenant, edition: Edition, release: str) -> tuple[str, ...]:
    """Data that a newer release has migrated stay as they are."""
    older = edition.releases.index(release) < edition.releases.index(tenant.release) if tenant.release in edition.releases else False
    return (f"{release} is older than {tenant.release}: what {tenant.release} did to the data stays",) if older else ()


def release_before(tenant: Tenant, operations: Sequence[Operation]) -> str:
    """The release that the tenant had before its last change of release, from its operations, newest first. Raises NotAllowed where there
    was none since it came to its edition."""
    for operation in operations:
        if operation.status != "done" or operation.kind not in (UPGRADE, ROLLBACK, "edition.switch", "edition.rollback"):
            continue
        change = next(step.params for step in operation.plan.steps if step.name == ChangeGeneration.name)
        if change["changes"]["release"] != tenant.release:
            continue
        if operation.kind not in (UPGRADE, ROLLBACK):
            break
        return str(change["previous"]["release"])
    raise NotAllowed(
        f"tenant {tenant.name} has had no other release of {tenant.edition}",
        f"looma tenant upgrade {tenant.name} --release R, or looma edition rollback {tenant.name}",
    )
