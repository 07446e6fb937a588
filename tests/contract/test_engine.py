"""What every Engine does: the same tests on FakeEngine and on docker compose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from looma_cli.errors import (
    AlreadyExists,
    CommandFailed,
    ImageUnavailable,
    InvalidValue,
    NotAllowed,
    NotFound,
    PortTaken,
    SubnetTaken,
)
from looma_cli.model.layer import RenderedLayer, Workload
from looma_cli.model.tenant import LayerReference
from tests.contract.engines import (
    HEALTHY,
    IMAGE,
    UNHEALTHY,
    ComposeRig,
    FakeRig,
    Rig,
    changed,
    layer,
    new_installation,
    new_tenant,
    service,
    wait_for,
)

NO_IMAGE = "looma-test.invalid/absent:1"


@pytest.fixture(params=["fake", pytest.param("compose", marks=pytest.mark.engine)])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "fake":
        yield FakeRig()
        return
    rig = ComposeRig(request.getfixturevalue("engine_required"))
    if rig.engine.missing_images([IMAGE]):
        pytest.fail(f"the image {IMAGE} is missing: looma image build makes it", pytrace=False)
    yield rig
    rig.clean_up()


@pytest.fixture
def data() -> LayerReference:
    return LayerReference(new_tenant(), "data", 1)


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


# what it is


def test_information_says_what_the_engine_can(rig: Rig) -> None:
    told = rig.engine.information()
    assert told.api >= (1, 41)
    assert told.compose.startswith("2.")
    assert told.cpus >= 1
    assert told.memory_bytes > 2**28
    assert told.version
    assert told.root_directory.startswith("/")


def test_missing_images_are_those_the_engine_does_not_hold(rig: Rig) -> None:
    assert rig.engine.missing_images([NO_IMAGE, IMAGE]) == [NO_IMAGE]
    assert rig.engine.missing_images([]) == []


def test_an_image_that_cannot_be_pulled_is_named(rig: Rig) -> None:
    said: list[str] = []
    with pytest.raises(ImageUnavailable, match="absent:1") as failure:
        rig.engine.pull([NO_IMAGE], said.append)
    assert failure.value.details["reference"] == NO_IMAGE
    assert failure.value.hint
    assert said == [f"pulling {NO_IMAGE}"]


# create, start, stop, restart


def test_create_makes_everything_and_starts_nothing(rig: Rig, data: LayerReference) -> None:
    rig.engine.create(pair(rig, data))
    assert states(rig, data) == {"store": "created", "api": "created"}
    assert [v.name for v in rig.engine.volumes(data.tenant)] == [f"{data.project}_kept"]
    assert [n.name for n in rig.engine.networks()] == [data.project]


def test_create_again_changes_nothing(rig: Rig, data: LayerReference) -> None:
    wanted = pair(rig, data)
    rig.engine.create(wanted)
    before = ids(rig, data)
    rig.engine.create(wanted)
    assert ids(rig, data) == before


def test_start_runs_everything_in_dependency_order(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    found = by_component(rig, data)
    assert {name: w.state for name, w in found.items()} == {"store": "running", "api": "running"}
    assert found["store"].health == "healthy"
    assert found["api"].health == "none"
    assert found["store"].started_at < found["api"].started_at


def test_start_after_create_and_again_keeps_the_containers(rig: Rig, data: LayerReference) -> None:
    wanted = pair(rig, data)
    rig.engine.create(wanted)
    before = ids(rig, data)
    rig.engine.start(wanted)
    rig.engine.start(wanted)
    assert ids(rig, data) == before
    assert set(states(rig, data).values()) == {"running"}


def test_a_changed_component_is_made_anew_the_other_stays(rig: Rig, data: LayerReference) -> None:
    wanted = pair(rig, data)
    rig.engine.start(wanted)
    before = ids(rig, data)
    rig.engine.start(changed(wanted, "api", environment={"LOOMA_X": "2"}))
    after = ids(rig, data)
    assert after["store"] == before["store"]
    assert after["api"] != before["api"]
    assert states(rig, data) == {"store": "running", "api": "running"}


def test_a_component_that_is_gone_from_the_manifest_is_removed(rig: Rig, data: LayerReference) -> None:
    subnet = rig.free_subnet()
    rig.engine.start(layer(rig, data, {"api": service(), "old": service()}, subnet=subnet))
    rig.engine.start(layer(rig, data, {"api": service()}, subnet=subnet))
    assert states(rig, data) == {"api": "running"}


def test_stop_keeps_the_containers_and_may_be_repeated(rig: Rig, data: LayerReference) -> None:
    wanted = pair(rig, data)
    rig.engine.start(wanted)
    before = ids(rig, data)
    rig.engine.stop(data, timeout_seconds=5)
    rig.engine.stop(data, timeout_seconds=5)
    assert states(rig, data) == {"store": "exited", "api": "exited"}
    rig.engine.start(wanted)
    assert ids(rig, data) == before
    assert states(rig, data) == {"store": "running", "api": "running"}


def test_stop_of_what_never_ran_or_is_absent_is_no_error(rig: Rig, data: LayerReference) -> None:
    rig.engine.stop(data)
    rig.engine.create(pair(rig, data))
    rig.engine.stop(data)
    assert states(rig, data) == {"store": "created", "api": "created"}


def test_restart_of_one_component_leaves_the_other(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    before = by_component(rig, data)
    rig.engine.restart(data, "api")
    after = by_component(rig, data)
    assert after["api"].started_at > before["api"].started_at
    assert after["store"].started_at == before["store"].started_at


def test_restart_of_a_layer_restarts_all_but_finished_jobs(rig: Rig, data: LayerReference) -> None:
    job = service(says="prepared", then="exit 0")
    api = service(depends_on={"job": {"condition": "service_completed_successfully"}})
    rig.engine.start(layer(rig, data, {"job": job, "api": api}, subnet=rig.free_subnet()))
    before = by_component(rig, data)
    rig.engine.restart(data)
    after = by_component(rig, data)
    assert after["api"].started_at > before["api"].started_at
    assert (after["job"].started_at, after["job"].state) == (before["job"].started_at, "exited")


def test_restart_of_an_unknown_component_is_refused(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    with pytest.raises(NotFound, match="nothing"):
        rig.engine.restart(data, "nothing")


# remove


def test_what_was_created_and_never_started_can_be_discarded_and_made_anew(rig: Rig, data: LayerReference) -> None:
    rendered = pair(rig, data)
    rig.engine.create(rendered)
    before = ids(rig, data)
    rig.engine.discard_unstarted(data)
    assert states(rig, data) == {}
    rig.engine.discard_unstarted(data)
    rig.engine.start(rendered)
    assert states(rig, data) == {"store": "running", "api": "running"}
    assert not set(before.values()) & set(ids(rig, data).values())
    rig.engine.discard_unstarted(data)
    rig.engine.stop(data)
    rig.engine.discard_unstarted(data)
    assert set(states(rig, data)) == {"store", "api"}


def test_remove_leaves_nothing_and_may_be_repeated(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()


def test_remove_may_keep_the_volumes(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    rig.engine.remove(data, volumes=False)
    assert rig.names(rig.installation) == {f"{data.project}_kept"}


def test_remove_takes_only_its_own_generation_and_layer(rig: Rig, data: LayerReference) -> None:
    app, newer = LayerReference(data.tenant, "app", 1), LayerReference(data.tenant, "data", 2)
    for reference in (data, app, newer):
        rig.engine.create(single(rig, reference))
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == {app.project, f"{app.project}-api-1", newer.project, f"{newer.project}-api-1"}


def test_remove_leaves_the_same_tenant_of_another_installation(rig: Rig, data: LayerReference) -> None:
    other = new_installation()
    twin = rig.twin(data, other)
    rig.engine.start(single(rig, data))
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()
    assert rig.names(other) == {twin}


def test_remove_disconnects_its_own_app_layer_from_the_network(rig: Rig, data: LayerReference) -> None:
    app = LayerReference(data.tenant, "app", 1)
    rig.engine.start(single(rig, data))
    rig.engine.start(layer(rig, app, {"api": service()}, subnet=rig.free_subnet(), join=data.project))
    rig.engine.remove(data, volumes=True)
    assert [n.name for n in rig.engine.networks()] == [app.project]
    assert states(rig, app) == {"api": "running"}


def test_remove_says_which_stranger_holds_the_network(rig: Rig, data: LayerReference) -> None:
    name = f"stranger-{data.tenant}"
    rig.engine.start(single(rig, data))
    rig.stranger(name, network=data.project)
    with pytest.raises(NotAllowed, match=name):
        rig.engine.remove(data, volumes=True)
    rig.remove_stranger(name)
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()


# conflicts


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


# reading


def test_a_workload_says_whose_it_is_and_what_it_publishes(rig: Rig, data: LayerReference) -> None:
    port = rig.free_port()
    rig.engine.start(single(rig, data, port))
    (found,) = rig.engine.workloads(data.tenant)
    assert found.reference == data
    assert (found.name, found.component, found.image) == (f"{data.project}-api-1", "api", IMAGE)
    assert found.ports == (("127.0.0.1", port, 80),)
    assert (found.exit_code, found.out_of_memory, found.restarts) == (None, False, 0)
    assert found.labels["looma.installation"] == rig.installation


def test_workloads_and_volumes_of_one_tenant_only(rig: Rig, data: LayerReference) -> None:
    other = LayerReference(new_tenant(), "data", 1)
    rig.engine.create(pair(rig, data))
    rig.engine.create(pair(rig, other))
    assert {w.reference for w in rig.engine.workloads()} == {data, other}
    assert {w.reference for w in rig.engine.workloads(other.tenant)} == {other}
    assert {v.labels["looma.tenant"] for v in rig.engine.volumes()} == {data.tenant, other.tenant}
    assert {v.labels["looma.tenant"] for v in rig.engine.volumes(other.tenant)} == {other.tenant}
    assert rig.engine.workloads("nobody") == []


def test_networks_of_this_installation_or_of_everyone(rig: Rig, data: LayerReference) -> None:
    twin = rig.twin(data, new_installation())
    wanted = single(rig, data)
    rig.engine.create(wanted)
    (own,) = rig.engine.networks()
    assert own.name == data.project
    assert own.cidrs[0] in wanted.manifest
    assert {data.project, twin} <= {n.name for n in rig.engine.networks(everyones=True)}


def test_ports_of_stopped_and_foreign_containers_count_as_published(rig: Rig, data: LayerReference) -> None:
    stopped, created, foreign = rig.free_port(), rig.free_port(), rig.free_port()
    app = LayerReference(data.tenant, "app", 1)
    rig.engine.start(single(rig, data, stopped))
    rig.engine.stop(data, timeout_seconds=1)
    rig.engine.create(single(rig, app, created))
    rig.stranger(f"stranger-{data.tenant}", port=foreign)
    assert {("127.0.0.1", port, "tcp") for port in (stopped, created, foreign)} <= set(rig.engine.published_ports())


def test_logs_are_lines_the_last_ones_if_asked(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(layer(rig, data, {"api": service(says="one; echo two; echo three")}, subnet=rig.free_subnet()))
    (workload,) = rig.engine.workloads(data.tenant)
    wait_for(lambda: list(rig.engine.logs(workload, tail=None, follow=False, since=None)) == ["one", "two", "three"])
    assert list(rig.engine.logs(workload, tail=2, follow=False, since=None)) == ["two", "three"]
    assert list(rig.engine.logs(workload, tail=0, follow=False, since=None)) == []


def test_execute_returns_exit_code_and_both_streams(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(single(rig, data))
    (workload,) = rig.engine.workloads(data.tenant)
    assert rig.engine.execute(workload, ["echo", "hello"]) == (0, "hello\n")
    code, output = rig.engine.execute(workload, ["sh", "-c", "echo out; echo err >&2; exit 4"])
    assert (code, sorted(output.split())) == (4, ["err", "out"])
    with pytest.raises(InvalidValue):
        rig.engine.execute(workload, [])


def test_what_is_stopped_or_gone_cannot_be_entered(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(single(rig, data))
    (workload,) = rig.engine.workloads(data.tenant)
    rig.engine.stop(data, timeout_seconds=1)
    with pytest.raises(NotAllowed):
        rig.engine.execute(workload, ["true"])
    rig.engine.remove(data, volumes=True)
    with pytest.raises(NotFound):
        rig.engine.execute(workload, ["true"])
    with pytest.raises(NotFound):
        rig.engine.logs(workload, tail=None, follow=False, since=None)


def test_a_file_is_read_from_a_running_and_from_a_stopped_container(rig: Rig, data: LayerReference) -> None:
    api = service(secrets=["password"])
    rig.engine.start(layer(rig, data, {"api": api}, subnet=rig.free_subnet(), secrets={"password": "first$PATH #1 中"}))
    (workload,) = rig.engine.workloads(data.tenant)
    assert rig.engine.read_file(workload, "/run/secrets/password") == "first$PATH #1 中"
    assert rig.engine.read_file(workload, "/run/secrets/absent") is None
    assert rig.engine.read_file(workload, "/run/secrets") is None
    rig.engine.stop(data, timeout_seconds=1)
    assert rig.engine.read_file(workload, "/run/secrets/password") == "first$PATH #1 中"
    rig.engine.remove(data, volumes=True)
    with pytest.raises(NotFound):
        rig.engine.read_file(workload, "/run/secrets/password")


# secrets


def test_a_secret_arrives_as_a_file_and_a_changed_one_with_its_label_too(rig: Rig, data: LayerReference) -> None:
    subnet = rig.free_subnet()
    for value in ("first$PATH #1", "second"):
        api = service(secrets=["password"], labels={"looma.configuration": value[:3]})
        rig.engine.start(layer(rig, data, {"api": api}, subnet=subnet, secrets={"password": value}))
        (workload,) = rig.engine.workloads(data.tenant)
        assert rig.engine.execute(workload, ["cat", "/run/secrets/password"]) == (0, value)
