"""`looma port` and `looma network`: exit codes, documents and the text that people see."""

from __future__ import annotations

from tests.cli.conftest import Cli


def test_ports_and_networks(acme: Cli) -> None:
    ports = acme.json("port", "list", "--tenant", "acme")["ports"]
    assert {"host", "address", "host_port", "protocol", "tenant", "layer", "component", "state"} <= set(ports[0])
    assert {port["tenant"] for port in ports} == {"acme"}
    networks = acme.json("network", "list", "--host", "local")["networks"]
    assert [(n["tenant"], n["layer"], n["name"]) for n in networks] == [
        ("acme", "data", "looma-acme-data-g1"),
        ("acme", "app", "looma-acme-app-g1"),
    ]
    assert "127.0.0.1" in acme("port", "list").out
    assert "looma-acme-app-g1" in acme("network", "list").out


def test_no_ports_and_no_networks(cli: Cli) -> None:
    assert cli.json("port", "list") == {"ports": []}
    assert cli.json("network", "list") == {"networks": []}
    assert "No port is allocated." in cli("port", "list").err
    assert "No subnet is allocated." in cli("network", "list").err


def test_port_conflicts_are_the_five_of_the_port_map(cli: Cli) -> None:
    conflicts = cli.json("port", "conflicts")["conflicts"]
    assert [conflict["port"] for conflict in conflicts] == [8206, 9200, 9201, 9202, 9203]
    assert all({"edition", "component"} == set(claim) for conflict in conflicts for claim in conflict["claims"])
    assert len(cli("port", "conflicts").out.splitlines()) == 6
