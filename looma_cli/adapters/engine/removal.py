"""Removing a layer, so that nothing of it is left and nothing else is touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from looma_cli.adapters.engine.api import EngineApi
from looma_cli.errors import CommandFailed, LoomaError, NotAllowed, NotFound
from looma_cli.model.layer import LABEL_INSTALLATION

# The engine finishes a container whose creator was killed: it appears up to this long after everything seemed gone.
SETTLE_SECONDS = 0.5
PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What of the layer the engine still shows, as listed."""

    containers: list[Mapping[str, Any]]
    networks: list[Mapping[str, Any]]
    volumes: list[Mapping[str, Any]]

    def __bool__(self) -> bool:
        return bool(self.containers or self.networks or self.volumes)

    def names(self) -> list[str]:
        return [c["Names"][0].removeprefix("/") for c in self.containers] + [o["Name"] for o in (*self.networks, *self.volumes)]


@dataclass(frozen=True, slots=True)
class Removal:
    """Removes everything that carries exactly ``labels``, found anew in each round."""

    api: EngineApi
    labels: Mapping[str, str]
    volumes: bool
    limit_seconds: float = 60.0

    def run(self) -> None:
        """Until nothing was left twice, ``SETTLE_SECONDS`` apart. Raises NotAllowed when something foreign holds a network,
        CommandFailed when something is left at the end of the time."""
        deadline = time.monotonic() + self.limit_seconds
        while True:
            refused = self._round(self._look())
            time.sleep(SETTLE_SECONDS)
            left = self._look()
            if not left:
                return
            if time.monotonic() > deadline:
                raise CommandFailed(f"could not remove {', '.join(left.names())}: {refused or 'still there'}", "docker ps -a; try again")

    def _look(self) -> Found:
        volumes = self.api.listed("/volumes", self.labels)["Volumes"] or [] if self.volumes else []
        containers = self.api.listed("/containers/json", self.labels, {"all": "1"})
        return Found(containers, self.api.listed("/networks", self.labels), volumes)

    def _round(self, found: Found) -> str:
        """Removes all that was found; returns why something could not be removed yet, empty if nothing was refused."""
        refusals = in_parallel(self._remove_container, found.containers)
        holders = [self._free_network(network) for network in found.networks]
        refusals += [self._attempt("DELETE", f"/networks/{n['Id']}") for n in found.networks]
        refusals += in_parallel(lambda v: self._attempt("DELETE", f"/volumes/{v['Name']}"), found.volumes)
        for network, foreign in zip(found.networks, holders, strict=True):
            if foreign:
                raise _held(network["Name"], foreign)
        return next((refusal for refusal in refusals if refusal), "")

    def _remove_container(self, container: Mapping[str, Any]) -> str:
        """With its anonymous volumes, running or not."""
        return self._attempt("DELETE", f"/containers/{container['Id']}", {"force": "1", "v": "1"})

    def _free_network(self, network: Mapping[str, Any]) -> list[str]:
        """Disconnects this installation's containers of other layers; returns the names of foreign ones."""
        with suppress(NotFound):
            attached = self.api.get(f"/networks/{network['Id']}")["Containers"] or {}
            foreign = {id: entry["Name"] for id, entry in attached.items() if not self._ours(id)}
            for id in attached.keys() - foreign.keys():
                self._attempt("POST", f"/networks/{network['Id']}/disconnect", body={"Container": id, "Force": True})
            return sorted(foreign.values())
        return []

    def _ours(self, id: str) -> bool:
        try:
            labels = self.api.get(f"/containers/{id}/json")["Config"]["Labels"] or {}
        except NotFound:
            return True  # gone in the meantime
        return labels.get(LABEL_INSTALLATION) == self.labels[LABEL_INSTALLATION]

    def _attempt(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> str:
        """What is gone already is as it should be, what is refused is tried again in the next round."""
        try:
            self.api.request(method, path, query, body)
        except NotFound:
            return ""
        except (NotAllowed, CommandFailed) as refusal:
            return refusal.message
        return ""


def _held(network: str, containers: list[str]) -> LoomaError:
    return NotAllowed(
        f"network {network} is still used by {', '.join(containers)}, which is not this looma's",
        f"docker network disconnect {network} {containers[0]}, then run this again",
    )


def in_parallel(action: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """The results in order; the engine needs 0.1 to 0.3 s for each container, most of it waiting."""
    items = list(items)
    if len(items) < 2:
        return [action(item) for item in items]
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(action, items))
