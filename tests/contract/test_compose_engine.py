"""What only the real adapter can show: processes, signals, secrets in sight, and engines that do not answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from looma_cli.adapters.engine import ComposeEngine, EngineApi
from looma_cli.errors import InvalidValue, NotAllowed
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.tenant import LayerReference
from tests.contract.engines import IMAGE, ComposeRig, layer, new_tenant, service, twin_labels, wait_for
from tests.engine_objects import TEST_LABEL, owner_mark, start_container

pytestmark = pytest.mark.engine
SECRET = "s3cret-no-one-may-see"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def rig(engine_required: EngineApi) -> Iterator[ComposeRig]:
    rig = ComposeRig(engine_required)
    yield rig
    rig.clean_up()


@pytest.fixture
def data() -> LayerReference:
    return LayerReference(new_tenant(), "data", 1)


def several(rig: ComposeRig, reference: LayerReference) -> RenderedLayer:
    """Two waves of components, with a volume."""
    first = {f"store{i}": service(volumes=[f"v{i}:/data"]) for i in range(3)}
    second = {f"api{i}": service(depends_on=list(first)) for i in range(3)}
    return layer(rig, reference, {**first, **second}, subnet=rig.free_subnet(), volumes=["v0", "v1", "v2"])


def starter(rig: ComposeRig, wanted: RenderedLayer) -> subprocess.Popen[str]:
    """A separate process that starts the layer, in a session of its own."""
    arguments = [sys.executable, "-m", "tests.contract.starter", rig.installation, wanted.reference.tenant]
    with tempfile.TemporaryFile("w+") as manifest:
        manifest.write(wanted.manifest)
        manifest.seek(0)
        pipe = subprocess.PIPE
        return subprocess.Popen(arguments, cwd=ROOT, stdin=manifest, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# processes


MOMENTS: dict[str, Callable[[ComposeEngine], object]] = {
    "compose was started": lambda engine: True,
    "the network is there": lambda engine: engine.networks(),
    "a volume is there": lambda engine: engine.volumes(),
    "a container is there": lambda engine: engine.workloads(),
    "a container runs": lambda engine: any(w.state == "running" for w in engine.workloads()),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_compose_dies_with_a_killed_looma_and_remove_leaves_nothing(rig: ComposeRig, data: LayerReference, moment: str) -> None:
    process = starter(rig, several(rig, data))
    assert process.stdout
    compose = int(process.stdout.readline())
    wait_for(lambda: MOMENTS[moment](rig.engine))
    assert is_running(compose)
    process.kill()
    wait_for(lambda: not is_running(compose), seconds=2)
    rig.engine.remove(data, volumes=True)
    time.sleep(1.5)
    assert rig.names(rig.installation) == set()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_ctrl_c_at_the_terminal_does_not_reach_compose(rig: ComposeRig, data: LayerReference) -> None:
    process = starter(rig, several(rig, data))
    assert process.stdout
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert output.splitlines() == ["None", "started"]
    assert {w.state for w in rig.engine.workloads(data.tenant)} == {"running"}


def test_a_container_that_appears_late_is_removed_too(rig: ComposeRig, data: LayerReference) -> None:
    """A killed compose's last request is still under way: the engine answers it after the first look."""
    labels = {TEST_LABEL: owner_mark(), **twin_labels(data, rig.installation)}
    late = threading.Timer(0.3, start_container, [rig.api, f"late-{data.tenant}", IMAGE], {"Labels": labels})
    late.start()
    rig.engine.remove(data, volumes=True)
    late.join()
    assert rig.names(rig.installation) == set()


def test_the_pid_of_compose_is_told_while_it_runs(rig: ComposeRig, data: LayerReference) -> None:
    told: list[tuple[int | None, bool]] = []
    engine = ComposeEngine(None, rig.installation, lambda pid: told.append((pid, bool(pid and is_running(pid)))))
    engine.create(several(rig, data))
    pids = [pid for pid, _ in told]
    assert pids[1:] == [None]
    assert told[0][1]
    assert not is_running(pids[0] or 0)


def test_those_that_others_need_are_stopped_last(rig: ComposeRig, data: LayerReference) -> None:
    api = service(depends_on=["store"])
    rig.engine.start(layer(rig, data, {"store": service(), "api": api}, subnet=rig.free_subnet()))
    rig.engine.stop(data, timeout_seconds=5)
    ended = {w.component: rig.api.get(f"/containers/{w.id}/json")["State"]["FinishedAt"] for w in rig.engine.workloads(data.tenant)}
    assert ended["api"] < ended["store"]


# secrets, environment


def _command_line(pid: int) -> str:
    """The kernel shows an empty one for the moment in which a process becomes another program."""
    deadline = time.monotonic() + 5
    while not (text := Path(f"/proc/{pid}/cmdline").read_text()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return text


def test_a_secret_is_in_no_inspection_no_argument_and_no_label(rig: ComposeRig, data: LayerReference) -> None:
    arguments: list[str] = []
    engine = ComposeEngine(None, rig.installation, lambda pid: arguments.append(_command_line(pid) if pid else ""))
    engine.start(layer(rig, data, {"api": service(secrets=["password"])}, subnet=rig.free_subnet(), secrets={"password": SECRET}))
    (workload,) = engine.workloads(data.tenant)
    assert engine.execute(workload, ["cat", "/run/secrets/password"]) == (0, SECRET)
    assert SECRET not in json.dumps(rig.api.get(f"/containers/{workload.id}/json"))
    assert "-p" in arguments[0]
    assert SECRET not in arguments[0]


def test_nothing_of_the_callers_environment_or_directory_reaches_a_manifest(rig: ComposeRig, data: LayerReference, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HIJACKED=from-a-file\nCOMPOSE_PROFILES=x\n")
    surroundings = {**os.environ, "HIJACKED": "from-outside", "COMPOSE_FILE": "/nonexistent", "COMPOSE_PROJECT_NAME": "other"}
    wanted = layer(rig, data, {"api": service(environment={"GOT": "${HIJACKED:-nothing}"})}, subnet=rig.free_subnet())
    script = (
        "import sys; from looma_cli.adapters.engine import ComposeEngine; from looma_cli.model.layer import RenderedLayer\n"
        "from looma_cli.model.tenant import LayerReference\n"
        "reference = LayerReference(sys.argv[2], 'data', 1)\n"
        "ComposeEngine(None, sys.argv[1]).create(RenderedLayer(reference, sys.stdin.read()))\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, rig.installation, data.tenant],
        input=wanted.manifest,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**surroundings, "PYTHONPATH": str(ROOT)},
    )
    (workload,) = rig.engine.workloads(data.tenant)
    assert workload.name == f"{data.project}-api-1"
    assert "GOT=nothing" in rig.api.get(f"/containers/{workload.id}/json")["Config"]["Env"]


# logs and commands


def test_logs_are_followed_until_the_container_ends(rig: ComposeRig, data: LayerReference) -> None:
    speaking = service(says="one", then="for i in two three; do sleep 0.2; echo $$i; done")
    rig.engine.start(layer(rig, data, {"api": speaking}, subnet=rig.free_subnet()))
    (workload,) = rig.engine.workloads(data.tenant)
    assert list(rig.engine.logs(workload, tail=None, follow=True, since=None)) == ["one", "two", "three"]


def test_logs_with_timestamps_and_since(rig: ComposeRig, data: LayerReference) -> None:
    rig.engine.start(layer(rig, data, {"api": service()}, subnet=rig.free_subnet()))
    (workload,) = rig.engine.workloads(data.tenant)
    wait_for(lambda: list(rig.engine.logs(workload)))
    (line,) = rig.engine.logs(workload, since="10m", timestamps=True)
    stamp, _, text = line.partition(" ")
    assert text == "ready"
    assert abs(datetime.now(UTC) - datetime.fromisoformat(stamp)) < timedelta(minutes=1)
    assert list(rig.engine.logs(workload, since=(datetime.now(UTC) + timedelta(minutes=1)).isoformat())) == []
    with pytest.raises(InvalidValue, match="yesterday"):
        rig.engine.logs(workload, since="yesterday")


def test_attach_passes_input_output_and_exit_code(rig: ComposeRig, data: LayerReference) -> None:
    rig.engine.start(layer(rig, data, {"api": service()}, subnet=rig.free_subnet()))
    (workload,) = rig.engine.workloads(data.tenant)
    script = (
        "import sys; from looma_cli.adapters.engine import ComposeEngine\n"
        "engine = ComposeEngine(None, sys.argv[1])\n"
        "(workload,) = engine.workloads()\n"
        "sys.exit(engine.attach(workload, ['sh', '-c', 'cat; exit 7'], interactive=True, terminal=False))\n"
    )
    attached = subprocess.run(
        [sys.executable, "-c", script, rig.installation], input="hello", text=True, capture_output=True, cwd=ROOT, check=False
    )
    assert (attached.returncode, attached.stdout) == (7, "hello")
    assert workload.state == "running"


def test_a_long_answer_arrives_whole(rig: ComposeRig, data: LayerReference) -> None:
    rig.engine.start(layer(rig, data, {"api": service()}, subnet=rig.free_subnet()))
    (workload,) = rig.engine.workloads(data.tenant)
    code, output = rig.engine.execute(workload, ["sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"])
    assert (code, output.splitlines()[-1], output.count("\n")) == (0, "line 19999", 20000)


def test_anonymous_volumes_go_with_their_container(rig: ComposeRig, data: LayerReference) -> None:
    rig.engine.start(layer(rig, data, {"api": service(volumes=["/data"])}, subnet=rig.free_subnet()))
    (workload,) = rig.engine.workloads(data.tenant)
    volume = rig.api.get(f"/containers/{workload.id}/json")["Mounts"][0]["Name"]
    rig.engine.remove(data, volumes=False)
    assert volume not in {v["Name"] for v in rig.api.get("/volumes")["Volumes"] or ()}


def test_a_paused_container_is_removed(rig: ComposeRig, data: LayerReference) -> None:
    rig.engine.start(layer(rig, data, {"api": service()}, subnet=rig.free_subnet()))
    (workload,) = rig.engine.workloads(data.tenant)
    rig.api.post(f"/containers/{workload.id}/pause")
    assert rig.engine.workloads(data.tenant)[0].state == "paused"
    with pytest.raises(NotAllowed):
        rig.engine.execute(workload, ["true"])
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()


def test_a_component_killed_for_its_memory_says_so(rig: ComposeRig, data: LayerReference) -> None:
    greedy = service(says="eating", then="tail /dev/zero", mem_limit="16m", memswap_limit="16m", init=False)
    rig.engine.start(layer(rig, data, {"api": greedy}, subnet=rig.free_subnet()))
    wait_for(lambda: rig.engine.workloads(data.tenant)[0].state == "exited")
    (workload,) = rig.engine.workloads(data.tenant)
    assert workload.out_of_memory
    assert workload.exit_code
