"""The edge's container and volume, as the engine's API wants them described."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from looma_cli.adapters.edge.configuration import HOME
from looma_cli.errors import CommandFailed, EdgeRefused, PortTaken
from looma_cli.model.layer import LABEL_COMPONENT, LABEL_INSTALLATION, LABEL_KIND, LABEL_LAYER
from looma_cli.model.route import EdgeSpecification

LABEL_SPECIFICATION = "looma.specification"  # digest of everything that a running edge cannot change
CAPABILITIES = ("NET_BIND_SERVICE", "SETGID", "SETUID")  # bind to 80 and 443; workers become `nobody`
STOP_SECONDS = 10
SETTLED_SECONDS = 15.0
_BIND_FAILED = re.compile(r"bind\(\) to (\S+):(\d+) failed \(98")


def settled(inspected: Mapping[str, Any], now: float) -> bool:
    """Whether a container that runs has done so for some seconds (``now``: Unix time): nginx that cannot bind tries for a while and ends,
    and the engine starts it again."""
    return abs(now - datetime.fromisoformat(inspected["State"]["StartedAt"]).timestamp()) > SETTLED_SECONDS


def labels(installation: str, extra: Mapping[str, str]) -> dict[str, str]:
    ours = {LABEL_INSTALLATION: installation, LABEL_LAYER: "edge", LABEL_COMPONENT: "edge", LABEL_KIND: "edge"}
    return {**extra, **ours}


def specification_digest(specification: EdgeSpecification, base: Mapping[str, str], start: str) -> str:
    facts = [specification.image, specification.memory_bytes, dict(base), start]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def container_request(specification: EdgeSpecification, volume: str, start: str, digest: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """The body of ``POST /containers/create``. Host networking: the edge binds public ports of the host as tenants come."""
    return {
        "Image": specification.image,
        "User": "0:0",
        "Entrypoint": ["/bin/sh", "-c", start],
        "Cmd": [],
        "Env": [f"LOOMA_EDGE_BASE={HOME}/base/{digest}"],
        "Labels": {**labels, LABEL_SPECIFICATION: digest},
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGQUIT",
        "StopTimeout": STOP_SECONDS,
        "HostConfig": {
            "NetworkMode": "host",
            "RestartPolicy": {"Name": "unless-stopped"},
            "ReadonlyRootfs": True,
            "Tmpfs": {"/run": "rw,nosuid,nodev,noexec,size=4m,mode=0755"},
            "Mounts": [{"Type": "volume", "Source": volume, "Target": HOME}],
            "CapDrop": ["ALL"],
            "CapAdd": list(CAPABILITIES),
            "SecurityOpt": ["no-new-privileges"],
            "Memory": specification.memory_bytes,
            "PidsLimit": 512,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        },
    }


def taken_port(log: str, port: int | None = None) -> PortTaken | None:
    """The error for a bind that nginx reports as refused: the first one, or that of ``port``."""
    for match in _BIND_FAILED.finditer(log):
        if port in (None, int(match[2])):
            return port_taken(int(match[2]), match[1].strip("[]"))
    return None


def port_taken(port: int, address: str = "0.0.0.0") -> PortTaken:
    return PortTaken(
        f"port {port} is taken on the host by something else",
        f"end what listens there (`ss -ltnp sport = :{port}` names it), or choose another port",
        port=port,
        address=address,
    )


def refusal(output: str, what: str) -> EdgeRefused:
    return EdgeRefused(
        f"the edge refused {what}: {_message(output)}", "the earlier configuration still serves; mend the values", log=output[-2000:]
    )


def does_not_start(log: str) -> CommandFailed:
    return CommandFailed(
        f"the edge does not start: {_message(log)}", "its image must hold nginx 1.27.4 or later; `looma doctor` says more", log=log[-2000:]
    )


def _message(log: str) -> str:
    """nginx's own words (the first that it calls an emergency), without time and process number."""
    lines = [line for line in log.splitlines() if "[emerg]" in line or "[crit]" in line] or log.splitlines() or ["it does not say why"]
    return re.sub(r"^.*?\[(emerg|crit)\] (\d+#\d+: )?", "", lines[0]).strip()[:300]


def out_of_memory(what: str) -> CommandFailed:
    return CommandFailed(
        f"the edge ran out of memory over {what}; the earlier configuration still serves",
        "give the edge more memory (it needs about 0.6 MiB for a tenant with ten services)",
    )
