"""A container beside another one, with the same volumes at the same paths: to read and write them while that one stands still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from looma_cli.adapters.engine.api import EngineApi
from looma_cli.adapters.engine.hijack import hijack
from looma_cli.adapters.engine.program import ExecProgram
from looma_cli.errors import ImageUnavailable, NotFound
from looma_cli.model.layer import LABEL_COMPONENT, LABEL_KIND, Workload

LABEL_BESIDE = "looma.beside"  # the id of the container whose volumes it has
_OWN_LABELS = "looma."
# What it takes to read everybody's files and to make them anew as they were.
_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "MKNOD", "SETFCAP"]
_STREAMS = {"stream": "1", "stdin": "1", "stdout": "1", "stderr": "1"}


def volume_paths(api: EngineApi, workload: Workload) -> list[str]:
    """Where the container has volumes that it may write to; what it may only read is given to it anew, secrets for example."""
    return sorted(mount["Destination"] for mount in _volumes(_inspect(api, workload)))


@contextmanager
def open_beside(api: EngineApi, workload: Workload, image: str, command: Sequence[str], read_only: bool) -> Iterator[ExecProgram]:
    """See Engine. Labelled as the layer is, so that removing the layer removes it."""
    opened = api.way.open()
    id = _create(api, _wanted(_inspect(api, workload), image, command, read_only), image)
    try:
        with hijack(api, f"/containers/{id}/attach?{'&'.join(f'{name}={value}' for name, value in _STREAMS.items())}") as connection:
            api.post(f"/containers/{id}/start")
            yield ExecProgram(connection, lambda: _exit_code(api, opened, id))
    finally:
        with suppress(NotFound):
            api.delete(f"/containers/{id}", {"force": "1", "v": "1"})


def _exit_code(api: EngineApi, opened: object, id: str) -> int:
    """Raises HostUnreachable where the way to the engine broke meanwhile: output may have ended early."""
    code = api.post(f"/containers/{id}/wait", extra_seconds=600)["StatusCode"]
    api.way.check(opened)
    return code


def end_beside(api: EngineApi, workload: Workload) -> None:
    """Remove those that a killed looma left. Idempotent."""
    for left in api.listed("/containers/json", {LABEL_BESIDE: workload.id}, {"all": "1"}):
        with suppress(NotFound):
            api.delete(f"/containers/{left['Id']}", {"force": "1", "v": "1"})


def _inspect(api: EngineApi, workload: Workload) -> dict[str, Any]:
    return api.get(f"/containers/{workload.id}/json")


def _volumes(inspected: dict[str, Any]) -> list[dict[str, Any]]:
    return [mount for mount in inspected["Mounts"] if mount["Type"] == "volume" and mount["RW"]]


def _create(api: EngineApi, wanted: dict[str, Any], image: str) -> str:
    try:
        return api.post("/containers/create", body=wanted)["Id"]
    except NotFound as error:
        raise ImageUnavailable(f"the image {image} is not on the host", f"docker pull {image}, or looma image load") from error


def _wanted(inspected: dict[str, Any], image: str, command: Sequence[str], read_only: bool) -> dict[str, Any]:
    labels = {name: value for name, value in (inspected["Config"]["Labels"] or {}).items() if name.startswith(_OWN_LABELS)}
    component = labels.get(LABEL_COMPONENT, "")
    labels |= {LABEL_BESIDE: inspected["Id"], LABEL_COMPONENT: f"{component}-volumes", LABEL_KIND: "helper"}
    mounts = [
        {"Type": "volume", "Source": mount["Name"], "Target": mount["Destination"], "ReadOnly": read_only} for mount in _volumes(inspected)
    ]
    return {
        "Image": image,
        "Entrypoint": list(command),
        "User": "0:0",
        "Labels": labels,
        **dict.fromkeys(("AttachStdin", "AttachStdout", "AttachStderr", "OpenStdin", "StdinOnce"), True),
        "HostConfig": {
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "CapAdd": _CAPABILITIES,
            "SecurityOpt": ["no-new-privileges:true"],
            "Mounts": mounts,
        },
    }
