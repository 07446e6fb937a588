"""What stands in the way is named: the same tests on FakeEngine and on docker compose."""

from __future__ import annotations

import pytest

from looma_cli.errors import (
    AlreadyExists,
    CommandFailed,
    ImageUnavailable,
    PortTaken,
    SubnetTaken,
)
from looma_cli.model.tenant import LayerReference
from tests.contract.engine.stacks import NO_IMAGE, single, states
from tests.contract.engines import (
    UNHEALTHY,
    FakeRig,
    Rig,
    layer,
    new_installation,
    service,
)


def test_a_layer_name_of_another_installation_is_not_taken_over(rig: Rig, data: LayerReference) -> None:
    other = new_installation()
    rig.engine_of(other).start(layer(rig, data, {"api": service()}, subnet=rig.free_subnet(), installation=other))
    with pytest.raises(AlreadyExists, match=data.project):
        rig.engine.start(single(rig, data))
    assert rig.names(rig.installation) == set()
    assert [w.state for w in rig.engine_of(other).workloads(data.tenant)] == ["running"]


def test_a_port_that_a_process_holds(rig: Rig, data: LayerReference) -> None:
    port = rig.free_port()
    wanted = single(rig, data, port)
    with rig.listening(port), pytest.raises(PortTaken, match=str(port)) as failure:
        rig.engine.start(wanted)
    assert failure.value.details == {"address": "127.0.0.1", "port": port}
    rig.engine.start(wanted)
    assert states(rig, data) == {"api": "running"}


def test_a_port_that_a_container_holds(rig: Rig, data: LayerReference) -> None:
    port = rig.free_port()
    rig.stranger(f"stranger-{data.tenant}", port=port)
    with pytest.raises(PortTaken) as failure:
        rig.engine.start(single(rig, data, port))
    assert failure.value.details == {"address": "127.0.0.1", "port": port}


def test_a_subnet_that_another_network_has(rig: Rig, data: LayerReference) -> None:
    first = single(rig, data)
    rig.engine.create(first)
    subnet = rig.engine.networks()[0].cidrs[0]
    with pytest.raises(SubnetTaken) as failure:
        rig.engine.create(layer(rig, LayerReference(data.tenant, "app", 1), {"api": service()}, subnet=subnet))
    assert failure.value.details["cidr"] == subnet


@pytest.mark.parametrize("verb", ["create", "start"])
def test_an_image_that_is_not_there(rig: Rig, data: LayerReference, verb: str) -> None:
    with pytest.raises(ImageUnavailable, match="absent:1") as failure:
        getattr(rig.engine, verb)(single(rig, data, image=NO_IMAGE))
    assert failure.value.details["reference"] == NO_IMAGE
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()


def test_a_needed_component_that_ends_is_named_with_its_last_words(rig: Rig, data: LayerReference) -> None:
    store = service(says="the disk is full", then="exit 3")
    api = service(depends_on={"store": {"condition": "service_completed_successfully"}})
    with pytest.raises(CommandFailed, match="store") as failure:
        rig.engine.start(layer(rig, data, {"store": store, "api": api}, subnet=rig.free_subnet()))
    assert failure.value.details["component"] == "store"
    assert failure.value.details["exit_code"] == 3
    assert failure.value.details["out_of_memory"] is False
    assert failure.value.details["log"] == ["the disk is full"]
    assert states(rig, data) == {"store": "exited", "api": "created"}


def test_a_needed_component_that_stays_unhealthy_is_named(rig: Rig, data: LayerReference) -> None:
    if isinstance(rig, FakeRig):
        rig.engine.unhealthy.add("store")
    api = service(depends_on={"store": {"condition": "service_healthy"}})
    with pytest.raises(CommandFailed, match="store") as failure:
        rig.engine.start(layer(rig, data, {"store": service(healthcheck=UNHEALTHY), "api": api}, subnet=rig.free_subnet()))
    assert failure.value.details["component"] == "store"
    assert failure.value.details["log"] == ["ready"]


def test_a_data_network_that_is_absent(rig: Rig, data: LayerReference) -> None:
    with pytest.raises(CommandFailed, match=data.project):
        rig.engine.start(layer(rig, LayerReference(data.tenant, "app", 1), {"api": service()}, subnet=rig.free_subnet(), join=data.project))
