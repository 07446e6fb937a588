"""Small layers to work on, and what became of their components."""

from __future__ import annotations

from looma_cli.model.layer import RenderedLayer, Workload
from looma_cli.model.tenant import LayerReference
from tests.contract.engines import (
    HEALTHY,
    Rig,
    layer,
    service,
)

NO_IMAGE = "looma-test.invalid/absent:1"


def pair(rig: Rig, reference: LayerReference) -> RenderedLayer:
    """A store with a volume, and a service that needs it healthy."""
    store = service(healthcheck=HEALTHY, volumes=["kept:/data"])
    return layer(
        rig,
        reference,
        {"store": store, "api": service(depends_on={"store": {"condition": "service_healthy"}})},
        subnet=rig.free_subnet(),
        volumes=["kept"],
    )


def single(rig: Rig, reference: LayerReference, port: int | None = None, **more: object) -> RenderedLayer:
    published = {"ports": [{"target": 80, "host_ip": "127.0.0.1", "published": str(port), "protocol": "tcp"}]} if port else {}
    return layer(rig, reference, {"api": service(**published, **more)}, subnet=rig.free_subnet())


def by_component(rig: Rig, reference: LayerReference) -> dict[str, Workload]:
    return {w.component: w for w in rig.engine.workloads(reference.tenant) if w.reference == reference}


def states(rig: Rig, reference: LayerReference) -> dict[str, str]:
    return {name: workload.state for name, workload in by_component(rig, reference).items()}


def ids(rig: Rig, reference: LayerReference) -> dict[str, str]:
    return {name: workload.id for name, workload in by_component(rig, reference).items()}
