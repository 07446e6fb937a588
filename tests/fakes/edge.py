"""FakeEdge: implements ``Edge`` in memory, answers requests as the Nginx would, and passes the same contract tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from looma_cli.adapters.edge.configuration import checked, path_prefix, tenant_name
from looma_cli.errors import EdgeRefused, EngineUnavailable, ImageUnavailable, InvalidValue, NotFound, PortTaken, Unreachable
from looma_cli.model.layer import LABEL_COMPONENT, LABEL_INSTALLATION, LABEL_KIND, LABEL_LAYER
from looma_cli.model.route import ROUTE_MODES, EdgeRecord, EdgeSpecification, Route, Upstream
from tests.fakes.daemon import FakeContainer, FakeDaemon
from tests.fakes.failing import Failure

READS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class EdgeAnswer:
    """What a client sees. ``service`` and ``path`` are the upstream's and what it was asked; empty where the edge answered itself."""

    status: int
    service: str = ""
    path: str = ""
    prefix: str = ""
    retry_after: str = ""
    content_type: str = ""
    body: str = ""


@dataclass
class EdgeVolume:
    """What outlives the container."""

    routes: dict[str, Route] = field(default_factory=dict)


class FakeEdge:
    """``failures`` raise on purpose; ``drains``, ``settles`` False let those time out; ``calls`` is what was asked: (method, tenant)."""

    def __init__(self, installation: str = "fa0000000001", daemon: FakeDaemon | None = None, volume: EdgeVolume | None = None) -> None:
        self.installation = installation
        self.daemon = daemon or FakeDaemon()
        self.volume = volume or EdgeVolume()
        self.specification: EdgeSpecification | None = None
        self.failures: list[Failure] = []
        self.drains = True
        self.settles = True
        self.on_settle: Callable[[], object] = lambda: None  # what happens while it waits
        self.calls: list[tuple[str, str]] = []

    def again(self) -> FakeEdge:
        """The adapter as another process has it."""
        other = FakeEdge(self.installation, self.daemon, self.volume)
        other.specification = self.specification
        return other

    def fail_on(self, method: str, error: BaseException, *, call: int = 1) -> None:
        self.failures.append(Failure(method, error, None, call))

    def _called(self, method: str, tenant: str = "") -> None:
        self.calls.append((method, tenant))
        if not self.daemon.answers:
            raise EngineUnavailable("no container engine answers at fake", "start it")
        for failure in [f for f in self.failures if f.method == method]:
            failure.call -= 1
            if failure.call == 0:
                self.failures.remove(failure)
                raise failure.error

    # --- the container ------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return f"looma-edge-{self.installation}"

    def ensure(self, specification: EdgeSpecification) -> None:
        self._called("ensure")
        if self.daemon.images is not None and specification.image not in self.daemon.images:
            raise ImageUnavailable(f"the edge's image {specification.image} is not on the host", "pull it")
        labels = {LABEL_INSTALLATION: self.installation, LABEL_LAYER: "edge", LABEL_COMPONENT: "edge", LABEL_KIND: "edge"}
        ports = tuple(("0.0.0.0", port, port, "tcp") for port in (specification.http_port, specification.https_port))
        ours = self.daemon.containers.get(self.name) or FakeContainer(self.daemon.new_id(), self.name, specification.image, labels)
        self._require_free(ours, *(port for _, port, _, _ in ports))
        ours.image, ours.ports, ours.state, ours.volumes = specification.image, ports, "running", (self.name,)
        self.daemon.containers[self.name] = ours
        self.daemon.volumes[self.name] = labels
        self.specification = specification

    def _require_free(self, ours: FakeContainer, *ports: int) -> None:
        for port in ports:
            if self.daemon.port_holder("0.0.0.0", port, "tcp", but=ours):
                raise PortTaken(f"port {port} is taken on the host by something else", "choose another port", port=port, address="0.0.0.0")

    def start(self) -> bool:
        self._called("start")
        ours = self.daemon.containers.get(self.name)
        if ours is not None and ours.state != "running":
            self._require_free(ours, *(port for _, port, _, _ in ours.ports), *(r.public_port for r in self.volume.routes.values()))
            ours.state = "running"
        return ours is not None

    def running(self) -> bool:
        self._called("running")
        return self._runs()

    def _runs(self) -> bool:
        return self.name in self.daemon.containers and self.daemon.containers[self.name].state == "running"

    def _require_running(self) -> None:
        if not self._runs():
            raise Unreachable("the edge is not running on this host", "start a tenant")

    def stop(self) -> None:
        """As ``docker stop`` would."""
        self.daemon.containers[self.name].state = "exited"

    def destroy(self) -> None:
        self._called("destroy")
        self.daemon.containers.pop(self.name, None)
        self.daemon.volumes.pop(self.name, None)
        self.volume.routes.clear()

    # --- routes -------------------------------------------------------------------------------------------------------

    def apply(self, route: Route) -> None:
        self._called("apply", route.tenant)
        _require_mode(route.mode)
        _require_harmless(route)
        self._require_running()
        others = [r for r in self.volume.routes.values() if r.tenant != route.tenant]
        if any(r.public_port == route.public_port for r in others):
            raise PortTaken(f"port {route.public_port} is another tenant's", "choose another port", port=route.public_port)
        if self.volume.routes.get(route.tenant, route).public_port != route.public_port or route.tenant not in self.volume.routes:
            self._require_free(self.daemon.containers[self.name], route.public_port)
        if route.hostname and any(r.hostname == route.hostname for r in others):
            raise EdgeRefused(f"the edge refused the route of {route.tenant}: conflicting hostname", "mend the values")
        _require_pair(route)
        self.volume.routes[route.tenant] = route

    def set_mode(self, tenant: str, mode: str) -> None:
        self._called("set_mode", tenant)
        _require_mode(mode)
        self._require_running()
        if tenant in self.volume.routes:
            self.volume.routes[tenant] = replace(self.volume.routes[tenant], mode=mode)
        elif mode == "serving":
            raise NotFound(f"the edge has no route of {tenant}", "start the tenant")

    def remove(self, tenant: str) -> None:
        self._called("remove", tenant)
        self._require_running()
        self.volume.routes.pop(tenant, None)

    def routes(self) -> list[str]:
        self._called("routes")
        return sorted(self.volume.routes) if self.name in self.daemon.containers else []

    def recall(self) -> EdgeRecord | None:
        self._called("recall")
        if self.name not in self.daemon.containers or self.specification is None:
            return None
        routes = tuple(self.volume.routes[tenant] for tenant in sorted(self.volume.routes))
        return EdgeRecord(self.specification.http_port, self.specification.https_port, routes)

    def settle(self, tenant: str, timeout_seconds: float) -> bool:
        self._called("settle", tenant)
        self._require_running()
        self.on_settle()
        return self.settles

    def drain(self, timeout_seconds: float) -> bool:
        self._called("drain")
        self._require_running()
        return self.drains

    def mode(self, tenant: str) -> str:
        return self.volume.routes[tenant].mode

    # --- what clients see ---------------------------------------------------------------------------------------------

    def answer(self, port: int, path: str = "/", *, method: str = "GET", host: str = "", accept: str = "*/*") -> EdgeAnswer | None:
        """None where nothing listens on that port."""
        if not self._runs() or self.specification is None:
            return None
        owner = next((r for r in self.volume.routes.values() if r.public_port == port), None)
        if owner is None and port != self.specification.http_port:
            return None
        name = host.rpartition(":")[0] or host
        named = next((r for r in self.volume.routes.values() if r.hostname and r.hostname == name.lower()), None)
        if (owner and named and owner is not named) or not (owner or named):
            return EdgeAnswer(404)
        return _answer_of(owner or named, path, method, accept)  # type: ignore[arg-type]

    def answer_tls(self, server_name: str, path: str = "/") -> EdgeAnswer | None:
        """None where the handshake is refused."""
        route = next((r for r in self.volume.routes.values() if r.hostname == server_name and r.certificate), None)
        return _answer_of(route, path, "GET", "*/*") if route and self._runs() else None


def _answer_of(route: Route, path: str, method: str, accept: str) -> EdgeAnswer:
    if route.mode in ("suspended", "stopped", "moved") or (route.mode == "frozen" and method not in READS):
        kind = "application/json" if "json" in accept and "text/html" not in accept else "text/html; charset=utf-8"
        return EdgeAnswer(503, retry_after="5" if route.mode == "frozen" else "300", content_type=kind, body=route.mode)
    chosen = max((u for u in route.upstreams if _matches(u, path)), key=lambda u: len(u.prefix), default=None)
    if chosen is None:
        return EdgeAnswer(404)
    if chosen.prefix == "/":
        return EdgeAnswer(200, chosen.service, path)
    return EdgeAnswer(200, chosen.service, "/" + path[len(chosen.prefix) :].removeprefix("/"), chosen.prefix)


def _matches(upstream: Upstream, path: str) -> bool:
    return upstream.prefix == "/" or path.startswith((f"{upstream.prefix}/", f"{upstream.prefix}?")) or path == upstream.prefix


def _require_mode(mode: str) -> None:
    if mode not in ROUTE_MODES:
        raise InvalidValue(f"{mode!r} is no mode of a route", f"use one of {', '.join(ROUTE_MODES)}")


def _require_harmless(route: Route) -> None:
    tenant_name(route.tenant)
    for value in (route.public_port, route.hostname or "none"):
        checked(value)
    for upstream in route.upstreams:
        path_prefix(upstream)
        for value in (upstream.service, upstream.address, upstream.port):
            checked(value)


def _require_pair(route: Route) -> None:
    """Certificate and key are PEM and belong together, as ``nginx -t`` finds out."""
    if not (route.hostname and route.certificate and route.private_key):
        return
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        certificate = x509.load_pem_x509_certificate(route.certificate.encode())
        key = load_pem_private_key(route.private_key.encode(), None)
    except ValueError as error:
        raise EdgeRefused(f"the edge refused the route of {route.tenant}: {error}", "mend the certificate") from error
    if certificate.public_key() != key.public_key():
        raise EdgeRefused(f"the edge refused the route of {route.tenant}: key values mismatch", "mend the certificate")
