"""Logs, commands, files and secrets of a container: the same tests on FakeEngine and on docker compose."""

from __future__ import annotations

import pytest

from looma_cli.errors import (
    InvalidValue,
    NotAllowed,
    NotFound,
    TimedOut,
)
from looma_cli.model.tenant import LayerReference
from tests.contract.engine.stacks import single
from tests.contract.engines import (
    Rig,
    layer,
    service,
    wait_for,
)


def test_logs_are_lines_the_last_ones_if_asked(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(layer(rig, data, {"api": service(says="one; echo two; echo three")}, subnet=rig.free_subnet()))
    (workload,) = rig.engine.workloads(data.tenant)
    wait_for(lambda: list(rig.engine.logs(workload, tail=None, follow=False, since=None)) == ["one", "two", "three"])
    assert list(rig.engine.logs(workload, tail=2, follow=False, since=None)) == ["two", "three"]
    assert list(rig.engine.logs(workload, tail=0, follow=False, since=None)) == []


def test_execute_returns_exit_code_and_both_streams(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(single(rig, data))
    (workload,) = rig.engine.workloads(data.tenant)
    assert rig.engine.execute(workload, ["echo", "hello"]) == (0, "hello\n")
    code, output = rig.engine.execute(workload, ["sh", "-c", "echo out; echo err >&2; exit 4"])
    assert (code, sorted(output.split())) == (4, ["err", "out"])
    with pytest.raises(InvalidValue):
        rig.engine.execute(workload, [])


def test_what_is_stopped_or_gone_cannot_be_entered(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(single(rig, data))
    (workload,) = rig.engine.workloads(data.tenant)
    rig.engine.stop(data, timeout_seconds=1)
    with pytest.raises(NotAllowed):
        rig.engine.execute(workload, ["true"])
    rig.engine.remove(data, volumes=True)
    with pytest.raises(NotFound):
        rig.engine.execute(workload, ["true"])
    with pytest.raises(NotFound):
        rig.engine.logs(workload, tail=None, follow=False, since=None)


def test_a_file_is_read_from_a_running_and_from_a_stopped_container(rig: Rig, data: LayerReference) -> None:
    api = service(secrets=["password"])
    rig.engine.start(layer(rig, data, {"api": api}, subnet=rig.free_subnet(), secrets={"password": "first$PATH #1 中"}))
    (workload,) = rig.engine.workloads(data.tenant)
    assert rig.engine.read_file(workload, "/run/secrets/password") == "first$PATH #1 中"
    assert rig.engine.read_file(workload, "/run/secrets/absent") is None
    assert rig.engine.read_file(workload, "/run/secrets") is None
    rig.engine.stop(data, timeout_seconds=1)
    assert rig.engine.read_file(workload, "/run/secrets/password") == "first$PATH #1 中"
    rig.engine.remove(data, volumes=True)
    with pytest.raises(NotFound):
        rig.engine.read_file(workload, "/run/secrets/password")


def test_a_secret_arrives_as_a_file_and_a_changed_one_with_its_label_too(rig: Rig, data: LayerReference) -> None:
    subnet = rig.free_subnet()
    for value in ("first$PATH #1", "second"):
        api = service(secrets=["password"], labels={"looma.configuration": value[:3]})
        rig.engine.start(layer(rig, data, {"api": api}, subnet=subnet, secrets={"password": value}))
        (workload,) = rig.engine.workloads(data.tenant)
        assert rig.engine.execute(workload, ["cat", "/run/secrets/password"]) == (0, value)


def test_a_program_is_run_once_in_a_container_of_its_own_where_the_component_stands_still(rig: Rig, data: LayerReference) -> None:
    rendered = single(rig, data)
    rig.engine.create(rendered)
    assert rig.engine.run_once(rendered, "api", ["sh", "-c", "echo moved; exit 3"]) == (3, "moved\n")
    rig.engine.start(rendered)
    assert rig.engine.run_once(rendered, "api", ["echo", "again"]) == (0, "again\n")
    assert [w.component for w in rig.engine.workloads(data.tenant)] == ["api"]
    with pytest.raises(NotFound):
        rig.engine.run_once(rendered, "web", ["true"])


@pytest.mark.parametrize("running", [False, True])
def test_a_program_that_takes_too_long_is_ended(rig: Rig, data: LayerReference, running: bool) -> None:
    rendered = single(rig, data)
    (rig.engine.start if running else rig.engine.create)(rendered)
    with pytest.raises(TimedOut, match="api did not end within 4 s") as caught:
        rig.engine.run_once(rendered, "api", ["sh", "-c", "echo begun; sleep 612"], limit_seconds=4)
    assert caught.value.details["output"].startswith("begun\n")  # a shell may say that what it ran was killed
    assert rig.programs("sleep 612") == []
    assert rig.engine.run_once(rendered, "api", ["echo", "again"]) == (0, "again\n")
    assert [w.component for w in rig.engine.workloads(data.tenant)] == ["api"]
