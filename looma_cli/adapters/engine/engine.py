"""The Engine of a host: reads through its API, writes through compose, removes by labels."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from typing import Any

from looma_cli.adapters.engine import beside, failures, networks, objects, once, streams
from looma_cli.adapters.engine.api import BUSY_HINT, EngineApi
from looma_cli.adapters.engine.child import Children, foreground
from looma_cli.adapters.engine.compose import Compose, mend_hint
from looma_cli.adapters.engine.endpoint import resolve
from looma_cli.adapters.engine.program import ExecProgram
from looma_cli.adapters.engine.programs import end_programs, open_program, run_program
from looma_cli.adapters.engine.removal import Removal, in_parallel
from looma_cli.adapters.engine.way import Way, way_to
from looma_cli.errors import AlreadyExists, ComposeUnavailable, EngineUnavailable, InvalidValue, NotFound
from looma_cli.model.host import EngineInformation
from looma_cli.model.layer import (
    LABEL_COMPONENT,
    LABEL_INSTALLATION,
    LABEL_TENANT,
    EngineNetwork,
    EngineVolume,
    RenderedLayer,
    Workload,
)
from looma_cli.model.tenant import LayerReference

PULL_LIMIT_SECONDS = 1800.0
EXIT_CODE_SECONDS = 10.0
LOG_LINES = 5


class ComposeEngine:
    """Implements ``Engine`` with docker compose v2 and an engine of API 1.41 or newer.

    ``docker_host`` is the engine's URL (None: where the docker command itself looks) or the way to it, ``installation`` the label's value
    by which looma knows its own; ``on_child`` is told the pid of each outside program, and None when it has ended.
    """

    def __init__(
        self,
        docker_host: str | Way | None,
        installation: str,
        on_child: Callable[[int | None], None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        environment = os.environ if environment is None else environment
        self._way = way_to(resolve(docker_host, environment) if docker_host is None or isinstance(docker_host, str) else docker_host)
        self.installation = installation
        self.api = EngineApi(self._way, environment)
        self._children = Children(on_child)
        self._compose = Compose(self._way, environment, self._children)
        self._information: EngineInformation | None = None

    # what the engine is and has

    def information(self) -> EngineInformation:
        """Asked once per process; compose is asked at the same time as the engine."""
        if self._information is None:
            with ThreadPoolExecutor(2) as pool:
                compose, version = pool.submit(self._compose.version), pool.submit(self.api.get, "/version")
                info = self.api.get("/info")
                self._information = _information(info, version.result(), compose.result())
        return self._information

    def missing_images(self, references: Sequence[str]) -> list[str]:
        """Those references, in order, that the engine has no image for."""
        held = objects.images_held(self.api.get("/images/json"))
        return [reference for reference in references if objects.normal_image(reference) not in held]

    def image_ids(self, references: Sequence[str]) -> dict[str, str]:
        held = objects.image_ids(self.api.get("/images/json"))
        return {reference: held[name] for reference in references if (name := objects.normal_image(reference)) in held}

    def pull(self, references: Sequence[str], report: Callable[[str], None]) -> None:
        """Through the docker command, which knows its registries' credentials."""
        for reference in references:
            report(f"pulling {reference}")
            opened = self._way.open()
            outcome = self._children.run(
                [self._docker(), "pull", "--quiet", "--", reference],
                environment=self._compose.connected(),
                limit_seconds=PULL_LIMIT_SECONDS,
            )
            if outcome.code:
                self._way.check(opened, failed=True)
                self.api.get("/version")  # an engine that is gone is not the image's fault
                raise failures.image_unavailable(reference, f"it cannot be pulled: {failures.last_line(outcome.errors)}")

    def _docker(self) -> str:
        docker = shutil.which("docker", path=self._compose.environment["PATH"])
        if docker is None:
            raise ComposeUnavailable("the docker command is not installed", mend_hint())
        return docker

    # layers

    def create(self, layer: RenderedLayer) -> None:
        self._bring_up(layer, "create", "--no-build", "--pull", "never", "--remove-orphans")

    def start(self, layer: RenderedLayer) -> None:
        self._bring_up(layer, "up", "--detach", "--no-build", "--pull", "never", "--remove-orphans")

    def _bring_up(self, layer: RenderedLayer, *arguments: str) -> None:
        self._make_way(layer.reference)
        outcome = self._compose.run(layer, *arguments)
        if outcome.code:
            raise self._failed_dependency(layer.reference, outcome.errors) or failures.explain(outcome.errors, layer, self._way.place)

    def _make_way(self, reference: LayerReference) -> None:
        mark = {objects.COMPOSE_PROJECT: reference.project}
        containers = self.api.listed("/containers/json", mark, {"all": "1"})
        networks = self.api.get("/networks")
        found = [c["Labels"] for c in containers]
        found += [v["Labels"] for v in self.api.listed("/volumes", mark)["Volumes"] or ()]
        found += [n["Labels"] or {} for n in networks if n["Name"] == reference.project]
        self._refuse_foreign(reference, found)
        self._discard([c for c in containers if objects.is_stranded(c, {n["Id"] for n in networks})])

    def _refuse_foreign(self, reference: LayerReference, found: list[Mapping[str, str]]) -> None:
        """Compose knows a project by its name only: it would take over another installation's layer of that name."""
        if any(labels.get(LABEL_INSTALLATION) != self.installation for labels in found):
            raise AlreadyExists(
                f"something that is not this looma's already uses the name {reference.project} on this engine",
                f"choose another name than {reference.tenant}, or another engine; docker ps -a shows whose it is",
                project=reference.project,
            )

    def _failed_dependency(self, reference: LayerReference, errors: str) -> Exception | None:
        """The component for whose sake compose gave up, with its last words; None if that was not the reason."""
        failed = failures.failed_dependency(errors)
        for workload in self._of_layer(reference) if failed else ():
            if failed.is_of(workload):
                return failures.dependency_failed(workload, reference.tenant, list(self.logs(workload, tail=LOG_LINES)))
        return None

    def stop(self, reference: LayerReference, timeout_seconds: int = 30) -> None:
        """Those that others need are stopped last."""
        for wave in reversed(objects.waves(self._of_layer(reference))):
            in_parallel(lambda w: self._signal(w, "stop", timeout_seconds, {"t": timeout_seconds}), wave)

    def restart(self, reference: LayerReference, component: str | None = None) -> None:
        """Each with its own grace period, those that others need first. Raises NotFound for an unknown component."""
        workloads = self._of_layer(reference, component)
        if component and not workloads:
            raise NotFound(f"{reference.project} has no component {component}", f"looma tenant show {reference.tenant} lists them")
        for wave in objects.waves(workloads if component else objects.lasting(workloads)):
            in_parallel(lambda w: self._signal(w, "restart", extra_seconds=600), wave)

    def _signal(self, workload: Workload, verb: str, extra_seconds: float, query: Mapping[str, Any] | None = None) -> None:
        with suppress(NotFound):  # gone in the meantime
            self.api.post(f"/containers/{workload.id}/{verb}", query, extra_seconds=extra_seconds)

    def remove(self, reference: LayerReference, *, volumes: bool) -> None:
        """Raises NotAllowed when something foreign holds its network, CommandFailed when something is left after a minute."""
        Removal(self.api, objects.layer_labels(self.installation, reference), volumes).run()

    def discard_unstarted(self, reference: LayerReference) -> None:
        """See Engine. A container that is gone in the meantime is as it should be."""
        layer = self.api.listed("/containers/json", objects.layer_labels(self.installation, reference), {"all": "1"})
        self._discard([container for container in layer if container["State"] == "created"])

    def _discard(self, containers: Sequence[Mapping[str, Any]]) -> None:
        for container in containers:
            with suppress(NotFound):
                self.api.delete(f"/containers/{container['Id']}", {"force": "1", "v": "1"})

    def remove_volumes(self, tenant: str, names: Sequence[str]) -> None:
        """See Engine. Which are the tenant's is looked up: a name alone is not trusted."""
        for name in [volume.name for volume in self.volumes(tenant) if volume.name in names]:
            with suppress(NotFound):
                self.api.delete(f"/volumes/{name}")

    # reading

    def workloads(self, tenant: str | None = None) -> list[Workload]:
        return self._workloads(self._own_labels(tenant))

    def volumes(self, tenant: str | None = None) -> list[EngineVolume]:
        return [objects.volume(listed) for listed in self.api.listed("/volumes", self._own_labels(tenant))["Volumes"] or ()]

    def networks(self, *, everyones: bool = False) -> list[EngineNetwork]:
        return [objects.network(listed) for listed in self.api.listed("/networks", {} if everyones else self._own_labels(None))]

    def published_ports(self) -> list[tuple[str, int, str]]:
        """A container that is not running shows its ports only when it is inspected."""
        listed = self.api.get("/containers/json", {"all": "1"})
        ports = {port for container in listed for port in objects.published(container)}
        for inspected in self._inspected([c["Id"] for c in listed if c["State"] != "running"]):
            ports |= {(address, port, protocol) for address, port, _, protocol in objects.bindings(inspected)}
        return sorted(ports)

    def _own_labels(self, tenant: str | None) -> dict[str, str]:
        return {LABEL_INSTALLATION: self.installation} | ({LABEL_TENANT: tenant} if tenant else {})

    def _of_layer(self, reference: LayerReference, component: str | None = None) -> list[Workload]:
        only = {LABEL_COMPONENT: component} if component else {}
        return self._workloads(objects.layer_labels(self.installation, reference) | only)

    def _workloads(self, labels: Mapping[str, str]) -> list[Workload]:
        """The listing alone lacks exit codes, restarts and start times."""
        listed = [c for c in self.api.listed("/containers/json", labels, {"all": "1"}) if not objects.is_one_off(c)]
        return sorted(map(objects.workload, self._inspected([c["Id"] for c in listed])), key=lambda w: w.name)

    def _inspected(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        return [answer for answer in in_parallel(self._inspect, ids) if answer]

    def _inspect(self, id: str) -> dict[str, Any] | None:
        """None for one that disappeared after it was listed."""
        try:
            return self.api.get(f"/containers/{id}/json")
        except NotFound:
            return None

    # one container

    def logs(
        self,
        workload: Workload,
        *,
        tail: int | None = None,
        follow: bool = False,
        since: str | None = None,
        timestamps: bool = False,
    ) -> Iterator[str]:
        """Lines of both streams; ``since`` is a duration (10m) or a time. Raises InvalidValue, NotFound before the first line."""
        query = {"stdout": 1, "stderr": 1, "follow": int(follow), "timestamps": int(timestamps), "tail": "all" if tail is None else tail}
        if since is not None:
            query["since"] = streams.since_seconds(since, time.time())
        terminal = self.api.get(f"/containers/{workload.id}/json")["Config"]["Tty"]
        return self._log_lines(workload.id, query, streams.raw if terminal else streams.frames, None if follow else 60.0)

    def _log_lines(self, id: str, query: Mapping[str, Any], decode: Callable, timeout_seconds: float | None) -> Iterator[str]:
        with self.api.stream("GET", f"/containers/{id}/logs", query, timeout_seconds=timeout_seconds) as response:
            yield from streams.lines(decode(response))

    def execute(self, workload: Workload, command: Sequence[str], *, timeout_seconds: float = 300.0) -> tuple[int, str]:
        """Raises NotFound, NotAllowed when the container does not run, EngineUnavailable after so long without any output."""
        if not command:
            raise InvalidValue("no command was given", "looma tenant exec TENANT SERVICE -- COMMAND")
        code, output = run_program(self.api, workload, command, timeout_seconds, self._exit_code)
        return code, output.decode("utf-8", errors="replace")

    def run_once(
        self, layer: RenderedLayer, component: str, arguments: Sequence[str], *, limit_seconds: float = 600.0
    ) -> tuple[int, str]:
        found = self._of_layer(layer.reference, component)
        ended = once.in_running(self.api, found[0], arguments, limit_seconds, self._exit_code) if found else None
        return ended or once.in_new(self.api, self._compose, layer, component, arguments, limit_seconds)

    def open_program(self, workload: Workload, command: Sequence[str], *, mark: str = "") -> AbstractContextManager[ExecProgram]:
        return open_program(self.api, workload, command, mark, self._exit_code)

    def end_programs(self, workload: Workload, mark: str) -> int:
        return end_programs(self.api, workload, mark, self._exit_code)

    def volume_paths(self, workload: Workload) -> list[str]:
        return beside.volume_paths(self.api, workload)

    def open_beside(
        self, workload: Workload, image: str, command: Sequence[str], *, read_only: bool
    ) -> AbstractContextManager[ExecProgram]:
        return beside.open_beside(self.api, workload, image, command, read_only)

    def end_beside(self, workload: Workload) -> None:
        beside.end_beside(self.api, workload)

    def join(self, workload: Workload, network: str) -> None:
        networks.join(self.api, self.installation, workload, network)

    def leave(self, workload: Workload, network: str) -> None:
        networks.leave(self.api, workload, network)

    def switch(self, workload: Workload, *, on: bool) -> None:
        self.api.post(f"/containers/{workload.id}/{'start' if on else 'stop'}", extra_seconds=600)

    def _exit_code(self, id: str) -> int:
        """The engine notes it a moment after it has closed the stream."""
        deadline = time.monotonic() + EXIT_CODE_SECONDS
        while (code := self.api.get(f"/exec/{id}/json")["ExitCode"]) is None:
            if time.monotonic() > deadline:
                raise EngineUnavailable("the engine does not say how the command ended", BUSY_HINT)
            time.sleep(0.01)
        return code

    def read_file(self, workload: Workload, path: str) -> str | None:
        """Through the archive interface, which needs neither a running container nor a shell in it; it sees volumes, but no tmpfs."""
        try:
            with self.api.stream("GET", f"/containers/{workload.id}/archive", {"path": path}, timeout_seconds=60) as response:
                return objects.archived_text(response.read())
        except NotFound:
            self.api.get(f"/containers/{workload.id}/json")  # raises NotFound where not the file, but the container is missing
            return None

    def attach(self, workload: Workload, command: Sequence[str], *, interactive: bool, terminal: bool) -> int:
        options = ["--interactive"] * interactive + ["--tty"] * terminal
        return foreground([self._docker(), "exec", *options, workload.id, *command], self._compose.connected())


def _information(info: Mapping[str, Any], version: Mapping[str, Any], compose: str) -> EngineInformation:
    major, _, minor = version["ApiVersion"].partition(".")
    return EngineInformation(
        version=version["Version"],
        api=(int(major), int(minor)),
        compose=compose,
        cpus=info["NCPU"],
        memory_bytes=info["MemTotal"],
        root_directory=info["DockerRootDir"],
        rootless=any("rootless" in option for option in info.get("SecurityOptions") or ()),
        id=info.get("ID") or "",
    )
