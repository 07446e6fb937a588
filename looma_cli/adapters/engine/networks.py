"""A container on a second network: for as long as one datastore follows another."""

from __future__ import annotations

from contextlib import suppress

from looma_cli.adapters.engine.api import EngineApi
from looma_cli.errors import NotFound
from looma_cli.model.layer import LABEL_INSTALLATION, Workload


def join(api: EngineApi, installation: str, workload: Workload, network: str) -> None:
    """Raises NotFound for a network that is not this installation's."""
    if network in _joined(api, workload):
        return
    found = [one["Id"] for one in api.listed("/networks", {LABEL_INSTALLATION: installation}) if one["Name"] == network]
    if not found:
        raise NotFound(f"this installation has no network {network} on the host", "looma network list")
    api.post(f"/networks/{found[0]}/connect", body={"Container": workload.id})


def leave(api: EngineApi, workload: Workload, network: str) -> None:
    with suppress(NotFound):
        if id := _joined(api, workload).get(network):
            api.post(f"/networks/{id}/disconnect", body={"Container": workload.id, "Force": True})


def _joined(api: EngineApi, workload: Workload) -> dict[str, str]:
    """Id of each network that the container is, or was last, attached to, by name."""
    attached = api.get(f"/containers/{workload.id}/json")["NetworkSettings"]["Networks"] or {}
    return {name: entry["NetworkID"] or name for name, entry in attached.items()}
