"""A tenant read back from what runs: labels, published ports, networks, its route. Pure; what cannot be known is said, never guessed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from looma_cli.errors import LoomaError, NotFound
from looma_cli.model import layer as label
from looma_cli.model.edition import LAYERS, Edition
from looma_cli.model.layer import EngineNetwork, Workload
from looma_cli.model.route import Route
from looma_cli.model.tenant import LOOPBACK, Allocation, Certificate, LayerReference, Subnet, Tenant
from looma_cli.plan.create import allocations_of, public_allocation
from looma_cli.plan.ports import Chosen, wanted_ports

JOB = "init"  # kind of the container that fills a layer's volumes and ends
OVERRIDE = "override"  # kind of a container that only an override.yaml knows
RECORDED = ("display_name", "host", "address", "public_port", "images", "port_policy", "platform", "settings", "created_at")


class Unreadable(LoomaError):
    """The objects of a tenant do not say enough to make a record of it."""

    code = "unreadable"


@dataclass(frozen=True, slots=True)
class Traces:
    """What is on a host of one tenant. ``override`` says whether its ``override.yaml`` is in the stacks folder."""

    tenant: str
    host: str
    workloads: Sequence[Workload]
    networks: Sequence[EngineNetwork]
    route: Route | None
    edge: bool  # there is an edge
    override: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class Recovered:
    """``tenant`` holds neither ports nor subnets: those are added to the state on their own. ``problems`` are lines."""

    tenant: Tenant
    allocations: tuple[Allocation, ...]
    subnets: tuple[Subnet, ...]
    secrets: tuple[str, ...]  # names of those that the edition needs
    problems: tuple[str, ...] = ()
    left: tuple[LayerReference, ...] = ()  # layers of other generations, which are left alone


@dataclass
class _Reading:
    traces: Traces
    problems: list[str] = field(default_factory=list)

    def containers(self, reference: LayerReference | None = None, *, jobs: bool = False) -> list[Workload]:
        """The edition's components of one layer, or of all; or ``jobs``, which end by themselves."""
        found = [w for w in self.traces.workloads if w.reference is not None and reference in (None, w.reference)]
        kinds = [(w, w.labels.get(label.LABEL_KIND)) for w in found]
        return [w for w, kind in kinds if kind != OVERRIDE and (kind == JOB) == jobs]

    def generations(self) -> tuple[int, int]:
        """Of the data and the app layer that serve: the app layer that the edge routes to, and the data layer whose network it is on. Where
        nothing points at one, the newest that runs as a whole.

        Raises Unreadable for none, and for several that nothing tells apart.
        """
        app = self._chosen("app", self._routed)
        services = self.containers(LayerReference(self.traces.tenant, "app", app))
        return self._chosen("data", lambda found: self._attached(services, found)), app

    def _chosen(self, layer: str, pointed_at: Callable[[list[int]], list[int] | None]) -> int:
        """``pointed_at`` says which of several are meant; None where it cannot know."""
        found = sorted({w.reference.generation for w in self.containers() if w.reference and w.reference.layer == layer})
        if not found:
            raise Unreadable(f"it has no {layer} layer: which one is meant was in the lost state only")
        if len(found) == 1:
            return found[0]
        meant = pointed_at(found)
        chosen = self._whole(layer, found)[-1:] if meant is None else meant
        if len(chosen) != 1:
            all_ = ", ".join(map(str, found))
            raise Unreadable(f"generations {all_} of its {layer} layer are there: which one is meant was in the lost state only")
        return chosen[0]

    def _routed(self, found: list[int]) -> list[int] | None:
        ports = {upstream.port for upstream in self.traces.route.upstreams} if self.traces.route else set()
        if not ports:
            return None
        layers = {one: self.containers(LayerReference(self.traces.tenant, "app", one)) for one in found}
        return [one for one, workloads in layers.items() if ports <= {port for w in workloads for _, port, _ in w.ports}]

    def _attached(self, services: Sequence[Workload], found: list[int]) -> list[int] | None:
        networks = {name for service in services for name in service.networks}
        return [one for one in found if LayerReference(self.traces.tenant, "data", one).project in networks] or None

    def _whole(self, layer: str, found: list[int]) -> list[int]:
        """Those of which every container runs, and none is missing that another generation has."""
        layers = {one: self.containers(LayerReference(self.traces.tenant, layer, one)) for one in found}
        most = max(len(workloads) for workloads in layers.values())
        return [one for one in found if len(layers[one]) == most and all(w.state == "running" for w in layers[one])]

    def left(self, *chosen: LayerReference) -> tuple[LayerReference, ...]:
        """Layers that are there beside the chosen ones; a network or a lone job is a layer too."""
        jobs, networks = self.containers(jobs=True), self.traces.networks
        named = (label.reference_of(network.labels) for network in networks)
        found = {*(w.reference for w in (*self.containers(), *jobs)), *named} - {None, *chosen}
        return tuple(sorted(one for one in found if one is not None))

    def agreed(self, name: str, containers: Sequence[Workload]) -> str:
        """The value of a label that all these carry. Raises Unreadable where they differ."""
        values = sorted({w.labels.get(name, "") for w in containers})
        if len(values) != 1 or not values[0]:
            raise Unreadable(f"its containers say {' and '.join(map(repr, values))} for {name}")
        return values[0]

    def record(self, app: Sequence[Workload]) -> dict[str, Any]:
        """What the services' labels say, all alike; else what the init container says, which was made last."""
        jobs = [w for w in self.containers(jobs=True) if w.reference == app[0].reference]
        records = [_record(w) for w in app]
        if any(record != records[0] for record in records):
            differing = sorted(n for n in RECORDED if any(record.get(n) != records[0].get(n) for record in records))
            self.problems.append(f"its containers differ in {', '.join(differing)}: an update was interrupted; run looma tenant update")
            records = [*map(_record, jobs), *records]
        hostname = next((_record(w)["hostname"] for w in jobs if "hostname" in _record(w)), None)
        return {**records[0], "hostname": hostname}


def recover(traces: Traces, edition_of: Callable[[str], Edition], seal: Callable[[str], str]) -> Recovered:
    """The tenant's record. Raises Unreadable where the traces do not say enough. ``seal`` is the vault's, for a certificate's key."""
    reading = _Reading(traces)
    data, app = reading.generations()
    layers = LayerReference(traces.tenant, "data", data), LayerReference(traces.tenant, "app", app)
    containers = reading.containers(layers[1])
    everything = [workload for layer in layers for workload in reading.containers(layer)]
    record = reading.record(containers)
    try:
        edition = edition_of(reading.agreed(label.LABEL_EDITION, everything))
    except NotFound as error:
        raise Unreadable(error.message) from error
    tenant = Tenant(
        name=traces.tenant,
        edition=edition.name,
        release=reading.agreed(label.LABEL_RELEASE, containers),
        profile=reading.agreed(label.LABEL_PROFILE, everything),
        status="failed",
        hostname=_hostname(reading, record),
        updated_at=traces.now,
        data_generation=data,
        app_generation=app,
        certificate=_certificate(traces.route, seal),
        **_recorded(reading, record),
    )
    left = reading.left(*layers)
    if left:
        reading.problems.append(f"{', '.join(one.project for one in left)} is there beside what serves, and is kept")
    return replace(_completed(reading, tenant, edition), left=left)


def lacking(recovered: Recovered, found: Collection[str]) -> Recovered:
    """The same with ``failed`` for a tenant of whose secrets not all were found: it cannot be rendered, so nothing may try."""
    missing = [name for name in recovered.secrets if name not in found]
    if not missing:
        return recovered
    problems = tuple(f"no container holds secret {name}" for name in missing)
    rows = tuple(replace(row, state="reserved") for row in recovered.allocations)
    tenant = replace(recovered.tenant, status="failed")
    return replace(recovered, tenant=tenant, allocations=rows, problems=(*recovered.problems, *problems))


def _completed(reading: _Reading, tenant: Tenant, edition: Edition) -> Recovered:
    subnets = _subnets(reading, tenant)
    chosen = _chosen(reading, tenant, edition)
    complete = (len(subnets), len(chosen)) == (len(LAYERS), len(wanted_ports(edition.of_profile(tenant.profile))))
    status = _status(reading, tenant, edition)
    tenant = replace(tenant, status=status if complete else "failed")
    state = "bound" if tenant.status in ("running", "suspended") else "reserved"
    rows = [replace(row, state=state) for row in allocations_of(tenant, chosen)]
    _notice_override(reading)
    secrets = sorted({secret for component in edition.of_profile(tenant.profile) for secret in component.secrets})
    return Recovered(tenant, (*rows, public_allocation(tenant)), tuple(subnets), tuple(secrets), tuple(reading.problems))


def _record(workload: Workload) -> dict[str, Any]:
    try:
        record = json.loads(workload.labels.get(label.LABEL_TENANT_RECORD, ""))
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise Unreadable(f"container {workload.name} has no readable label {label.LABEL_TENANT_RECORD}")
    return record


def _recorded(reading: _Reading, record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that only the record knows. The route, which serves, has the last word on the public port."""
    missing = [name for name in RECORDED if name not in record]
    if missing:
        raise Unreadable(f"its record lacks {', '.join(missing)}")
    route, fields = reading.traces.route, {name: record[name] for name in RECORDED}
    if record["host"] != reading.traces.host:
        reading.problems.append(f"its record says host {record['host']}; it is on {reading.traces.host}")
    if route is not None and route.public_port != record["public_port"]:
        reading.problems.append(f"its record says public port {record['public_port']}; the edge serves {route.public_port}")
        fields["public_port"] = route.public_port
    return {**fields, "host": reading.traces.host, "created_at": datetime.fromisoformat(record["created_at"])}


def _hostname(reading: _Reading, record: Mapping[str, Any]) -> str | None:
    """The route's, which is what customers reach; without a route the record's."""
    route = reading.traces.route
    if route is None:
        return record["hostname"]
    if route.hostname != record["hostname"] and record["hostname"] is not None:
        reading.problems.append(f"its record says hostname {record['hostname']}; the edge serves {route.hostname or 'none'}")
    return route.hostname


def _certificate(route: Route | None, seal: Callable[[str], str]) -> Certificate | None:
    return Certificate(route.certificate, seal(route.private_key)) if route and route.certificate and route.private_key else None


def _subnets(reading: _Reading, tenant: Tenant) -> list[Subnet]:
    found = []
    for layer in LAYERS:
        reference = tenant.layer(layer)
        cidrs = [c for network in reading.traces.networks if network.name == reference.project for c in network.cidrs if ":" not in c]
        if len(cidrs) != 1:
            reading.problems.append(f"network {reference.project} has {len(cidrs)} IPv4 subnets, or is not there")
            continue
        found.append(Subnet(tenant.host, cidrs[0], tenant.name, layer, reference.generation, reference.project))
    return found


def _chosen(reading: _Reading, tenant: Tenant, edition: Edition) -> list[Chosen]:
    """The host ports that the containers publish on the loopback address, in the manifest's order."""
    chosen = []
    for wanted in wanted_ports(edition.of_profile(tenant.profile)):
        published = published_ports(reading.containers(tenant.layer(wanted.layer)), wanted.component, wanted.container_port)
        if len(published) == 1:
            chosen.append(Chosen(wanted, published[0]))
        else:
            said = f"{len(published)} ports" if published else "no port"
            reading.problems.append(f"{wanted.component} publishes {said} for {wanted.container_port}/{wanted.protocol}")
    return chosen


def published_ports(workloads: Sequence[Workload], component: str, container_port: int) -> list[int]:
    """Host ports on the loopback address that lead to that port of a component."""
    rows = [row for w in workloads if w.component == component for row in w.ports]
    return sorted({port for address, port, inside in rows if inside == container_port and address == LOOPBACK})


def _status(reading: _Reading, tenant: Tenant, edition: Edition) -> str:
    """What all containers agree on; ``failed`` with a problem where they do not, or where the edge contradicts them."""
    here = [w for layer in LAYERS for w in reading.containers(tenant.layer(layer))]
    missing = sorted({c.name for c in edition.of_profile(tenant.profile)} - {w.component for w in here})
    running = [w for w in here if w.state == "running"]
    if missing:
        reading.problems.append(f"no container of {', '.join(missing)}")
    if missing or 0 < len(running) < len(here):
        idle = ", ".join(sorted(w.component for w in here if w.state != "running")) or "none"
        reading.problems.append(f"{len(running)} of {len(here)} containers run; not running: {idle}")
        return "failed"
    return _agreed_status(reading, bool(running))


def _agreed_status(reading: _Reading, runs: bool) -> str:
    traces = reading.traces
    if traces.route is None:
        why = "the edge has no route of it" if traces.edge else "there is no edge on its host"
        reading.problems.append(f"{why}; looma tenant {'restart' if runs else 'start'} {traces.tenant} puts it back")
    mode = traces.route.mode if traces.route else "serving"
    if not runs:
        return "stopped"
    if mode in ("stopped", "frozen"):
        reading.problems.append(f"its containers run, but its route is {mode}: a change was interrupted")
        return "failed"
    return "suspended" if mode == "suspended" else "running"


def _notice_override(reading: _Reading) -> None:
    """Only what an override adds can be told from its traces, not what it changes."""
    labels = [w.labels for w in reading.traces.workloads]
    told = any(label.LABEL_OVERRIDDEN in these or these.get(label.LABEL_KIND) == OVERRIDE for these in labels)
    if told and not reading.traces.override:
        reading.problems.append("it was deployed with an override.yaml, which is not in the stacks folder any more")
