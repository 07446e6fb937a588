"""The contract of a relay, on the fake and on the real one: who reaches whom, what a killed looma leaves, and what is left at the end."""

from __future__ import annotations

import http.server
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.adapters.hosts import LocalHost
from looma_cli.adapters.relay import LocalPlace, NginxRelay
from looma_cli.adapters.relay.container import labels
from looma_cli.errors import ImageUnavailable, LoomaError
from looma_cli.model.relay import RelayLine
from looma_cli.model.tenant import LayerReference
from tests.engine_objects import TEST_LABEL, owner_mark, start_container
from tests.fakes.daemon import FakeContainer, FakeDaemon, FakeNetwork
from tests.fakes.datastore import FakeStores
from tests.fakes.relay import FakeRelay

IMAGE = "looma/nginx:1.30"
LEADER = "looma-acme-data-g1-mysql-1"


class Rig(Protocol):
    """A leader on one host and a follower's network on another. ``relay`` is as another process has it: what one had open is gone."""

    line: RelayLine

    def relay(self) -> Any: ...
    def reaches(self) -> bool:
        """Whether a container on the follower's network reaches the leader under its name."""
        ...

    def left(self) -> list[str]: ...
    def clean_up(self) -> None: ...


class FakeRig:
    def __init__(self) -> None:
        self.line = RelayLine(LayerReference("acme", "data", 2), "mysql", LEADER, (("127.0.0.1", 3306, 3306),), IMAGE)
        self.there = FakeDaemon(images={IMAGE}, networks={self.line.layer.project: FakeNetwork(self.line.layer.project)})
        self.stores = FakeStores(FakeDaemon())
        self.stores.daemons["b"] = self.there
        self.follower = FakeContainer("f", "follower", "any:1", networks={self.line.layer.project}, state="running")
        self.there.containers["follower"] = self.follower

    def relay(self) -> FakeRelay:
        self.stores.lines.clear()
        return FakeRelay("fa0000000001", self.stores.daemons["local"], self.there, self.stores.lines)

    def reaches(self) -> bool:
        return self.stores.relayed(self.follower, LEADER) and bool(self.stores.lines)

    def left(self) -> list[str]:
        return [name for name in self.there.containers if name != "follower"]

    def clean_up(self) -> None:
        return None


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        return None


class RealRig:
    """Both hosts are this machine; the leader is a server on its loopback address."""

    def __init__(self, api: EngineApi) -> None:
        self.api = api
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.installation = uuid.uuid4().hex[:12]
        layer = LayerReference(f"t{uuid.uuid4().hex[:8]}", "data", 2)
        self.line = RelayLine(layer, "mysql", LEADER, (("127.0.0.1", self.server.server_port, 80),), IMAGE)
        api.post("/networks/create", body={"Name": layer.project, "Labels": {TEST_LABEL: owner_mark()}})
        settings = {"HostConfig": {"NetworkMode": layer.project}, "Entrypoint": []}
        self.follower = start_container(api, f"{layer.project}-follower", IMAGE, **settings)
        self.places: list[LocalPlace] = []

    def relay(self) -> NginxRelay:
        for place in self.places:  # the sockets of a process end with it
            place.close()
        self.places.append(LocalPlace())
        return NginxRelay(LocalHost(), self.api, self.places[-1], self.installation)

    def reaches(self) -> bool:
        request = {"Cmd": ["wget", "-q", "-T", "5", "-O", "-", f"http://{LEADER}/"], "AttachStdout": True}
        id = self.api.post(f"/containers/{self.follower}/exec", body=request)["Id"]
        answer = self.api.exchange("POST", f"/exec/{id}/start", body={"Detach": False, "Tty": True}).body
        return answer.strip() == b"ok"

    def left(self) -> list[str]:
        found = self.api.listed("/containers/json", labels(self.installation, self.line), {"all": "1"})
        return [one["Names"][0] for one in found]

    def clean_up(self) -> None:
        with suppress(LoomaError):
            self.relay().remove(self.line)
        self.server.shutdown()
        self.server.server_close()
        self.api.delete(f"/containers/{self.follower}", {"force": "1"})
        self.api.delete(f"/networks/{self.line.layer.project}")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.engine)])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    rig = FakeRig() if request.param == "fake" else RealRig(request.getfixturevalue("engine_required"))
    yield rig
    rig.clean_up()


def test_a_line_leads_to_the_leader_until_it_is_removed(rig: Rig) -> None:
    relay = rig.relay()
    assert not rig.reaches()
    relay.ensure(rig.line)
    relay.ensure(rig.line)
    assert rig.reaches()
    assert len(rig.left()) == 1
    relay.remove(rig.line)
    relay.remove(rig.line)
    assert (rig.reaches(), rig.left()) == (False, [])


def test_what_a_killed_process_left_leads_nowhere_and_is_taken_up_by_the_next(rig: Rig) -> None:
    rig.relay().ensure(rig.line)
    relay = rig.relay()
    assert not rig.reaches()
    before = rig.left()
    relay.ensure(rig.line)
    assert rig.reaches()
    assert rig.left() == before


def test_a_line_of_a_dead_process_is_removed_by_its_layer_and_store_alone(rig: Rig) -> None:
    rig.relay().ensure(rig.line)
    rig.relay().remove(RelayLine(rig.line.layer, rig.line.store))
    assert rig.left() == []


def test_an_image_that_is_not_there_is_named(rig: Rig) -> None:
    absent = RelayLine(rig.line.layer, rig.line.store, rig.line.name, rig.line.ports, "looma/absent:1")
    with pytest.raises(ImageUnavailable, match="looma/absent:1"):
        rig.relay().ensure(absent)
