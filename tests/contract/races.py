"""What one of many processes does in a race for the state; each starts when all are ready."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable
from ipaddress import IPv4Network
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from types import SimpleNamespace
from typing import Any

from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database.store import DatabaseStore, database_at
from looma_cli.errors import Conflict, NoRoom
from looma_cli.model.operation import Operation, Plan, PlannedStep, StepRecord
from looma_cli.model.protocols import State
from looma_cli.model.reporting import SilentReporter
from looma_cli.model.requests import CreateRequest
from looma_cli.model.tenant import LOOPBACK, Allocation, Subnet
from looma_cli.plan.observation import Limits
from looma_cli.usecases.context import Context
from looma_cli.usecases.placing import Placer, Reserve
from tests.factories import NOW, make_edition, make_tenant
from tests.fakes.host import FakeHost

Racer = Callable[[DatabaseStore, int], Any]


def race(racer: Racer, url: str, racers: int = 32) -> list[Any]:
    """The outcomes of ``racer(store, number)``, one per process.

    Raises AssertionError with the traceback of an exception of any.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__, "looma_cli.adapters.database.state"])
    outcomes: Queue[Any] = context.Queue()
    barrier = context.Barrier(racers, timeout=180)
    processes = [context.Process(target=_run, args=(racer, url, number, barrier, outcomes)) for number in range(racers)]
    for process in processes:
        process.start()
    results = [outcomes.get(timeout=240) for _ in processes]
    for process in processes:
        process.join()
    failures = [result for kind, result in results if kind == "failure"]
    assert not failures, f"{len(failures)} of {racers} failed, one of them with\n{failures[0]}"
    return [result for _, result in results]


def _run(racer: Racer, url: str, number: int, barrier: Barrier, outcomes: Queue[Any]) -> None:
    try:
        store = DatabaseStore(database_at(url), SystemClock())
        barrier.wait()
        outcomes.put(("done", racer(store, number)))
    except Exception:  # noqa: BLE001  (whatever it is, the parent reports it)
        outcomes.put(("failure", traceback.format_exc()))


def open_only(store: DatabaseStore, number: int) -> str:
    with store.read() as state:
        return state.installation()


def contend(store: DatabaseStore, number: int) -> tuple[str, str, str]:
    """Everybody wants the same name, the same hostname, and an operation of the same tenant."""
    plan = Plan("create", "acme", (PlannedStep("reserve-tenant", {}),), 0)
    operation = Operation(f"op-{number}", "create", "acme", "local", "running", plan, (StepRecord("reserve-tenant"),), NOW)
    return (
        _attempt(store, lambda state: state.add_tenant(make_tenant(hostname=None, display_name=f"by {number}"))),
        _attempt(store, lambda state: state.add_tenant(make_tenant(name=f"tenant-{number}"))),
        _attempt(store, lambda state: state.add_operation(operation)),
    )


def _attempt(store: DatabaseStore, deed: Callable[[State], None]) -> str:
    try:
        with store.write() as state:
            deed(state)
    except Conflict as conflict:
        return type(conflict).__name__
    return "won"


def create_tenants(store: DatabaseStore, number: int, each: int = 8) -> int:
    """Tenants that take the lowest free ports and subnet, as a planner would, each decided and saved in one transaction."""
    for index in range(each):
        name = f"tenant-{number}-{index}"
        with store.write() as state:
            taken = {port for _, port in state.taken_ports("local")}
            ports = [port for port in range(20000, 30000) if port not in taken][:6]
            subnet = len(state.taken_subnets("local"))
            state.add_tenant(make_tenant(name=name, hostname=f"{name}.example"))
            state.add_allocations(Allocation("local", LOOPBACK, port, "tcp", name, "app", 1, f"c{port}", 80, False) for port in ports)
            cidr = f"10.192.{subnet // 4}.{subnet % 4 * 64}/26"
            state.add_subnets([Subnet("local", cidr, name, "app", 1, f"looma-{name}-app-g1")])
    return each


def die_while_writing(store: DatabaseStore, number: int) -> None:
    """Dies as by ``kill -9`` with everything written and nothing committed."""
    with store.write() as state:
        state.add_tenant(make_tenant(name=f"tenant-{number}", hostname=None))
        os.kill(os.getpid(), 9)


def count(store: DatabaseStore, number: int) -> None:
    """Reads, adds one, writes: only writers that are alone from their start lose nothing."""
    for _ in range(5):
        with store.write() as state:
            tenant = state.tenant("acme")
            state.save_tenant(make_tenant(public_port=tenant.public_port + 1))


TENANTS_EACH = 3
EDITION = make_edition()


def place_tenants(store: DatabaseStore, number: int) -> list[str]:
    """The hosts of tenants that are given none, each decided and saved in one transaction; empty text where there was no room."""
    world: Any = SimpleNamespace(store=store, access=lambda host: FakeHost())
    limits = Limits((20000, 29999), (30000, 31999), IPv4Network("10.192.0.0/10"), 80, 443)
    placer = Placer(Context(world, SilentReporter(), limits, "local", "", "127.0.0.1"))
    return [_placed(store, placer, f"tenant-{number}-{index}") for index in range(TENANTS_EACH)]


def _placed(store: DatabaseStore, placer: Placer, name: str) -> str:
    chosen: list[str] = []

    def create(at: str, reserve: Reserve) -> None:
        with store.write() as state:
            reservation = reserve(state)
            state.add_tenant(make_tenant(name=name, hostname=None, host=at))
            state.reserve(reservation)
        chosen.append(at)

    try:
        placer.create(CreateRequest(name, "basic", profile="lite", start=False), EDITION, create)
    except NoRoom:
        return ""
    return chosen[0]
