"""What a rendered layer consists of: components, networks, ports and volumes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from looma_cli.adapters.render import JinjaRenderer
from looma_cli.errors import RenderFailed
from looma_cli.model.edition import PublishedPort
from looma_cli.settings import data_directory
from tests.factories import make_component, make_edition, make_request, make_tenant
from tests.unit.rendering import RENDERER, rendered, service


def test_names_the_project_and_says_who_may_edit_it() -> None:
    manifest = RENDERER.render(make_request("app")).manifest
    assert manifest.startswith(
        "# rendered by looma for tenant acme (looma-acme-app-g1)\n# edit override.yaml instead: this file is rewritten\n"
    )
    assert yaml.load(manifest, Loader=yaml.CSafeLoader)["name"] == "looma-acme-app-g1"


def test_each_layer_has_its_own_components() -> None:
    assert list(rendered(make_request("data"))["services"]) == ["mysql", "prometheus"]
    assert list(rendered(make_request("app"))["services"]) == ["init", "user-service", "job-service"]


def test_the_same_request_gives_the_same_bytes() -> None:
    other = JinjaRenderer(data_directory("templates"))
    for layer in ("data", "app"):
        assert RENDERER.render(make_request(layer)) == other.render(make_request(layer))


def test_a_component_of_another_profile_is_left_out() -> None:
    edition = make_edition((make_component(), make_component("big-service", profiles=("full",))))
    small = make_request("app", edition=edition, tenant=make_tenant(edition))
    large = make_request("app", edition=edition, tenant=make_tenant(edition, profile="full"))
    assert list(rendered(small)["services"]) == ["user-service"]
    assert list(rendered(large)["services"]) == ["user-service", "big-service"]


def test_what_the_edge_provides_is_not_started() -> None:
    edition = make_edition((make_component(), make_component("nginx", provided_by="edge")))
    assert list(rendered(make_request("app", edition=edition))["services"]) == ["user-service"]


class TestPorts:
    def test_are_published_where_they_are_allocated(self) -> None:
        assert service("mysql", "data")["ports"] == [{"host_ip": "127.0.0.1", "published": "3307", "target": 3306, "protocol": "tcp"}]

    def test_an_inner_port_is_not_published(self) -> None:
        edition = make_edition((make_component(ports=(PublishedPort("http", 8001, None),)),))
        assert "ports" not in service("user-service", "app", edition=edition)

    def test_each_generation_has_its_own(self) -> None:
        tenant = make_tenant()
        later = tuple(replace(a, generation=2, host_port=a.host_port + 20000) for a in tenant.ports)
        subnets = (*tenant.subnets, replace(tenant.subnets[1], generation=2, cidr="10.192.0.128/26"))
        tenant = replace(tenant, ports=(*tenant.ports, *later), subnets=subnets)
        result = rendered(make_request("app", tenant=tenant, generation=2))
        assert result["services"]["user-service"]["ports"][0]["published"] == "28001"
        assert result["networks"]["default"]["ipam"] == {"config": [{"subnet": "10.192.0.128/26"}]}

    def test_one_without_an_allocation_is_an_error(self) -> None:
        with pytest.raises(RenderFailed, match="no host port is allocated for mysql:3306 of looma-acme-data-g1"):
            RENDERER.render(make_request("data", tenant=make_tenant(ports=())))


class TestNetworks:
    def test_a_layer_has_one_with_its_own_subnet(self) -> None:
        network = rendered(make_request("data"))["networks"]["default"]
        assert network["name"] == "looma-acme-data-g1"
        assert network["ipam"] == {"config": [{"subnet": "10.192.0.0/26"}]}

    def test_the_app_layer_joins_the_current_data_layer(self) -> None:
        result = rendered(make_request("app", tenant=make_tenant(data_generation=3)))
        assert result["networks"]["data"] == {"name": "looma-acme-data-g3", "external": True}
        assert result["services"]["user-service"]["networks"] == ["default", "data"]

    def test_the_own_network_sorts_first_because_the_engine_asks_in_that_order(self) -> None:
        networks = rendered(make_request("app"))["networks"]
        assert networks["default"]["name"] < networks["data"]["name"]

    def test_without_a_subnet_there_is_an_error(self) -> None:
        with pytest.raises(RenderFailed, match="no subnet is allocated for looma-acme-app-g1"):
            RENDERER.render(make_request("app", tenant=make_tenant(subnets=())))


def test_volumes_are_the_components_own_and_named() -> None:
    result = rendered(make_request("data"))
    assert {name: volume["name"] for name, volume in result["volumes"].items()} == {
        "mysql-data": "looma-acme-data-g1_mysql-data",
        "prometheus-data": "looma-acme-data-g1_prometheus-data",
    }
    assert result["services"]["mysql"]["volumes"] == [{"type": "volume", "source": "mysql-data", "target": "/var/lib/mysql"}]
    assert result["volumes"]["mysql-data"]["labels"]["looma.component"] == "mysql"


def test_a_template_that_asks_for_too_much_is_named(tmp_path: Any) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "layer.json.j2").write_text('{"name": {{ layer.nothing | tojson }}}')
    with pytest.raises(RenderFailed, match=r"layers/layer.json.j2: UndefinedError"):
        JinjaRenderer(tmp_path).render(make_request("app"))


@pytest.mark.parametrize(
    ("text", "what"),
    [("{", "does not give JSON"), ("[1]", "JSON object"), ('{"services": {"a": {"imag": "x"}}}', "must not contain \\['imag'\\]")],
)
def test_a_template_that_gives_no_compose_file_is_refused(tmp_path: Any, text: str, what: str) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "layer.json.j2").write_text(text)
    with pytest.raises(RenderFailed, match=what):
        JinjaRenderer(tmp_path).render(make_request("app", edition=make_edition((make_component(),))))
