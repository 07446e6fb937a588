"""FakeEngine: implements ``Engine`` on a FakeDaemon and passes the contract tests of the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from looma_cli.errors import (
    AlreadyExists,
    CommandFailed,
    EngineUnavailable,
    ImageUnavailable,
    InvalidValue,
    LoomaError,
    NotAllowed,
    NotFound,
    PortTaken,
    SubnetTaken,
)
from looma_cli.model.host import EngineInformation
from looma_cli.model.layer import (
    LABEL_COMPONENT,
    LABEL_GENERATION,
    LABEL_INSTALLATION,
    LABEL_LAYER,
    LABEL_TENANT,
    EngineNetwork,
    EngineVolume,
    RenderedLayer,
    Workload,
)
from looma_cli.model.tenant import LayerReference
from tests.fakes.daemon import FakeContainer, FakeDaemon, run_shell
from tests.fakes.failing import Failure, Killed
from tests.fakes.jobs import FakeJobs
from tests.fakes.manifest import Manifest, read, workload


class FakeEngine:
    """``unhealthy`` components never become healthy, ``exits`` end with that code right after their start; ``failures`` raise on
    purpose; ``crash_after`` lets that many deeds (a network, volume or container made, started, stopped or removed) happen and then
    raises ``Killed``. ``calls`` is what was asked: (method, project or tenant)."""

    def __init__(self, installation: str = "fa0000000001", daemon: FakeDaemon | None = None) -> None:
        self.installation = installation
        self.daemon = daemon or FakeDaemon()
        self.unhealthy: set[str] = set()
        self.exits: dict[str, int] = {}
        self.failures: list[Failure] = []
        self.crash_after: int | None = None
        self.pullable: set[str] = set()
        self.calls: list[tuple[str, str]] = []
        self.api_version = (1, 45)
        self.jobs = FakeJobs()  # how a component's ``run_once`` ends, instead of what its command says
        self.shell: Callable[[Sequence[str], Mapping[str, str]], tuple[int | None, str]] = run_shell

    def fail_on(self, method: str, error: BaseException, *, layer: str | None = None, call: int = 1) -> None:
        self.failures.append(Failure(method, error, layer, call))

    def _called(self, method: str, subject: str = "", layer: str | None = None) -> None:
        self.calls.append((method, subject))
        if not self.daemon.answers:
            raise EngineUnavailable("no container engine answers at fake", "start it")
        for failure in [f for f in self.failures if f.method == method and f.layer in (None, layer)]:
            failure.call -= 1
            if failure.call == 0:
                self.failures.remove(failure)
                raise failure.error

    def _deed(self) -> None:
        """Called after each change: the process may die here."""
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after <= 0:
                self.crash_after = None
                raise Killed

    # what the engine is and has

    def information(self) -> EngineInformation:
        self._called("information")
        size = self.daemon.cpus, self.daemon.memory_bytes
        return EngineInformation("26.1.5", self.api_version, "2.26.1", *size, "/var/lib/docker", id=self.daemon.id)

    def missing_images(self, references: Sequence[str]) -> list[str]:
        self._called("missing_images")
        held = self.daemon.images
        return [reference for reference in references if held is not None and reference not in held]

    def image_ids(self, references: Sequence[str]) -> dict[str, str]:
        self._called("image_ids")
        held = self.daemon.images
        return {one: self.daemon.image_id(one) for one in references if held is None or one in held}

    def pull(self, references: Sequence[str], report: Callable[[str], None]) -> None:
        self._called("pull")
        for reference in references:
            report(f"pulling {reference}")
            if reference not in self.pullable:
                raise _no_image(reference)
            if self.daemon.images is not None:
                self.daemon.images.add(reference)
            self._deed()

    # layers

    def create(self, layer: RenderedLayer) -> None:
        self._called("create", layer.reference.project, layer.reference.layer)
        self._create(layer)

    def start(self, layer: RenderedLayer) -> None:
        self._called("start", layer.reference.project, layer.reference.layer)
        manifest = self._create(layer)
        for wanted in manifest.containers:
            self._start(self.daemon.containers[wanted.name])

    def _create(self, layer: RenderedLayer) -> Manifest:
        manifest = read(layer)
        self._refuse_foreign(layer.reference.project, manifest)
        self._create_networks(manifest)
        for name, labels in manifest.volumes.items():
            if name not in self.daemon.volumes:
                self.daemon.volumes[name] = labels
                self._deed()
        for container in manifest.containers:
            self._create_container(container)
        wanted = {container.name for container in manifest.containers}
        for orphan in [c for c in self.daemon.containers.values() if c.project == layer.reference.project and c.name not in wanted]:
            del self.daemon.containers[orphan.name]
            self._deed()
        return manifest

    def _refuse_foreign(self, project: str, manifest: Manifest) -> None:
        held = [c.labels for c in self.daemon.containers.values() if c.project == project]
        held += [self.daemon.networks[n.name].labels for n in manifest.networks if n.name in self.daemon.networks]
        held += [self.daemon.volumes[name] for name in manifest.volumes if name in self.daemon.volumes]
        if any(labels.get(LABEL_INSTALLATION) != self.installation for labels in held):
            raise AlreadyExists(
                f"something that is not this looma's already uses the name {project}", "choose another name", project=project
            )

    def _create_networks(self, manifest: Manifest) -> None:
        for name in manifest.external_networks:
            if name not in self.daemon.networks:
                raise CommandFailed(f"network {name} declared as external, but could not be found", "start the data layer first")
        for network in manifest.networks:
            if network.name in self.daemon.networks:
                continue
            for cidr in network.cidrs:
                if self.daemon.overlapping(cidr):
                    raise SubnetTaken(f"{cidr} is already in use on this host", "looma network list", cidr=cidr)
            self.daemon.networks[network.name] = network
            self._deed()

    def _create_container(self, wanted: FakeContainer) -> None:
        """A changed one is made anew; its named volumes stay."""
        present = self.daemon.containers.get(wanted.name)
        if present and (present.config, present.files) == (wanted.config, wanted.files):
            return
        if self.daemon.images is not None and wanted.image not in self.daemon.images:
            raise _no_image(wanted.image)
        wanted.id = self.daemon.new_id()
        self.daemon.containers[wanted.name] = wanted
        self._deed()

    def _start(self, container: FakeContainer) -> None:
        for name, condition in container.depends_on.items():
            self._check_dependency(self.daemon.containers[f"{container.project}-{name}-1"], condition)
        if container.state == "running":
            return
        for address, port, _, protocol in container.ports:
            if self.daemon.port_holder(address, port, protocol, but=container):
                raise PortTaken(f"port {port} on {address} is already in use on this host", "looma port list", address=address, port=port)
        self._run(container)
        self._deed()

    def _run(self, container: FakeContainer) -> None:
        code, said = self.shell(container.command, container.files) if container.command else (None, "")
        code = self.exits.get(container.service, 0 if code is None and self._is_job(container) else code)
        container.log += said.splitlines()
        container.state, container.exit_code = ("running", None) if code is None else ("exited", code)
        container.started_at = self.daemon.next_time()
        sick = container.service in self.unhealthy
        container.health = ("unhealthy" if sick else "healthy") if container.checked and code is None else "none"

    def _is_job(self, container: FakeContainer) -> bool:
        """Another component of its layer needs it only to have ended well."""
        others = (c for c in self.daemon.containers.values() if c.project == container.project)
        return any(c.depends_on.get(container.service) == "service_completed_successfully" for c in others)

    def _check_dependency(self, needed: FakeContainer, condition: str) -> None:
        expected = {"service_healthy": needed.health == "healthy", "service_completed_successfully": needed.exit_code == 0}
        if not expected.get(condition, True):
            raise CommandFailed(
                f"{needed.service} ended with exit code {needed.exit_code}" if needed.exit_code else f"{needed.service} is not healthy",
                "looma tenant logs",
                component=needed.labels.get(LABEL_COMPONENT, needed.service),
                exit_code=needed.exit_code,
                out_of_memory=needed.out_of_memory,
                log=needed.log[-5:],
            )

    def stop(self, reference: LayerReference, timeout_seconds: int = 30) -> None:
        self._called("stop", reference.project, reference.layer)
        for container in self._of(self._layer_labels(reference)):
            if container.state == "running":
                container.state, container.exit_code, container.health = "exited", 0, "unhealthy" if container.checked else "none"
                self._deed()

    def restart(self, reference: LayerReference, component: str | None = None) -> None:
        self._called("restart", reference.project, reference.layer)
        only = {LABEL_COMPONENT: component} if component else {}
        containers = self._of(self._layer_labels(reference) | only)
        if component and not containers:
            raise NotFound(f"{reference.project} has no component {component}", "looma tenant show lists them")
        for container in containers:
            if component or not self._is_job(container):
                self._run(container)
                self._deed()

    def discard_unstarted(self, reference: LayerReference) -> None:
        self._called("discard_unstarted", reference.project, reference.layer)
        for container in [c for c in self._of(self._layer_labels(reference)) if c.state == "created"]:
            del self.daemon.containers[container.name]
            self._deed()

    def remove(self, reference: LayerReference, *, volumes: bool) -> None:
        self._called("remove", reference.project, reference.layer)
        labels = self._layer_labels(reference)
        for container in self._of(labels):
            del self.daemon.containers[container.name]
            self._deed()
        for name in [name for name, held in self.daemon.volumes.items() if volumes and labels.items() <= held.items()]:
            del self.daemon.volumes[name]
            self._deed()
        for network in self.daemon.labelled(list(self.daemon.networks.values()), labels):
            self._remove_network(network.name)

    def remove_volumes(self, tenant: str, names: Sequence[str]) -> None:
        self._called("remove_volumes", tenant)
        for volume in [volume for volume in self.volumes(tenant) if volume.name in names]:
            users = [c.name for c in self.daemon.containers.values() if volume.name in c.volumes]
            if users:
                raise NotAllowed(f"volume {volume.name} is in use by {', '.join(users)}", "remove them")
            del self.daemon.volumes[volume.name]
            self._deed()

    def _remove_network(self, name: str) -> None:
        attached = [c for c in self.daemon.containers.values() if name in c.networks and c.state == "running"]
        for container in attached:
            if container.labels.get(LABEL_INSTALLATION) == self.installation:
                container.networks.discard(name)
        foreign = [c.name for c in attached if name in c.networks]
        if foreign:
            raise NotAllowed(f"network {name} is still used by {', '.join(foreign)}, which is not this looma's", "disconnect it")
        del self.daemon.networks[name]
        self._deed()

    # reading

    def _layer_labels(self, reference: LayerReference) -> dict[str, str]:
        return self._own(reference.tenant) | {LABEL_LAYER: reference.layer, LABEL_GENERATION: str(reference.generation)}

    def _own(self, tenant: str | None) -> dict[str, str]:
        return {LABEL_INSTALLATION: self.installation} | ({LABEL_TENANT: tenant} if tenant else {})

    def _of(self, labels: Mapping[str, str]) -> list[FakeContainer]:
        return sorted(self.daemon.labelled(self.daemon.containers.values(), labels), key=lambda c: c.name)

    def workloads(self, tenant: str | None = None) -> list[Workload]:
        self._called("workloads", tenant or "")
        return [workload(container) for container in self._of(self._own(tenant))]

    def volumes(self, tenant: str | None = None) -> list[EngineVolume]:
        self._called("volumes", tenant or "")
        volumes = [EngineVolume(name, labels) for name, labels in self.daemon.volumes.items()]
        return self.daemon.labelled(volumes, self._own(tenant))

    def networks(self, *, everyones: bool = False) -> list[EngineNetwork]:
        self._called("networks")
        networks = [EngineNetwork(n.name, n.cidrs, n.labels) for n in self.daemon.networks.values()]
        return networks if everyones else self.daemon.labelled(networks, self._own(None))

    def published_ports(self) -> list[tuple[str, int, str]]:
        self._called("published_ports")
        return sorted({(address, port, proto) for c in self.daemon.containers.values() for address, port, _, proto in c.ports})

    # one container

    def _container(self, workload: Workload) -> FakeContainer:
        for container in self.daemon.containers.values():
            if container.id == workload.id:
                return container
        raise NotFound(f"no such container: {workload.name}", "looma tenant show")

    def logs(
        self, workload: Workload, *, tail: int | None = None, follow: bool = False, since: str | None = None, timestamps: bool = False
    ) -> Iterator[str]:
        self._called("logs", workload.component)
        lines = self._container(workload).log
        stamp = "2026-01-01T00:00:00.000000000Z " if timestamps else ""
        return iter([stamp + line for line in (lines if tail is None else lines[len(lines) - tail :] if tail else [])])

    def execute(self, workload: Workload, command: Sequence[str], *, timeout_seconds: float = 300.0) -> tuple[int, str]:
        self._called("execute", workload.component)
        if not command:
            raise InvalidValue("no command was given", "looma tenant exec TENANT SERVICE -- COMMAND")
        container = self._container(workload)
        if container.state != "running":
            raise NotAllowed(f"{container.name} is not running", "looma tenant start")
        code, output = self.shell(command, container.files)
        return code or 0, output

    def run_once(
        self, layer: RenderedLayer, component: str, arguments: Sequence[str], *, limit_seconds: float = 600.0
    ) -> tuple[int, str]:
        self._called("run_once", component)
        wanted = next((c for c in read(layer).containers if c.service == component), None)
        if wanted is None:
            raise NotFound(f"{layer.reference.project} has no component {component}", "looma tenant show")
        said = self.shell(arguments, wanted.files)
        return self.jobs.run(component, said, limit_seconds, endless=said[0] is None and self.shell is run_shell)

    def read_file(self, workload: Workload, path: str) -> str | None:
        self._called("read_file", workload.component)
        return self._container(workload).files.get(path)

    def join(self, workload: Workload, network: str) -> None:
        self._called("join", workload.component)
        container = self._container(workload)
        if network not in self.daemon.networks:
            raise NotFound(f"this installation has no network {network} on the host", "looma network list")
        container.networks.add(network)
        self._deed()

    def leave(self, workload: Workload, network: str) -> None:
        self._called("leave", workload.component)
        for container in self.daemon.containers.values():
            if container.id == workload.id:
                container.networks.discard(network)
        self._deed()

    def switch(self, workload: Workload, *, on: bool) -> None:
        """What finds its port taken ends again, as the edge does, which has the host's own network."""
        self._called("switch", workload.component)
        container = self._container(workload)
        taken = [port for address, port, _, protocol in container.ports if self.daemon.port_holder(address, port, protocol, but=container)]
        container.state = "running" if on and not taken else "exited"
        self._deed()

    def attach(self, workload: Workload, command: Sequence[str], *, interactive: bool, terminal: bool) -> int:
        return self.execute(workload, command)[0]


def _no_image(reference: str) -> LoomaError:
    return ImageUnavailable(f"image {reference} is unavailable: it is not on this host", "looma image build", reference=reference)
