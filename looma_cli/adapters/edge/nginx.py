"""NginxEdge: the Edge protocol on one Nginx container, through the engine's API (archives and one exec per change)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from looma_cli.adapters.edge import configuration
from looma_cli.adapters.edge.configuration import HOME, Configuration, archive, skeleton, tenant_name
from looma_cli.adapters.edge.container import (
    LABEL_SPECIFICATION,
    STOP_SECONDS,
    container_request,
    does_not_start,
    labels,
    out_of_memory,
    port_taken,
    refusal,
    settled,
    specification_digest,
    taken_port,
)
from looma_cli.adapters.edge.engine_api import ContainerApi, demultiplexed
from looma_cli.adapters.edge.recall import base_folder, recorded, unpacked
from looma_cli.adapters.engine.way import Way
from looma_cli.errors import CommandFailed, ImageUnavailable, InvalidValue, NotFound, Unreachable
from looma_cli.model.layer import LABEL_INSTALLATION
from looma_cli.model.route import ROUTE_MODES, EdgeRecord, EdgeSpecification, Route

REFUSED, TAKEN, NOT_RELOADED, UNKNOWN, TIMED_OUT, OUT_OF_MEMORY = 3, 4, 5, 6, 7, 8  # exit codes of templates/edge/change.sh
KILLED = 137
QUEUE_SECONDS = 120.0  # changes of other tenants go first
START_ATTEMPTS = 20  # of about a second each
MOST_WORKERS = 4


class NginxEdge:
    """The one Nginx of an installation on the host that ``docker_host`` (see ContainerApi) leads to.

    ``templates`` is the project's template folder. ``extra_labels`` mark what tests create.
    """

    def __init__(
        self, docker_host: str | Way | None, installation: str, templates: Path, *, extra_labels: Mapping[str, str] | None = None
    ) -> None:
        self._api = ContainerApi(docker_host)
        self._installation = tenant_name(installation)
        self._name = f"looma-edge-{installation}"
        self._configuration = Configuration(templates)
        self._labels = labels(installation, extra_labels or {})

    # --- the container ------------------------------------------------------------------------------------------------

    def ensure(self, specification: EdgeSpecification) -> None:
        """See Edge. Routes and modes live in the volume, so that they outlive the container."""
        self._require_image(specification.image)
        base = self._configuration.base(specification, self._workers())
        start = self._configuration.script("start.sh")
        digest = specification_digest(specification, base, start)
        existing = self._whole_container()
        if existing and existing["Config"]["Labels"].get(LABEL_SPECIFICATION) == digest:
            self._start_existing(existing)
            return
        self._api.call("POST", "/volumes/create", body={"Name": self._name, "Labels": self._labels})
        request = container_request(specification, self._name, start, digest, self._labels)
        self._replace(request, f"base/{digest}", base, existing is not None)

    def _require_image(self, image: str) -> None:
        if self._api.call("GET", f"/images/{image}/json", allow=(404,)).status == 404:
            raise ImageUnavailable(f"the edge's image {image} is not on the host", "run `looma image build`, or pull it")

    def _workers(self) -> int:
        return max(1, min(MOST_WORKERS, int(self._api.call("GET", "/info").json().get("NCPU", 1))))

    def _inspect(self, name: str | None = None) -> dict[str, Any] | None:
        answer = self._api.call("GET", f"/containers/{name or self._name}/json", allow=(404,))
        if answer.status == 404:
            return None
        found: dict[str, Any] = answer.json()
        if found["Config"]["Labels"].get(LABEL_INSTALLATION) != self._installation:
            raise CommandFailed(f"a container {self._name} exists that is not looma's", "rename or remove it")
        return found

    def _whole_container(self) -> dict[str, Any] | None:
        """The edge's container, after what a killed ``ensure`` left half done is put back or taken away."""
        previous = f"{self._name}-previous"
        found = self._inspect()
        if self._inspect(previous):
            self._remove_container(self._name)
            self._put_back(previous)
            return self._inspect()
        if found and found["State"]["Status"] == "created":  # perhaps without its files
            self._remove_container(self._name)
            return None
        return found

    def _start_existing(self, existing: Mapping[str, Any]) -> None:
        if not self._serves(existing):
            self._api.call("POST", f"/containers/{self._name}/start", allow=(304,))
        self._wait_until_ready()  # a running one too: the engine may have started it just now

    def start(self) -> bool:
        """See Edge. One that has just been started may be about to end: it seems to run for as long as nginx tries to bind."""
        existing = self._inspect()
        if existing is not None and not (self._serves(existing) and settled(existing, time.time())):
            self._start_existing(existing)
        return existing is not None

    @staticmethod
    def _serves(container: Mapping[str, Any]) -> bool:
        return bool(container["State"]["Running"]) and not container["State"].get("Restarting")

    def _replace(self, request: Mapping[str, Any], folder: str, base: Mapping[str, str], existing: bool) -> None:
        """A new container in place of the old one, which comes back if the new one does not start."""
        previous = f"{self._name}-previous"
        if existing:
            self._remove_container(previous)
            self._api.call("POST", f"/containers/{self._name}/rename", query={"name": previous})
        try:
            self._create(request, folder, base, previous if existing else None)
            self._wait_until_ready()
        except BaseException:
            self._remove_container(self._name)
            if existing:
                self._put_back(previous)
            raise
        self._remove_container(previous)

    def _put_back(self, previous: str) -> None:
        self._api.call("POST", f"/containers/{previous}/rename", query={"name": self._name})
        self._api.call("POST", f"/containers/{self._name}/start", allow=(304,))
        self._wait_until_ready()

    def _create(self, request: Mapping[str, Any], folder: str, base: Mapping[str, str], previous: str | None) -> None:
        self._api.call("POST", "/containers/create", query={"name": self._name}, body=request)
        self._upload(skeleton())
        self._upload(archive(folder, {name: (text, configuration.PUBLIC) for name, text in base.items()}))
        if previous:
            self._api.call("POST", f"/containers/{previous}/stop", query={"t": STOP_SECONDS}, allow=(304,))
        self._api.call("POST", f"/containers/{self._name}/start")

    def _wait_until_ready(self) -> None:
        for _ in range(START_ATTEMPTS):
            try:
                code, _ = self._change("ready")
            except (CommandFailed, Unreachable):  # it is just ending, or starting again
                code = TIMED_OUT
            if code == 0:
                return
            error = taken_port(self._log())
            if error:
                raise error
        raise does_not_start(self._log() or self._log_since(0))

    def _log(self) -> str:
        """What nginx said since the container last started, up to 100 lines."""
        found = self._inspect()
        since = datetime.fromisoformat(found["State"]["StartedAt"]).timestamp() if found else 0
        return self._log_since(since)

    def _log_since(self, since: float) -> str:
        query = {"stdout": "0", "stderr": "1", "tail": "100", "since": f"{since:.3f}"}
        return demultiplexed(self._api.call("GET", f"/containers/{self._name}/logs", query=query).body)

    def _upload(self, tar: bytes) -> None:
        self._api.call("PUT", f"/containers/{self._name}/archive", query={"path": HOME}, body=tar)

    def _remove_container(self, name: str) -> None:
        if self._inspect(name):
            self._api.call("DELETE", f"/containers/{name}", query={"force": "1", "v": "1"}, allow=(404, 409))

    def running(self) -> bool:
        existing = self._inspect()
        return existing is not None and self._serves(existing)

    def destroy(self) -> None:
        """See Edge."""
        for name in (self._name, f"{self._name}-previous"):
            self._remove_container(name)
        self._api.call("DELETE", f"/volumes/{self._name}", allow=(404,))

    # --- routes -------------------------------------------------------------------------------------------------------

    def apply(self, route: Route) -> None:
        """See Edge. Raises PortTaken where the public port is somebody else's, Unreachable where no edge runs."""
        _require_mode(route.mode)
        version, files = self._configuration.tenant(route)
        with _running():
            self._upload(archive(f"incoming/{route.tenant}.{version}", files))
        code, output = self._change("apply", route.tenant, version, str(route.public_port), route.mode)
        if code == TAKEN:
            raise port_taken(route.public_port)
        if code == NOT_RELOADED:
            log = self._log()
            raise taken_port(log, route.public_port) or refusal(log, f"the route of {route.tenant}")
        self._require_done(code, output, f"the route of {route.tenant}")

    def set_mode(self, tenant: str, mode: str) -> None:
        """See Edge. Closing a tenant that has no route changes nothing; opening one raises NotFound."""
        _require_mode(mode)
        code, output = self._change("mode", tenant_name(tenant), mode)
        if code == UNKNOWN:
            raise NotFound(f"the edge has no route of {tenant}", f"run `looma tenant start {tenant}`")
        self._require_done(code, output, f"the mode of {tenant}")

    def remove(self, tenant: str) -> None:
        code, output = self._change("remove", tenant_name(tenant))
        self._require_done(code, output, f"to forget {tenant}")

    def routes(self) -> list[str]:
        """See Edge; read from the volume, so that a stopped edge answers as well."""
        return sorted(name for name, link in self._folder(f"{HOME}/tenants").items() if link)

    def recall(self) -> EdgeRecord | None:
        """See Edge; read from the volume like ``routes``."""
        found = self._inspect()
        base = base_folder(found["Config"]["Env"]) if found else None
        if base is None:
            return None
        return recorded(*(self._folder(folder) for folder in (base, f"{HOME}/tenants", f"{HOME}/modes", f"{HOME}/versions")))

    def _folder(self, path: str) -> dict[str, str]:
        """Files of a folder of the volume: relative path -> text, or where a link leads to. Empty where there is none."""
        answer = self._api.call("GET", f"/containers/{self._name}/archive", query={"path": path}, allow=(404,))
        return {} if answer.status == 404 else unpacked(answer.body)

    def settle(self, tenant: str, timeout_seconds: float) -> bool:
        """See Edge."""
        code, output = self._change("settle", tenant_name(tenant), str(max(0, ceil(timeout_seconds))), extra_seconds=timeout_seconds)
        if code != TIMED_OUT:
            self._require_done(code, output, f"to wait for writes of {tenant}")
        return code == 0

    def drain(self, timeout_seconds: float) -> bool:
        """See Edge."""
        code, output = self._change("drain", str(max(0, ceil(timeout_seconds))), extra_seconds=timeout_seconds)
        if code != TIMED_OUT:
            self._require_done(code, output, "to drain")
        return code == 0

    def _change(self, *arguments: str, extra_seconds: float = QUEUE_SECONDS) -> tuple[int, str]:
        """One exec of change.sh, which takes the lock and does the whole change."""
        script = self._configuration.script("change.sh")
        with _running():
            return self._api.execute(self._name, ["/bin/sh", "-c", script, "change", *arguments], extra_seconds=extra_seconds)

    @staticmethod
    def _require_done(code: int, output: str, what: str) -> None:
        if code == REFUSED:
            raise refusal(output, what)
        if code in (OUT_OF_MEMORY, KILLED):
            raise out_of_memory(what)
        if code:
            last = (output.strip().splitlines() or ["no message"])[-1]
            raise CommandFailed(f"the edge did not take {what}: {last[:300]}", "see `docker logs` of the edge, and try again")


def _require_mode(mode: str) -> None:
    if mode not in ROUTE_MODES:
        raise InvalidValue(f"{mode!r} is no mode of a route", f"use one of {', '.join(ROUTE_MODES)}")


@contextmanager
def _running() -> Iterator[None]:
    """Raises Unreachable where the engine says that there is no such container (404), or that it does not run (409)."""
    try:
        yield
    except CommandFailed as error:
        if error.details.get("status") not in (404, 409):
            raise
        raise Unreachable("the edge is not running on this host", "start a tenant, which starts the edge, or see `looma doctor`") from error
