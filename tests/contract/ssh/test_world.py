"""A command's world and the hosts in its state: one connection to each that is needed, given back at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from looma_cli import settings
from looma_cli.errors import HostKeyChanged, NotFound
from looma_cli.model.host import Host
from looma_cli.wiring import RealWorld
from tests.contract.ssh.servers import Client, Sshd, new_key


@pytest.fixture
def world(client: Client, server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealWorld]:
    """With a host ``far``."""
    for name in ("PATH", "TMPDIR"):
        monkeypatch.setenv(name, client.environment[name])
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    world = RealWorld(settings.load({}, {"LOOMA_HOME": str(tmp_path / "home")}), lambda pid: None)
    with world.store.write() as state:
        state.save_host(Host("far", server.url, "127.0.0.1", host_key=server.host_key))
    yield world
    world.close()


def test_all_that_a_command_does_on_a_host_goes_over_one_connection(world: RealWorld, client: Client, server: Sshd) -> None:
    other = world.of_installation("another")
    assert client.directories() == []
    assert world.access("far").describe()["cpus"] >= 1
    assert world.access("far").reachable("127.0.0.1", server.port)[1] == server.port
    for each in (world, other):
        each.engine("far").api.way.open()  # type: ignore[attr-defined]
    assert server.log.count("Accepted publickey") == 1
    world.close()
    assert client.directories() == []


def test_the_machine_itself_needs_no_connection(world: RealWorld, client: Client, server: Sshd) -> None:
    assert world.access("local").describe()["cpus"] >= 1
    assert world.engine("local").api.way.place.startswith("at ")  # type: ignore[attr-defined]
    assert client.directories() == []


def test_a_host_is_known_by_its_record_alone(world: RealWorld, server: Sshd, client: Client) -> None:
    for adapter in (world.engine, world.edge, world.access):
        with pytest.raises(NotFound):
            adapter("nowhere")
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    with world.store.write() as state:
        state.save_host(Host("changed", elsewhere, "127.0.0.1", host_key=new_key(client.folder / "other")))
    with pytest.raises(HostKeyChanged, match="host changed"):
        world.access("changed").describe()


def test_workers_of_a_command_open_their_own_and_close_them(world: RealWorld, client: Client) -> None:
    assert world.access("far").describe()["cpus"] >= 1
    with world.workers.at_work(lambda number: world.access("far").describe()["hostname"], 2) as crew:
        assert client.directories() == []
        crew.give(1)
        crew.give(2)
        answers: dict[int, str] = {}
        while len(answers) < 2:
            answers.update(crew.take())
    assert len(set(answers.values())) == 1
    assert client.directories() == []
