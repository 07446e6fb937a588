"""`make demo` and `make demo-clean` cut short, and in a home that holds more than the demo: by the real scripts on the real engine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import pytest

from looma_cli.settings import PACKAGE
from tests.integration.homes import LITE, Home, Result, finish, new_tenant, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SCRIPT = PACKAGE / "setup" / "demo.sh"


@dataclass
class Demo:
    """The scripts as make runs them, for a home and a tenant's name of this test's own."""

    home: Home
    tenant: str

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """In a process group of its own, of which nothing is left at the end."""
        process = subprocess.Popen(
            ["sh", str(SCRIPT), *arguments],
            env=self.home.environment | {"DEMO_TENANT": self.tenant, "ENGINE": "no"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def run(self, *arguments: str) -> Result:
        with self.running(*arguments) as process:
            result = finish(process)
        assert result.code == 0, (result.out[-2000:], result.err[-2000:])
        return result

    def interrupt(self, number: signal.Signals, *arguments: str) -> None:
        """Let the script begin to change the engine, and send the signal to the whole process group, as a terminal does."""
        there = self.home.on_engine(self.tenant)
        self._interrupt_when(lambda: self.home.on_engine(self.tenant) != there, number, *arguments)
        wait_until(lambda: not self.home.outside_programs(), 30, "the end of compose, whose looma was killed")
        assert self.home.json("operation", "list")["operations"], "it was not interrupted in the middle"

    def kill_before_its_tenant(self) -> None:
        self._interrupt_when((self.home.path / "demo").is_file, signal.SIGKILL)
        assert self.tenant not in self.home.tenants()

    def _interrupt_when(self, moment: Callable[[], bool], number: signal.Signals, *arguments: str) -> None:
        with self.running(*arguments) as process:
            wait_until(lambda: moment() or process.poll() is not None, 240, "the moment to interrupt")
            os.killpg(process.pid, number)
            result = finish(process)
            assert result.code in (-number, 128 + number), (result.code, result.out[-2000:], result.err[-2000:])

    def assert_gone_with_its_home(self) -> None:
        assert self.home.on_engine() == []
        assert not self.home.path.exists()

    def assert_only_the_demo_is_gone(self, result: Result) -> None:
        assert "its state and key are left" in result.out
        assert self.home.on_engine(self.tenant) == []
        assert self.home.json("operation", "list")["operations"] == []
        assert self.home.json("state", "audit") == {"ok": True, "missing": [], "unknown": []}
        assert (self.home.path / "secret.key").is_file()
        assert not (self.home.path / "demo").exists()
        assert not (self.home.path / "stacks" / self.tenant).exists()


@pytest.fixture
def demo(home: Home) -> Demo:
    return Demo(home, new_tenant("demo"))


@dataclass
class Customer:
    """Somebody else's tenant that runs in the same home."""

    home: Home
    name: str
    url: str

    def assert_serving(self) -> None:
        assert httpx.get(f"{self.url}/health", timeout=30).status_code == 200
        assert self.home.json("health", self.name)["healthy"]


@pytest.fixture(scope="module")
def customer(shared_home: Home) -> Iterator[Customer]:
    created = shared_home.create(new_tenant("other"))
    return Customer(shared_home, created["name"], created["url"])


def test_a_killed_demo_goes_on_when_run_again_and_then_leaves_nothing(demo: Demo) -> None:
    demo.interrupt(signal.SIGKILL)
    again = demo.run()
    assert "looma operation resume" in again.out
    assert '"value":"你好, looma"' in again.out
    assert demo.home.json("health", demo.tenant)["healthy"]
    demo.interrupt(signal.SIGKILL, "clean")
    demo.run("clean")
    demo.assert_gone_with_its_home()


@pytest.mark.exhaustive
def test_a_demo_stopped_by_ctrl_c_is_removed_as_it_stands(demo: Demo) -> None:
    demo.interrupt(signal.SIGINT)
    assert "looma operation rollback" in demo.run("clean").out
    demo.assert_gone_with_its_home()
    assert "nothing to remove" in demo.run("clean").out


def test_another_tenant_keeps_running_with_the_edge_the_state_and_the_key(customer: Customer) -> None:
    demo = Demo(customer.home, new_tenant("demo"))
    demo.interrupt(signal.SIGKILL)
    demo.assert_only_the_demo_is_gone(demo.run("clean"))
    assert demo.home.tenants() == [customer.name]
    customer.assert_serving()


@pytest.mark.exhaustive
def test_a_tenant_that_was_there_before_is_used_and_left(customer: Customer) -> None:
    demo = Demo(customer.home, customer.name)
    assert "`make demo-clean` will leave it" in demo.run().out
    assert "nothing to remove" in demo.run("clean").out
    customer.assert_serving()


def test_the_platform_keeps_running_with_the_state_and_the_key(home: Home, demo: Demo) -> None:
    home.json("core", "up")
    demo.interrupt(signal.SIGKILL)
    demo.assert_only_the_demo_is_gone(demo.run("clean"))
    (platform,) = home.json("core", "status", "--live")["tenants"]
    assert (platform["status"], platform["health"]) == ("running", "healthy")


@pytest.mark.exhaustive
def test_what_is_recorded_of_an_earlier_tenant_keeps_the_state(demo: Demo) -> None:
    home = demo.home
    home.json("tenant", "create", "earlier", *LITE, "--no-start")
    home.delete("earlier")
    demo.kill_before_its_tenant()
    demo.assert_only_the_demo_is_gone(demo.run("clean"))
    kinds = [operation["kind"] for operation in home.json("operation", "list", "--tenant", "earlier", "--all")["operations"]]
    assert kinds == ["tenant.delete", "tenant.create"]
