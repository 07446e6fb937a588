"""What only a real Nginx can show: connections, TLS, crashes, and processes side by side."""

from __future__ import annotations

import http.client
import io
import json
import multiprocessing
import socket
import ssl
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from looma_cli.adapters.edge.configuration import HOME, Configuration, archive
from looma_cli.adapters.edge.engine_api import ContainerApi
from looma_cli.errors import CommandFailed, PortTaken
from looma_cli.model.route import Upstream
from tests.certificates import self_signed
from tests.contract.edge_load import Service
from tests.contract.edges import LOOPBACK, ROOT, NginxEdgeRig, ask_on, route

pytestmark = pytest.mark.engine


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Iterator[NginxEdgeRig]:
    rig = NginxEdgeRig(request.getfixturevalue("engine_required"))
    rig.edge.ensure(rig.specification)
    yield rig
    rig.clean_up()


def run(rig: NginxEdgeRig, script: str) -> str:
    """Output of a shell command inside the edge."""
    return ContainerApi(None).execute(rig.name, ["/bin/sh", "-c", script])[1].strip()


def volume_files(rig: NginxEdgeRig, folder: str) -> dict[str, tarfile.TarInfo]:
    body = ContainerApi(None).call("GET", f"/containers/{rig.name}/archive", query={"path": f"{HOME}/{folder}"}).body
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {entry.name: entry for entry in tar}


def last_access(rig: NginxEdgeRig) -> dict[str, str]:
    """The newest line of the access log, which the engine may write a little later than the answer goes out."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        log = ContainerApi(None).call("GET", f"/containers/{rig.name}/logs", query={"stdout": "1", "tail": "1"}).body
        if log:
            return json.loads(log[8:])
        time.sleep(0.05)
    pytest.fail("the edge logged no access within 10 s")


# --- requests ---------------------------------------------------------------------------------------------------------


def test_a_service_is_told_who_asked_for_what(rig: NginxEdgeRig) -> None:
    here = route(rig, hostname="who.example.com", upstreams=(rig.upstream("entry"), rig.upstream("users", "/user-service")))
    rig.edge.apply(here)
    connection = http.client.HTTPConnection(LOOPBACK, rig.specification.http_port, timeout=10)
    given = {"Host": "WHO.example.com:81", "X-Forwarded-Prefix": "/forged", "X-Real-IP": "8.8.8.8", "X-Request-ID": "forged"}
    connection.request("GET", "/user-service/x", headers=given)
    response = connection.getresponse()
    seen = json.loads(response.read())["headers"]
    assert seen["host"] == seen["x-forwarded-host"] == "WHO.example.com:81"
    assert seen["x-forwarded-prefix"] == "/user-service"
    assert seen["x-real-ip"] == seen["x-forwarded-for"] == LOOPBACK
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-request-id"] == response.headers["X-Request-ID"] != "forged"
    assert response.headers["Server"] == "nginx"
    line = last_access(rig)
    assert (line["tenant"], line["path"], line["status"]) == (here.tenant, "/user-service/x", "200")


def test_a_large_body_passes_and_a_huge_one_does_not(rig: NginxEdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    connection = http.client.HTTPConnection(LOOPBACK, here.public_port, timeout=30)
    connection.request("POST", "/", body=b"x" * 3_000_000)
    assert connection.getresponse().status == 200
    refused = http.client.HTTPConnection(LOOPBACK, here.public_port, timeout=30)
    refused.putrequest("POST", "/")
    refused.putheader("Content-Length", str(101 * 2**20))
    refused.endheaders()
    assert refused.getresponse().status == 413


def test_a_websocket_is_upgraded(rig: NginxEdgeRig) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        here = route(rig, upstreams=(Upstream("/", "socket", LOOPBACK, server.getsockname()[1]),))
        rig.edge.apply(here)
        client = socket.create_connection((LOOPBACK, here.public_port), 10)
        client.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        service, _ = server.accept()
        asked = service.recv(4096).lower()
        service.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 101")
        client.sendall(b"ping")
        assert service.recv(4096) == b"ping"
        service.sendall(b"pong")
        assert client.recv(4096) == b"pong"
    assert b"connection: upgrade" in asked
    assert b"upgrade: websocket" in asked


def test_an_own_503_of_a_service_passes_unchanged(rig: NginxEdgeRig) -> None:
    with Service("busy", status=503) as busy:
        here = route(rig, upstreams=(busy.upstream,))
        rig.edge.apply(here)
        answer = rig.ask(here.public_port)
    assert (answer.status, answer.body, answer.retry_after) == (503, "busy", "")


def test_only_tls_1_3_is_spoken_and_the_key_is_private(rig: NginxEdgeRig) -> None:
    chain, key = self_signed("tls.example.com")
    here = route(rig, hostname="tls.example.com", certificate=chain, private_key=key)
    rig.edge.apply(here)
    assert rig.ask_tls("tls.example.com").status == 200
    assert rig.ask_tls("tls.example.com", maximum=ssl.TLSVersion.TLSv1_2) is None
    context = ssl.create_default_context(cadata=chain)
    plain = socket.create_connection((LOOPBACK, rig.specification.https_port), 10)
    with context.wrap_socket(plain, server_hostname="tls.example.com") as secured:
        assert secured.version() == "TLSv1.3"
    modes = {Path(name).name: entry.mode for name, entry in volume_files(rig, "versions").items()}
    assert modes["key.pem"] == 0o600


# --- modes ------------------------------------------------------------------------------------------------------------


def test_a_mode_reaches_kept_alive_connections_at_once(rig: NginxEdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    connections = [http.client.HTTPConnection(LOOPBACK, here.public_port, timeout=10) for _ in range(16)]
    assert {ask_on(c).status for c in connections} == {200}
    sockets = [c.sock for c in connections]
    for mode, get, post in (("frozen", 200, 503), ("suspended", 503, 503), ("stopped", 503, 503), ("serving", 200, 200)):
        rig.edge.set_mode(here.tenant, mode)
        assert {ask_on(c).status for c in connections} == {get}
        assert {ask_on(c, method="POST").status for c in connections} == {post}
    assert [c.sock for c in connections] == sockets


def test_a_worker_that_was_replaced_while_frozen_never_writes_again(rig: NginxEdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    kept = [http.client.HTTPConnection(LOOPBACK, here.public_port, timeout=10) for _ in range(8)]
    rig.edge.set_mode(here.tenant, "frozen")
    assert {ask_on(c).status for c in kept} == {200}
    rig.edge.apply(replace(here, upstreams=(rig.upstream("second"),)))
    late = [ask_on(c, method="POST") for c in kept]
    assert {a.status for a in late} == {503}  # these connections still belong to workers that know the old upstream
    assert rig.ask(here.public_port, method="POST").service == "second"
    assert rig.edge.drain(15)
    assert rig.ask(here.public_port, method="POST").service == "second"


# --- crashes and restarts ---------------------------------------------------------------------------------------------


def test_everything_survives_a_restart_of_the_container(rig: NginxEdgeRig) -> None:
    chain, key = self_signed("stays.example.com")
    here = route(rig, hostname="stays.example.com", certificate=chain, private_key=key)
    suspended, frozen = route(rig, mode="suspended"), route(rig, mode="frozen")
    for one in (here, suspended, frozen):
        rig.edge.apply(one)
    rig.restart()
    rig.edge.ensure(rig.specification)
    assert rig.ask(here.public_port).status == 200
    assert rig.ask_tls("stays.example.com").status == 200
    assert rig.ask(suspended.public_port).status == 503
    assert rig.ask(frozen.public_port).status == 200
    assert rig.ask(frozen.public_port, method="POST").status == 503
    assert rig.edge.routes() == sorted(one.tenant for one in (here, suspended, frozen))


def test_a_looma_that_dies_before_its_change_leaves_the_old_route(rig: NginxEdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    version, files = Configuration(ROOT / "templates").tenant(replace(here, upstreams=(rig.upstream("never"),)))
    tar = archive(f"incoming/{here.tenant}.{version}", files)
    ContainerApi(None).call("PUT", f"/containers/{rig.name}/archive", query={"path": HOME}, body=tar)
    rig.edge.apply(route(rig))
    assert rig.ask(here.public_port).service == f"{here.tenant}-main"
    rig.restart()
    rig.edge.ensure(rig.specification)
    assert rig.ask(here.public_port).service == f"{here.tenant}-main"
    assert run(rig, f"ls {HOME}/incoming") == ""


def test_a_port_that_is_lost_between_check_and_reload_is_named(rig: NginxEdgeRig) -> None:
    """Bound, but not listening: the check does not see it, and only nginx's own attempt finds out."""
    kept, here = route(rig), route(rig)
    rig.edge.apply(kept)
    with socket.socket() as holder:
        holder.bind((LOOPBACK, here.public_port))
        with pytest.raises(PortTaken) as taken:
            rig.edge.apply(here)
    assert taken.value.details["port"] == here.public_port
    assert rig.edge.routes() == [kept.tenant]
    assert rig.ask(kept.public_port).status == 200
    rig.edge.apply(here)
    assert rig.ask(here.public_port).status == 200


def test_an_ensure_that_was_killed_half_way_is_mended(rig: NginxEdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    rig.api.post(f"/containers/{rig.name}/rename", {"name": f"{rig.name}-previous"})
    rig.edge.ensure(rig.specification)
    assert rig.ask(here.public_port).status == 200
    rig.api.post(f"/containers/{rig.name}/rename", {"name": f"{rig.name}-previous"})
    body = {"Image": rig.specification.image, "Labels": {"looma.installation": rig.installation}}
    rig.api.post("/containers/create", {"name": rig.name}, body)
    rig.edge.ensure(rig.specification)
    assert rig.ask(here.public_port).status == 200
    names = [c["Names"][0] for c in rig.api.listed("/containers/json", {"looma.installation": rig.installation}, {"all": "1"})]
    assert names == [f"/{rig.name}"]


def test_no_change_leaves_anything_behind(rig: NginxEdgeRig) -> None:
    here = route(rig)
    for service in ("one", "two", "three"):
        rig.edge.apply(replace(here, upstreams=(rig.upstream(service),)))
    rig.edge.set_mode(here.tenant, "frozen")
    rig.edge.remove(here.tenant)
    assert rig.edge.drain(15)
    assert run(rig, f"cd {HOME} && ls incoming modes retired tenants versions | grep -v : ; ls dirty 2>/dev/null") == ""


def _apply_in_a_process(installation: str, first_port: int, ports: list[int], upstream: Upstream) -> None:
    from looma_cli.adapters.edge import NginxEdge
    from looma_cli.model.route import Route

    edge = NginxEdge(None, installation, ROOT / "templates")
    for number, port in enumerate(ports):
        edge.apply(Route(f"p{first_port}-{number}", port, f"h{port}.example.com", (upstream,)))


def test_two_processes_apply_side_by_side(rig: NginxEdgeRig) -> None:
    upstream = rig.upstream("shared")
    shares = [[rig.free_port() for _ in range(10)] for _ in range(2)]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_apply_in_a_process, args=(rig.installation, ports[0], ports, upstream)) for ports in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(rig.edge.routes()) == 20
    assert [rig.ask(port).status for ports in shares for port in ports] == [200] * 20


def test_an_image_without_nginx_is_said_so_and_the_earlier_edge_goes_on(rig: NginxEdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    with pytest.raises(CommandFailed, match="nginx: not found"):
        rig.edge.ensure(replace(rig.specification, image="looma/base:bookworm"))
    assert rig.ask(here.public_port).status == 200


# --- the container ----------------------------------------------------------------------------------------------------


def test_the_container_may_do_little(rig: NginxEdgeRig) -> None:
    found = rig.api.get(f"/containers/{rig.name}/json")
    host = found["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert {name.removeprefix("CAP_") for name in host["CapAdd"]} == {"NET_BIND_SERVICE", "SETGID", "SETUID"}
    assert host["ReadonlyRootfs"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Memory"] == rig.specification.memory_bytes
    assert [mount["Type"] for mount in found["Mounts"]] == ["volume"]
    worker = run(rig, "grep -l '^nginx: worker' /proc/[0-9]*/cmdline | head -1 | cut -d/ -f3")
    status = run(rig, f"grep -E '^(Uid|CapEff|NoNewPrivs):' /proc/{worker}/status")
    assert status.split() == ["Uid:", *["65534"] * 4, "CapEff:", "0" * 16, "NoNewPrivs:", "1"]
