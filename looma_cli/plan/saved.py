"""What a saved plan was decided from, and what of it has moved since.

Rule: a saved plan is carried out exactly as it was shown, or not at all. What it was decided from must be as it was; the ports, subnets and
names that it chose must still be free, whatever else was taken around them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

from looma_cli.model.codec import encode
from looma_cli.model.edition import Edition
from looma_cli.model.operation import Plan
from looma_cli.model.saved_plan import SavedPlan
from looma_cli.model.switch import StoreSeen
from looma_cli.model.tenant import Allocation, KeptLayer, LayerReference, Subnet, Tenant
from looma_cli.plan.observation import HostObservation
from looma_cli.steps.backups import BackupStores
from looma_cli.steps.generations import ChangeGeneration, ReserveGeneration
from looma_cli.steps.layers import PullImages
from looma_cli.steps.tenants import ReserveEdgePorts

DIGEST = "sha256:"
NONE = "none"
GONE = "not on the host any more"
# what a look at the tenant or a backup of it changes, and what is said apart from the record
_VOLATILE = {"health", "checked_at", "last_backup", "last_proof", "updated_at", "ports", "subnets"}
_UNREADABLE = {"settings", "certificate"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Beside the state: what a plan is decided from. ``stores`` None: the datastores were not asked."""

    source: Edition
    target: Edition
    override: str | None
    templates: str
    looma: str
    api: tuple[int, int] | None
    registry: str
    support_images: Sequence[str]
    backups: str
    stores: Sequence[StoreSeen] | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What the state and the engine have on the tenant's host: ``layers`` are the tenant's own, ``backups`` the ids of its sets."""

    allocations: Sequence[Allocation]
    subnets: Sequence[Subnet]
    layers: Sequence[LayerReference]
    backups: Sequence[str]


def digest_of(saved: SavedPlan) -> str:
    """Over everything in it but the digest itself and its seal."""
    return _hash(replace(saved, digest="", seal=""))


def operation_of(saved: SavedPlan) -> str:
    """The id of the one operation that may ever carry it out."""
    return f"op-{saved.digest[:10]}"


def short_digest(value: Any) -> str:
    return DIGEST + _hash(value)[:16]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(encode(value), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def target_of(plan: Plan, edition: str) -> str:
    """The edition that the plan ends in; ``edition`` is the one where it begins."""
    change = next(step.params for step in plan.steps if step.name == ChangeGeneration.name)
    return str(change["changes"].get("edition", edition))


def layers_of(plan: Plan) -> list[list[Any]]:
    """The new layers, ``[[layer, generation], …]``."""
    return next(step.params["layers"] for step in plan.steps if step.name == ReserveGeneration.name)


def images_of(plan: Plan) -> list[str]:
    """References of the images that the new layers are made of."""
    return [reference for step in plan.steps if step.name == PullImages.name for reference in step.params["references"]]


# --- the basis --------------------------------------------------------------------------------------------------------


def basis_of(
    tenant: Tenant, kept: Sequence[KeptLayer], edge_ports: Mapping[str, int], installation: str, around: Surroundings
) -> dict[str, str]:
    """Name -> value as a person reads it, or short digest. No secret is in it."""
    basis = {"installation": installation, **_record(tenant)}
    basis["kept layers"] = _listed(sorted(one.reference.project for one in kept))
    basis["edge ports"] = _listed([f"{name} {port}" for name, port in sorted(edge_ports.items())])
    for edition in (around.source, around.target):
        basis[f"manifest of {edition.name}"] = short_digest(edition)
    basis["override.yaml"] = NONE if around.override is None else short_digest(around.override)
    basis["templates"] = short_digest(around.templates)
    basis["looma"] = around.looma
    basis["engine API"] = _listed(["{}.{}".format(*around.api)] if around.api else [])
    basis["image registry"] = around.registry
    basis["images of init and edge"] = _listed(around.support_images)
    basis["backup repository"] = short_digest(around.backups)
    return basis if around.stores is None else {**basis, **_stores(around.stores)}


def image_basis(ids: Mapping[str, str]) -> dict[str, str]:
    """What each name of an image means on the host: a local one may be built anew under its name, a pulled one fetched anew. One that is
    not there yet will be pulled, whatever its name means then."""
    return {f"image {reference}": id if id == GONE else id[: len(DIGEST) + 16] for reference, id in sorted(ids.items())}


def _record(tenant: Tenant) -> dict[str, str]:
    record = {}
    for name, value in encode(tenant).items():
        if name not in _VOLATILE:
            record[name.replace("_", " ")] = short_digest(value) if name in _UNREADABLE else _said(value)
    present = (tenant.layer("data"), tenant.layer("app"))
    ports = sorted(
        [p.layer, p.component, p.container_port, p.protocol, p.host_port]
        for p in tenant.ports
        if LayerReference(tenant.name, p.layer, p.generation) in present
    )
    return {**record, "ports of the present layers": short_digest(ports)}


def _stores(stores: Sequence[StoreSeen]) -> dict[str, str]:
    """Which rows would be lost is told by name alone, as ``--accept-loss`` agrees to it."""
    follow = [f"{store.name} {'follows' if store.follows else 'is copied'}" for store in stores]
    return {"datastores": _listed(follow), "left behind": _listed([store.name for store in stores if store.rows])}


def _said(value: Any) -> str:
    return NONE if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items) or NONE


# --- what moved -------------------------------------------------------------------------------------------------------


def moved(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Lines such as ``release: 1.4.1 -> 1.4.2`` and ``override.yaml changed``; what ``now`` has no word of was not asked again."""
    return [_line(name, value, now[name]) for name, value in before.items() if name in now and now[name] != value]


def _line(name: str, before: str, now: str) -> str:
    if now == GONE:
        return f"{name} is {now}"
    unreadable = before.startswith(DIGEST) or now.startswith(DIGEST)
    return f"{name} changed" if unreadable else f"{name}: {before} -> {now}"


def no_longer_free(plan: Plan, taken: Taken, seen: HostObservation) -> list[str]:
    """What the plan chose and somebody has by now, and who where that is known."""
    return [
        *_ports(plan, taken.allocations, seen),
        *_subnets(plan, taken.subnets, seen),
        *(f"{project} is there already" for project in _projects(plan) if project in {one.project for one in taken.layers}),
        *(f"backup {id} is there already" for id in _sets(plan) if id in taken.backups),
    ]


def _ports(plan: Plan, allocations: Sequence[Allocation], seen: HostObservation) -> Iterator[str]:
    owners = {(row.protocol, row.host_port): row for row in allocations}
    for protocol, port in _chosen_ports(plan):
        owner = owners.get((protocol, port))
        if owner is not None:
            yield f"host port {port} was taken by {_owner(owner)}"
        elif (protocol, port) in seen.listening:
            yield f"host port {port} is in use on {seen.host.name} by something that is not looma's"


def _owner(row: Allocation) -> str:
    return f"tenant {row.tenant}" if row.tenant else "the edge" if row.state != "quarantined" else "something that is not looma's"


def _chosen_ports(plan: Plan) -> Iterator[tuple[str, int]]:
    for step in plan.steps:
        if step.name == ReserveGeneration.name:
            yield from ((row["protocol"], row["host_port"]) for row in step.params["allocations"])
        elif step.name == ReserveEdgePorts.name:
            yield from (("tcp", step.params[name]) for name in ("http", "https"))


def _subnets(plan: Plan, subnets: Sequence[Subnet], seen: HostObservation) -> Iterator[str]:
    held = [(subnet.cidr, f"tenant {subnet.tenant}") for subnet in subnets]
    held += [(cidr, f"a network on {seen.host.name} that is not looma's") for cidr in seen.networks]
    for cidr in (row["cidr"] for step in plan.steps if step.name == ReserveGeneration.name for row in step.params["subnets"]):
        by = next((by for other, by in held if _overlap(cidr, other)), None)
        if by is not None:
            yield f"subnet {cidr} was taken by {by}"


def _overlap(one: str, other: str) -> bool:
    first, second = ip_network(one, strict=False), ip_network(other, strict=False)
    return first.version == second.version and first.overlaps(second)


def _projects(plan: Plan) -> list[str]:
    return [LayerReference(plan.tenant, layer, generation).project for layer, generation in layers_of(plan)]


def _sets(plan: Plan) -> list[str]:
    return [step.params["backup"] for step in plan.steps if step.name == BackupStores.name]
