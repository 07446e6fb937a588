"""What compose's and docker's last words mean: their text becomes one of our errors. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from looma_cli.errors import CommandFailed, EngineUnavailable, ImageUnavailable, LoomaError, PortTaken, SubnetTaken
from looma_cli.model.layer import RenderedLayer, Workload

IMAGE_HINT = "build the local set (looma image build) and use --images local, or check the registry (LOOMA_REGISTRY, docker login)"
PORT_HINT = "looma port list shows looma's own ports; ss -ltnp shows who listens on the host"
SUBNET_HINT = "looma network list shows what is taken; LOOMA_SUBNET_POOL chooses another pool"

# Engines 20.10 to 29 word it differently; the address may be in brackets or missing.
_ADDRESS = r"(?P<address>\[[0-9a-f:.]*\]|::|[0-9.]*):(?P<port>\d+)"
PORT_PATTERNS = (
    re.compile(rf"Bind for {_ADDRESS} failed: port is already allocated"),
    re.compile(rf"listen (?:tcp|udp|sctp)[46]? {_ADDRESS}: bind: address already in use"),
    re.compile(rf"failed to bind host port (?:for )?{_ADDRESS}(?:[:/]\S*)?: (?:address already in use|port is already allocated)"),
)
PORT_WORDS = re.compile(r"port is already allocated|address already in use|ports are not available")
SUBNET_WORDS = re.compile(r"Pool overlaps with other one on this address space|overlaps with (?:other|existing) (?:one|network)")
IMAGE_PATTERNS = (
    re.compile(r"No such image: (?P<image>\S+)"),
    re.compile(r"pull access denied for (?P<image>[^\s,]+)"),
    re.compile(r"(?:manifest|repository) for (?P<image>\S+) not found"),
)
ENGINE_WORDS = re.compile(r"Cannot connect to the Docker daemon|error during connect|permission denied while trying to connect")
DEPENDENCY_PATTERNS = (
    re.compile(r"dependency failed to start: container (?P<container>\S+)"),
    re.compile(r'service "(?P<service>[^"]+)" didn\'t complete successfully'),
)
NOISE = re.compile(r'^time="[^"]*" level=(?:warning|info|debug)| level=warning ')


def last_line(errors: str) -> str:
    """The last line that says something: no warnings, no progress."""
    meaningful = [line.strip() for line in errors.splitlines() if line.strip() and not NOISE.search(line)]
    return meaningful[-1] if meaningful else "no reason was given"


def explain(errors: str, layer: RenderedLayer, place: str) -> LoomaError:
    """The error for what compose wrote to stderr: PortTaken, SubnetTaken, ImageUnavailable, EngineUnavailable or CommandFailed.
    ``place`` is the engine's (see Way)."""
    line = last_line(errors)
    if PORT_WORDS.search(errors):
        return _port_taken(errors, line)
    if SUBNET_WORDS.search(errors):
        return SubnetTaken(f"a subnet of {layer.reference.project} is already in use on this host", SUBNET_HINT, cidr=_cidr(layer))
    for pattern in IMAGE_PATTERNS:
        if found := pattern.search(errors):
            return image_unavailable(found["image"], "it is not on this host")
    if ENGINE_WORDS.search(errors):
        return EngineUnavailable(f"no container engine answers {place}", "start it (systemctl start docker); looma doctor says more")
    return CommandFailed(f"compose failed for {layer.reference.project}: {line}", "looma doctor checks the engine; --debug shows all")


def _port_taken(errors: str, line: str) -> PortTaken:
    for pattern in PORT_PATTERNS:
        if found := pattern.search(errors):
            address, port = found["address"].strip("[]") or "0.0.0.0", int(found["port"])
            return PortTaken(f"port {port} on {address} is already in use on this host", PORT_HINT, address=address, port=port)
    return PortTaken(f"a port is already in use on this host: {line}", PORT_HINT)


def _cidr(layer: RenderedLayer) -> str | None:
    found = re.search(r"subnet[\"']?\s*:\s*[\"']?([0-9a-f.:]+/\d+)", layer.manifest)
    return found[1] if found else None


def image_unavailable(reference: str, why: str) -> ImageUnavailable:
    return ImageUnavailable(f"image {reference} is unavailable: {why}", IMAGE_HINT, reference=reference)


@dataclass(frozen=True, slots=True)
class FailedDependency:
    """The container (by name) or the service that compose waited for in vain."""

    container: str | None
    service: str | None

    def is_of(self, workload: Workload) -> bool:
        return workload.name == self.container or workload.component == self.service


def failed_dependency(errors: str) -> FailedDependency | None:
    for pattern in DEPENDENCY_PATTERNS:
        if found := pattern.search(errors):
            return FailedDependency(*(found.groupdict().get(name) for name in ("container", "service")))
    return None


def dependency_failed(workload: Workload, tenant: str, log: Sequence[str]) -> CommandFailed:
    """A component that others wait for ended, or did not become healthy."""
    if workload.state == "running":
        what = f"{workload.component} did not become healthy"
    else:
        what = f"{workload.component} ended with exit code {workload.exit_code}"
    memory = " (out of memory)" if workload.out_of_memory else ""
    said = f": {log[-1]}" if log else ""
    return CommandFailed(
        f"{what}{memory}{said}",
        f"looma tenant logs {tenant} {workload.component}",
        component=workload.component,
        exit_code=workload.exit_code,
        out_of_memory=workload.out_of_memory,
        log=list(log),
    )
