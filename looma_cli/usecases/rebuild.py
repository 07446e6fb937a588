"""A lost state made anew from what runs. Reads engines and edges, writes the state and missing rendered files, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from looma_cli.errors import Conflict, LoomaError, NotAllowed, NotFound
from looma_cli.model.edition import Edition
from looma_cli.model.host import Host
from looma_cli.model.layer import LABEL_INSTALLATION, LABEL_TENANT, Workload
from looma_cli.model.operation import Plan
from looma_cli.model.protocols import State
from looma_cli.model.route import EdgeRecord
from looma_cli.model.tenant import KeptLayer, LayerReference, Tenant
from looma_cli.model.world import World
from looma_cli.plan.observation import START_INTERVAL_API
from looma_cli.plan.rebuild import Recovered, Traces, lacking, recover
from looma_cli.steps.layers import RenderStack, manifest_name
from looma_cli.usecases.context import Context, known_hosts
from looma_cli.usecases.requested import SCRATCH_NAME

KIND = "state.rebuild"
SECRETS = "/run/secrets"
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Remark:
    """One line about one tenant; ``tenant`` is empty for what concerns all."""

    tenant: str
    detail: str


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """``skipped`` were in the state already, or could not be read; ``problems`` are what to look after."""

    installation: str
    rebuilt: tuple[Tenant, ...]
    skipped: tuple[Remark, ...]
    problems: tuple[Remark, ...]


@dataclass
class _Findings:
    """What comes together while a rebuild looks around."""

    tenants: list[Tenant] = field(default_factory=list)
    skipped: list[Remark] = field(default_factory=list)
    problems: list[Remark] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)


class Rebuild:
    """One run. ``adopted`` is the installation whose objects become this state's."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.world.store
        self._findings = _Findings()
        with self._store.read() as state:
            self._own = state.installation()
            self._settled = bool(state.tenants() or state.tenants(platform=True))
            self._hosts = known_hosts(context, state)

    def run(self, installation: str | None, *, dry_run: bool) -> Plan | RebuildReport:
        """Raises NotFound where there is nothing to rebuild from, Conflict where it is not certain which installation is meant,
        NotAllowed where this state has tenants of its own."""
        adopted = self._choose(installation)
        world = self._context.world.of_installation(adopted)
        if adopted != self._own:
            self._findings.changes.append(f"~ installation {self._own} -> {adopted}")
            if not dry_run:
                with self._store.write() as state:
                    state.adopt_installation(adopted)
        for host in self._hosts:
            self._rebuild_host(world, host, dry_run)
        found = self._findings
        if not dry_run:
            return RebuildReport(adopted, tuple(found.tenants), tuple(found.skipped), tuple(found.problems))
        warnings = [f"{r.tenant}: {r.detail}" if r.tenant else r.detail for r in found.problems]
        return Plan(KIND, "", (), 0, tuple(found.changes), tuple(warnings))

    # which installation
    def _choose(self, wanted: str | None) -> str:
        found = self._installations()
        foreign = {id: names for id, names in found.items() if id != self._own}
        if wanted is not None and wanted not in (self._own, *foreign):
            raise NotFound(f"no known host holds anything of installation {wanted}", _listed(foreign), installations=sorted(foreign))
        stays = self._settled or self._own in found
        chosen = wanted or (self._own if stays else self._only(foreign))
        if chosen != self._own and self._settled:
            raise NotAllowed(
                f"this state has tenants of its own: it cannot become installation {chosen}", "use an empty LOOMA_HOME for the other one"
            )
        if chosen == self._own:
            self._mention(self._named_in_files(foreign))
        return chosen

    def _installations(self) -> dict[str, set[str]]:
        """Installation -> tenants, of everyone's layers on the known hosts. A layer has its network for as long as it exists."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for host in self._hosts:
            for network in self._context.world.engine(host.name).networks(everyones=True):
                if network.labels.get(LABEL_INSTALLATION) and network.labels.get(LABEL_TENANT):
                    found[network.labels[LABEL_INSTALLATION]].add(network.labels[LABEL_TENANT])
        return dict(found)

    def _only(self, foreign: dict[str, set[str]]) -> str:
        """The rendered files of this home decide, where there are any: they name the installation that they were written for."""
        if not foreign:
            raise NotFound("there is nothing to rebuild from: no known host has a tenant's layer", "looma doctor checks the engine")
        candidates = self._named_in_files(foreign) if self._context.world.files.tenants() else list(foreign)
        if len(candidates) == 1:
            return candidates[0]
        why = "none of them wrote the stacks folder of this home" if not candidates else "it is not certain which one this home was"
        raise Conflict(
            f"{len(foreign)} other installation{'s are' if len(foreign) > 1 else ' is'} on the known hosts, and {why}",
            f"choose with --installation: {_listed(foreign)}",
            installations={id: sorted(names) for id, names in foreign.items()},
        )

    def _named_in_files(self, foreign: Iterable[str]) -> list[str]:
        files = self._context.world.files
        manifests = [(t, name) for t in files.tenants() for name in files.names(t) if name.endswith("/compose.yaml")]
        texts = [files.read(tenant, name) or "" for tenant, name in manifests]
        return [id for id in foreign if any(id in text for text in texts)]

    def _mention(self, others: Sequence[str]) -> None:
        for id in others:
            self._problem("", f"rendered files of this home belong to installation {id}, which this state can no longer become")

    # what is there
    def _rebuild_host(self, world: World, host: Host, dry_run: bool) -> None:
        engine, edge = world.engine(host.name), world.edge(host.name).recall()
        references = [w.reference.tenant for w in engine.workloads() if w.reference]
        labelled = [thing.labels.get(LABEL_TENANT) for thing in (*engine.networks(), *engine.volumes())]
        self._take_edge_ports(host, edge, dry_run)
        for name in sorted({*references, *filter(None, labelled)}):
            if name.startswith(SCRATCH_NAME + "-"):
                self._findings.skipped.append(Remark(name, "no tenant: a stack in which a backup was proven"))
                self._problem(name, f"left by a proof that was cut short; remove it: docker compose -p looma-{name}-data-g1 down -v")
                continue
            try:
                self._rebuild_tenant(world, host, edge, name, dry_run)
            except LoomaError as error:
                self._findings.skipped.append(Remark(name, "not rebuilt"))
                self._problem(name, error.message)

    def _take_edge_ports(self, host: Host, edge: EdgeRecord | None, dry_run: bool) -> None:
        with self._store.read() as state:
            if edge is None or state.edge_ports(host.name):
                return
        self._findings.changes.append(f"+ ports {edge.http_port} and {edge.https_port} of the edge on {host.name}")
        try:
            if not dry_run:
                with self._store.write() as state:
                    state.save_edge_ports(host.name, {"http": edge.http_port, "https": edge.https_port})
        except Conflict as error:
            self._problem("", error.message)

    def _rebuild_tenant(self, world: World, host: Host, edge: EdgeRecord | None, name: str, dry_run: bool) -> None:
        if self._known(name):
            return
        if dry_run:
            recovered, _ = self._recovered(world, host, edge, name, lambda key: "")
        else:
            with world.leases.hold(f"tenant:{name}", None, KIND):  # nobody creates or deletes it meanwhile
                recovered, secrets = self._recovered(world, host, edge, name, world.vault.seal)
                sealed = {secret: world.vault.seal(value) for secret, value in secrets.items()}
                with self._store.write() as state:
                    if not self._known(name, state):
                        _add(state, recovered, sealed)
                        _keep(state, recovered.left, host.name)
                self._render_missing(world, recovered.tenant)
        tenant = recovered.tenant
        for problem in recovered.problems:
            self._problem(name, problem)
        self._findings.tenants.append(replace(tenant, ports=recovered.allocations, subnets=recovered.subnets))
        self._findings.changes.append(f"+ tenant {name}: {tenant.edition} {tenant.release}, {tenant.profile}, {tenant.status}")

    def _known(self, name: str, state: State | None = None) -> bool:
        if state is None:
            with self._store.read() as state:
                return self._known(name, state)
        if state.has_tenant(name):
            self._findings.skipped.append(Remark(name, "already in the state"))
            return True
        return False

    def _recovered(
        self, world: World, host: Host, edge: EdgeRecord | None, name: str, seal: Callable[[str], str]
    ) -> tuple[Recovered, dict[str, str]]:
        """The tenant as its traces show it, and its secrets in plain text."""
        engine = world.engine(host.name)
        workloads, networks = engine.workloads(name), [n for n in engine.networks() if n.labels.get(LABEL_TENANT) == name]
        route = next((route for route in edge.routes if route.tenant == name), None) if edge else None
        override = world.files.read(name, "override.yaml") is not None
        traces = Traces(name, host.name, workloads, networks, route, edge is not None, override, world.clock.now())
        recovered = recover(traces, world.catalog.edition, seal)
        edition = world.catalog.edition(recovered.tenant.edition)
        secrets = _secrets(world, host.name, workloads, edition, recovered.secrets)
        return lacking(recovered, secrets), secrets

    def _render_missing(self, world: World, tenant: Tenant) -> None:
        generations = [["data", tenant.data_generation], ["app", tenant.app_generation]]
        missing = [pair for pair in generations if world.files.read(tenant.name, manifest_name(*pair)) is None]
        if not missing:
            return
        start_interval = world.engine(tenant.host).information().api >= START_INTERVAL_API
        try:
            RenderStack(tenant.name, missing, False, start_interval).do(world, self._context.reporter.note)
        except LoomaError as error:
            self._problem(tenant.name, f"its files cannot be rendered again: {error.message}")

    def _problem(self, tenant: str, detail: str) -> None:
        self._findings.problems.append(Remark(tenant, detail))


def _add(state: State, recovered: Recovered, sealed: dict[str, str]) -> None:
    state.add_tenant(recovered.tenant)
    state.add_allocations(recovered.allocations)
    state.add_subnets(recovered.subnets)
    state.save_secrets(recovered.tenant.name, sealed)


def _keep(state: State, layers: Sequence[LayerReference], host: str) -> None:
    """Other generations belong to the tenant too. Nobody knows for how long they were to stay: they go only when they are asked to."""
    for reference in layers:
        state.keep_layer(KeptLayer(reference, host, FOREVER, KIND))


def _secrets(world: World, host: str, workloads: Sequence[Workload], edition: Edition, names: Sequence[str]) -> dict[str, str]:
    """Values of these secrets, each read from a container whose own it is, or from any other that was given it."""
    owners = {name: {c.name for c in edition.components if name in c.secrets} for name in names}
    found: dict[str, str] = {}
    for name in names:
        for workload in sorted(workloads, key=lambda w: w.component not in owners[name]):
            text = world.engine(host).read_file(workload, f"{SECRETS}/{name}")
            if text:
                found[name] = text
                break
    return found


def _listed(installations: dict[str, set[str]]) -> str:
    """``0123456789ab (acme, globex); …``"""
    return "; ".join(f"{id} ({', '.join(sorted(names))})" for id, names in sorted(installations.items())) or "there is none"
