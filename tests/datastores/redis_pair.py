"""Two Redis servers of which one is to follow the other."""

from __future__ import annotations

from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import Workload


def address_of(api: EngineApi, workload: Workload) -> str:
    (network,) = api.get(f"/containers/{workload.id}/json")["NetworkSettings"]["Networks"].values()
    return network["IPAddress"]
