"""Two controllers, each with its own LOOMA_HOME, on one state in PostgreSQL: they race for a tenant, and end what the other has begun.

They count as two machines, because each has a name of its own in leases: neither looks at the other's processes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from looma_cli.adapters.database import open_store
from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import LABEL_INSTALLATION
from tests.contract.conftest import PostgresqlServer, postgresql_server  # noqa: F401 - the fixture
from tests.engine_objects import owner_mark, remove_objects
from tests.integration.homes import LITE, Home, command_lines, end, finish, finish_all, new_environment, new_tenant, wait_until

pytestmark = pytest.mark.engine
LEASE_SECONDS = 10


@dataclass
class Team:
    """``one`` and ``two`` share the state at ``url``, the key and nothing else."""

    one: Home
    two: Home
    url: str

    def in_state(self) -> list[str]:
        with closing(open_store(self.one.path, self.url)) as store, store.read() as state:
            rows = [*state.tenants(), *state.allocations(), *state.subnets(), *state.leases()]
            return [str(row) for row in rows] + [f"{name}/{file}" for name in state.file_tenants() for file in state.file_names(name)]


@pytest.fixture(scope="module")
def team(clean_engine: EngineApi, postgresql_server: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:  # noqa: F811 - the fixture
    folder, url = tmp_path_factory.mktemp("team"), postgresql_server.new_database()
    installation = f"test-{owner_mark()}-{secrets.token_hex(3)}"
    with closing(open_store(folder, url)) as store, store.write() as state:
        state.adopt_installation(installation)
    environment = new_environment(folder) | {"LOOMA_DATABASE_URL": url, "LOOMA_LEASE_SECONDS": str(LEASE_SECONDS)}
    environment["LOOMA_SECRET_KEY_FILE"] = str(_shared_key(folder))
    homes = [_home(folder / name, environment | {"LOOMA_MACHINE": name}, installation, clean_engine) for name in ("one", "two")]
    yield Team(*homes, url)
    remove_objects(clean_engine, LABEL_INSTALLATION, installation.__eq__)


def _shared_key(folder: Path) -> Path:
    from cryptography.fernet import Fernet

    key = folder / "team.key"
    key.touch(mode=0o600)
    key.write_bytes(Fernet.generate_key())
    return key


def _home(path: Path, environment: dict[str, str], installation: str, api: EngineApi) -> Home:
    path.mkdir()
    return Home(path, environment | {"LOOMA_HOME": str(path)}, installation, api)


def test_one_wins_and_the_others_are_told_why(team: Team) -> None:
    """Eight commands of both controllers at once, each of which would make another tenant of the same name."""
    name = new_tenant("race")
    arguments = [("tenant", "create", name, *LITE, "--no-start", "--hostname", f"h{at}.example", "-o", "json") for at in range(8)]
    results = finish_all([(team.one, team.two)[at % 2].begin(*words) for at, words in enumerate(arguments)])
    assert sorted(result.code for result in results) == [0] + [4] * 7, [result.out for result in results]
    (winner,) = (result.document for result in results if result.code == 0)
    lost = [result.error for result in results if result.code]
    assert {error["code"] for error in lost} <= {"held", "already_exists"}
    assert all(name in error["message"] for error in lost)
    assert all(home.json("tenant", "show", name) == winner for home in (team.one, team.two))
    team.two.delete(name)
    assert team.in_state() == []


def test_each_ends_what_the_other_has_begun(team: Team) -> None:
    name = new_tenant("team")
    operation = _killed_create(team, name)
    _await_programs(name)
    assert team.two.json("operation", "resume", operation, "--wait", "2m")["status"] == "done"
    _assert_serving(team, name)
    _killed_delete(team, name)
    assert team.in_state() == []
    assert team.one.on_engine() == []


def _killed_create(team: Team, name: str) -> str:
    """Controller one dies in the midst of a create, of which two has seen that it was under way; the operation's id."""
    process = team.one.begin("tenant", "create", name, *LITE)
    wait_until(lambda: team.one.on_engine(name), 240, "the first object on the engine")
    (operation,) = _operations(team.two)
    assert operation["status"] == "running"
    for words in (("tenant", "create", name, *LITE), ("operation", "resume", operation["id"])):
        held = team.two(*words, "-o", "json")
        assert (held.code, held.error["code"]) == (4, "held"), held.out
        assert " on one, process " in held.error["message"]
    assert end(process)
    finish(process)
    return operation["id"]


def _killed_delete(team: Team, name: str) -> None:
    """Controller two dies in the midst of a delete, which one then brings to its end."""
    before = set(team.two.on_engine(name))
    process = team.two.begin("tenant", "delete", name, "--no-backup", "--yes")
    wait_until(lambda: set(team.one.on_engine(name)) < before, 240, "the first object that is gone")
    assert end(process)
    finish(process)
    _await_programs(name)
    wait_until(lambda: _operations(team.one)[0]["status"] == "interrupted", 60, "the end of the lease")
    assert team.one.json("operation", "resume", _operations(team.one)[0]["id"])["status"] == "done"


def _operations(home: Home) -> list[dict[str, Any]]:
    return home.json("operation", "list")["operations"]


def _await_programs(name: str) -> None:
    """What a killed controller has left running on its machine ends by itself."""
    wait_until(lambda: not [line for line in command_lines() if "compose" in line and f"looma-{name}-" in line], 120, "the end of compose")


def _assert_serving(team: Team, name: str) -> None:
    """For both controllers, with files that neither has in its home."""
    import httpx

    tenants = [home.json("tenant", "show", name) for home in (team.one, team.two)]
    assert tenants[0] == tenants[1]
    assert tenants[0]["status"] == "running"
    for home in (team.one, team.two):
        assert home.json("health", name)["healthy"]
        assert not list(home.path.glob("stacks/**/*.yaml"))
    url = tenants[0]["url"]
    assert httpx.post(f"{url}/records", json={"key": "k", "value": "kept"}, timeout=30).status_code == 201
    assert team.one.json("tenant", "restart", name)["status"] == "running"
    wait_until(lambda: httpx.get(f"{url}/records/k", timeout=30).status_code == 200, 120, "the record after a restart")
