"""The words of docker and compose, as engines 20.10 to 29 put them, and what looma makes of them."""

from __future__ import annotations

import pytest

from looma_cli.adapters.engine.failures import dependency_failed, explain, failed_dependency, last_line
from looma_cli.errors import CommandFailed, EngineUnavailable, ImageUnavailable, LoomaError, PortTaken, SubnetTaken
from looma_cli.model.layer import RenderedLayer, Workload
from looma_cli.model.tenant import LayerReference

LAYER = RenderedLayer(LayerReference("acme", "data", 1), "networks: {default: {ipam: {config: [{subnet: 10.192.0.64/26}]}}}")
PROGRESS = " Network looma-acme-data-g1  Creating\n Network looma-acme-data-g1  Created\n Container looma-acme-data-g1-mysql-1  Starting\n"
DAEMON = "Error response from daemon: "


def explained(errors: str) -> LoomaError:
    return explain(PROGRESS + errors, LAYER, "unix:///x.sock")


@pytest.mark.parametrize(
    ("words", "address", "port"),
    [
        ("driver failed programming external connectivity on endpoint x (9a29): Bind for 127.0.0.1:3306 failed: port is already allocated",
         "127.0.0.1", 3306),
        ("driver failed programming external connectivity on endpoint x (9a29): Error starting userland proxy: "
         "listen tcp4 127.0.0.1:18123: bind: address already in use", "127.0.0.1", 18123),
        ("driver failed programming external connectivity on endpoint x (9a29): Error starting userland proxy: "
         "listen tcp6 [::]:8080: bind: address already in use", "::", 8080),
        ("driver failed programming external connectivity on endpoint x (9a29): Bind for :::80 failed: port is already allocated",
         "::", 80),
        ("failed to set up container networking: driver failed programming external connectivity on endpoint x (9a29): "
         "failed to bind host port for 0.0.0.0:443:172.18.0.2:443/tcp: address already in use", "0.0.0.0", 443),
        ("failed to set up container networking: driver failed programming external connectivity on endpoint x (9a29): "
         "failed to bind host port 127.0.0.1:3306/tcp: address already in use", "127.0.0.1", 3306),
        ("driver failed programming external connectivity on endpoint x (9a29): "
         "failed to listen on UDP socket: listen udp 0.0.0.0:53: bind: address already in use", "0.0.0.0", 53),
    ],
)  # fmt: skip
def test_a_taken_port_is_named(words: str, address: str, port: int) -> None:
    error = explained(DAEMON + words)
    assert isinstance(error, PortTaken)
    assert error.details == {"address": address, "port": port}
    assert str(port) in error.message


def test_a_taken_port_in_unknown_words_still_is_one() -> None:
    error = explained(DAEMON + "ports are not available: exposing something")
    assert isinstance(error, PortTaken)
    assert "exposing something" in error.message


@pytest.mark.parametrize("prefix", ["", "invalid pool request: "])
def test_a_taken_subnet_is_named_by_the_manifest(prefix: str) -> None:
    error = explained(f"failed to create network looma-acme-data-g1: {DAEMON}{prefix}Pool overlaps with other one on this address space")
    assert isinstance(error, SubnetTaken)
    assert error.details == {"cidr": "10.192.0.64/26"}


@pytest.mark.parametrize(
    "words",
    [
        "No such image: registry.example/basic-api:1.0.0",
        "pull access denied for registry.example/basic-api:1.0.0, repository does not exist or may require 'docker login'",
        "manifest for registry.example/basic-api:1.0.0 not found: manifest unknown",
    ],
)
def test_an_absent_image_is_named(words: str) -> None:
    error = explained(DAEMON + words)
    assert isinstance(error, ImageUnavailable)
    assert error.details == {"reference": "registry.example/basic-api:1.0.0"}
    assert "--images local" in error.hint


def test_an_absent_engine() -> None:
    error = explained("Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?")
    assert isinstance(error, EngineUnavailable)
    assert "unix:///x.sock" in error.message


def test_anything_else_is_the_last_line_that_says_something() -> None:
    warning = 'time="2026-11-22T03:00:00Z" level=warning msg="config `uid` is not supported"\n'
    error = explained(DAEMON + "OCI runtime create failed\n" + warning + "\n")
    assert type(error) is CommandFailed
    assert error.message == "compose failed for looma-acme-data-g1: Error response from daemon: OCI runtime create failed"
    assert last_line(warning) == "no reason was given"


@pytest.mark.parametrize(
    ("words", "container", "service"),
    [
        ("dependency failed to start: container looma-acme-data-g1-mysql-1 is unhealthy", "looma-acme-data-g1-mysql-1", None),
        ("dependency failed to start: container looma-acme-data-g1-mysql-1 exited (1)", "looma-acme-data-g1-mysql-1", None),
        ('service "init" didn\'t complete successfully: exit 3', None, "init"),
    ],
)
def test_a_failed_dependency_is_found(words: str, container: str | None, service: str | None) -> None:
    found = failed_dependency(PROGRESS + words)
    assert found is not None
    assert (found.container, found.service) == (container, service)


def test_other_words_are_no_failed_dependency() -> None:
    assert failed_dependency(PROGRESS + DAEMON + "No such image: x") is None


def workload(**more: object) -> Workload:
    return Workload("1", "looma-acme-data-g1-mysql-1", "mysql", LAYER.reference, **{"health": "none", "image": "mysql:8", **more})


def test_a_component_out_of_memory_says_so_with_its_last_line() -> None:
    error = dependency_failed(workload(state="exited", exit_code=137, out_of_memory=True), "acme", ["starting", "innodb: 512M"])
    assert error.message == "mysql ended with exit code 137 (out of memory): innodb: 512M"
    assert error.hint == "looma tenant logs acme mysql"
    assert error.details == {"component": "mysql", "exit_code": 137, "out_of_memory": True, "log": ["starting", "innodb: 512M"]}


def test_a_component_that_runs_but_is_sick() -> None:
    assert dependency_failed(workload(state="running"), "acme", []).message == "mysql did not become healthy"
