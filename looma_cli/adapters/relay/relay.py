"""The relay between two hosts: a datastore's published ports, by SSH to this machine and on by SSH to the other host, into a container
beside the one that follows. Bytes pass through; nothing is kept."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from typing import Any

from looma_cli.adapters.engine.api import EngineApi
from looma_cli.adapters.relay import container
from looma_cli.adapters.relay.places import BASE, Place
from looma_cli.errors import CommandFailed, ImageUnavailable, NotFound
from looma_cli.model.protocols import HostAccess
from looma_cli.model.relay import RelayLine

SETTLE_SECONDS = 0.3  # an nginx that does not like what it was told has ended by then


class NginxRelay:
    """Implements ``Relay``. ``source`` is the leader's host, ``api`` the engine of the follower's and ``place`` its directories."""

    def __init__(self, source: HostAccess, api: EngineApi, place: Place, installation: str) -> None:
        self._source = source
        self._api = api
        self._place = place
        self._installation = installation
        self._open: set[RelayLine] = set()

    def ensure(self, line: RelayLine) -> None:
        """See Relay."""
        names = [str(inside) for _, _, inside in line.ports]
        folder = self._folder(line)
        if line in self._open and self._place.still(folder, names):
            self._endpoints(line)
            return
        new = self._place.lead(folder, self._endpoints(line))
        self._ensure_container(line, folder, new)
        self._open.add(line)

    def _endpoints(self, line: RelayLine) -> dict[str, str]:
        """Port inside -> where this machine reaches it."""
        found = self._source.reach_all([(address, port) for address, port, _ in line.ports])
        ends = {str(inside): found[address, port] for address, port, inside in line.ports}
        return {name: path if path.startswith("/") else f"{path}:{port}" for name, (path, port) in ends.items()}

    def _ensure_container(self, line: RelayLine, folder: str, new: bool) -> None:
        """One that was made for another directory of the name sees that for ever."""
        wanted = container.request(self._installation, line, folder)
        found = self._found(line)
        same = [one for one in found if one["Labels"].get(container.LABEL_DIGEST) == wanted["Labels"][container.LABEL_DIGEST]]
        if not new and len(found) == 1 and same and same[0]["State"] == "running":
            return
        self._remove(found)
        self._start(line, wanted)

    def _found(self, line: RelayLine) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.listed("/containers/json", container.labels(self._installation, line), {"all": "1"})
        return found

    def _start(self, line: RelayLine, wanted: dict[str, Any]) -> None:
        try:
            id = self._api.post("/containers/create", {"name": f"{line.layer.project}-{line.component}"}, wanted)["Id"]
        except NotFound as error:
            raise ImageUnavailable(f"the image {line.image} is not on the host", "looma image list says what a stack needs") from error
        self._api.post(f"/containers/{id}/start")
        time.sleep(SETTLE_SECONDS)
        if not self._api.get(f"/containers/{id}/json")["State"]["Running"]:
            raise self._refused(id, line)

    def _refused(self, id: str, line: RelayLine) -> CommandFailed:
        log = self._api.exchange("GET", f"/containers/{id}/logs", {"stdout": "1", "stderr": "1", "tail": "5"}).body
        words = "".join(chr(byte) for byte in log if 32 <= byte < 127 or byte == 10).strip().splitlines()
        return CommandFailed(
            f"the relay for {line.store} does not start: {words[-1][-300:] if words else 'it does not say why'}",
            f"image {line.image} must hold nginx with its stream module",
        )

    def remove(self, line: RelayLine) -> None:
        """See Relay."""
        gone = [one for one in self._open if (one.layer, one.store) == (line.layer, line.store)]
        names = {str(inside) for one in gone for _, _, inside in one.ports}
        self._open.difference_update(gone)
        self._remove(self._found(line))
        self._place.remove(self._folder(line), sorted(names))

    def _remove(self, found: list[dict[str, Any]]) -> None:
        for one in found:
            with suppress(NotFound):
                self._api.delete(f"/containers/{one['Id']}", {"force": "1", "v": "1"})

    def _folder(self, line: RelayLine) -> str:
        """The same for every process, so that each finds what another has left."""
        text = f"{self._installation} {line.layer.project} {line.store}"
        return f"{BASE}/looma-relay-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
