"""A home of looma that knows the hosts of the rig, used only as a person uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import LABEL_INSTALLATION
from tests.engine_objects import remove_objects
from tests.integration.homes import Home, Result, finish, open_home
from tests.rig import Host, Rig

ANSWER_SECONDS = 120  # an attempt takes 10 s; a machine that has much else to do is slow in all the rest


class Operator:
    """``looma`` is the home: ``operator.looma("host", "list")``."""

    def __init__(self, home: Home, rig: Rig) -> None:
        self.looma = home
        self.rig = rig

    def add(self, host: Host, *more: str) -> dict[str, Any]:
        return self.looma.json("host", "add", host.name, host.url, *more, "--yes")

    def on(self, host: Host, tenant: str | None = None) -> list[str]:
        """What this home has there, as the host's engine itself says."""
        return self.looma.on_engine(tenant, host.engine)

    def anywhere(self, tenant: str | None = None) -> list[str]:
        return [f"{host.name} {name}" for host in self.rig.hosts for name in self.on(host, tenant)] + self.looma.on_engine(tenant)

    def containers(self, host: Host, tenant: str) -> list[dict[str, Any]]:
        return self.looma.containers(tenant, host.engine)

    def at_once(self, *commands: tuple[str, ...]) -> list[Result]:
        """Commands that must end by themselves before long: nothing hangs on a host that is not there."""
        running = [self.looma.begin(*command, "-o", "json") for command in commands]
        return [finish(process, ANSWER_SECONDS) for process in running]

    def findings(self, host: Host, *more: str, code: int = 0) -> dict[str, dict[str, str]]:
        """What ``looma host check`` finds, by the name of the check."""
        (result,) = self.at_once(("host", "check", host.name, *more))
        assert result.code == code, result
        return {check["name"]: check for check in result.document["hosts"][0]["checks"]}

    def seen(self, host: Host) -> dict[str, Any]:
        """The host in ``looma status --live``: there, whatever has become of it."""
        result = self.looma("status", "--live", "-o", "json")
        (found,) = [each for each in result.document["hosts"] if each["name"] == host.name]
        return found


def carried_on(operator: Operator, tenant: str, result: Result) -> bool:
    """Whether it is wholly there: by itself, or paused and then by resume. Otherwise it is wholly gone."""
    looma = operator.looma
    if result.code == 8:
        (operation,) = looma.json("operation", "list")["operations"]
        assert operation["status"] in ("paused", "interrupted")
        result = looma("operation", "resume", operation["id"], "-o", "json")
    assert result.code in (0, 1), result
    if result.code == 1:
        assert operator.anywhere() == []
        looma.assert_nothing_left()
        return False
    assert looma.json("tenant", "show", tenant)["status"] == "running"
    assert looma.json("health", tenant)["healthy"]
    return True


def started(operator: Operator, host: Host, tenant: str, count: int) -> bool:
    return sum(c["State"]["Running"] for c in operator.containers(host, tenant)) >= count


@contextmanager
def open_operator(local: EngineApi, rig: Rig, path: Path) -> Iterator[Operator]:
    """Whatever it leaves on a host is removed."""
    with open_home(local, path) as home:
        home.environment.update(rig.environment)
        try:
            yield Operator(home, rig)
        finally:
            for host in rig.hosts:
                remove_objects(host.engine, LABEL_INSTALLATION, home.installation.__eq__)
