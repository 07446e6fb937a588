"""The engine's JSON as nouns: references, ports, images, dependency order."""

from __future__ import annotations

import pytest

from looma_cli.adapters.engine import objects
from looma_cli.model.layer import Workload


@pytest.mark.parametrize(
    ("reference", "normal"),
    [
        ("mysql", "mysql:latest"),
        ("docker.io/library/mysql:8.0", "mysql:8.0"),
        ("docker.io/grafana/grafana", "grafana/grafana:latest"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("localhost:5000/x:1", "localhost:5000/x:1"),
        ("x@sha256:abc", "x@sha256:abc"),
    ],
)
def test_one_spelling_of_an_image(reference: str, normal: str) -> None:
    assert objects.normal_image(reference) == normal


def test_images_are_held_by_tag_digest_and_id() -> None:
    held = objects.images_held(
        [{"Id": "sha256:1", "RepoTags": ["a:1"], "RepoDigests": ["a@sha256:9"]}, {"Id": "sha256:2", "RepoTags": None}]
    )
    assert held == {"sha256:1", "sha256:2", "a:1", "a@sha256:9"}


def test_port_bindings_of_a_container() -> None:
    bindings = {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "", "HostPort": "8081-8082"}],
        "53/udp": [{"HostIp": "::1", "HostPort": "53"}],
        "81/tcp": [{"HostIp": "", "HostPort": ""}, {"HostIp": "", "HostPort": "0"}],
        "82/tcp": None,
    }
    assert list(objects.bindings({"HostConfig": {"PortBindings": bindings}})) == [
        ("127.0.0.1", 8080, 80, "tcp"),
        ("0.0.0.0", 8081, 80, "tcp"),
        ("0.0.0.0", 8082, 80, "tcp"),
        ("::1", 53, 53, "udp"),
    ]
    assert list(objects.bindings({"HostConfig": {"PortBindings": None}})) == []


def test_labels_name_a_layer_only_when_they_are_complete() -> None:
    labels = {"looma.tenant": "acme", "looma.layer": "data", "looma.generation": "2"}
    reference = objects.reference_of(labels)
    assert reference is not None
    assert reference.project == "looma-acme-data-g2"
    assert objects.reference_of({**labels, "looma.generation": "x"}) is None
    assert objects.reference_of({"looma.tenant": "acme"}) is None


def workload(name: str, *needs: str, state: str = "running") -> Workload:
    labels = {"com.docker.compose.service": name, "com.docker.compose.depends_on": ",".join(needs)}
    return Workload(name, name, name, None, state, "none", "x:1", labels=labels)


def names(waves: list[list[Workload]]) -> list[list[str]]:
    return [[w.name for w in wave] for wave in waves]


def test_waves_put_those_that_others_need_first() -> None:
    found = [workload("web", "api:service_started:false"), workload("api", "db:service_healthy:false,cache:service_started:true")]
    assert names(objects.waves([*found, workload("db"), workload("cache")])) == [["db", "cache"], ["api"], ["web"]]


def test_waves_of_a_cycle_and_of_absent_needs_still_end() -> None:
    assert names(objects.waves([workload("a", "b:x:y"), workload("b", "a:x:y")])) == [["a", "b"]]
    assert names(objects.waves([workload("a", "gone:x:y")])) == [["a"]]


def test_finished_jobs_are_not_lasting() -> None:
    found = [workload("api", "init:service_completed_successfully:false"), workload("init", state="exited"), workload("db", state="exited")]
    assert [w.name for w in objects.lasting(found)] == ["api", "db"]
