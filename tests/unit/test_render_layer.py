"""What is in a rendered layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.render import JinjaRenderer
from looma_cli.errors import ImageUnavailable, InvalidValue, RenderFailed
from looma_cli.model.edition import Edition, ImageReference, PublishedPort, Resources
from looma_cli.model.render import RenderRequest
from looma_cli.settings import data_directory
from tests.factories import make_component, make_edition, make_mysql, make_prometheus, make_request, make_tenant

CATALOG = YamlCatalog(data_directory("editions"))
RENDERER = JinjaRenderer(data_directory("templates"))


def rendered(request: RenderRequest) -> dict[str, Any]:
    return yaml.load(RENDERER.render(request).manifest, Loader=yaml.CSafeLoader)


def service(name: str, layer: str, **changes: Any) -> dict[str, Any]:
    return rendered(make_request(layer, **changes))["services"][name]


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


class TestImages:
    def test_from_the_registry_they_are_pulled_when_missing(self) -> None:
        result = service("user-service", "app")
        assert result["image"] == "registry.example/basic-user-service:1.4.2"
        assert result["pull_policy"] == "missing"

    def test_local_ones_are_never_pulled(self) -> None:
        result = service("user-service", "app", tenant=make_tenant(images="local"))
        assert (result["image"], result["pull_policy"]) == ("looma/reference:1.0", "never")

    def test_a_component_without_a_local_image_is_named(self) -> None:
        edition = make_edition((make_mysql(image=ImageReference("mysql:8.4")),))
        request = make_request("data", edition=edition, tenant=make_tenant(edition, images="local"))
        with pytest.raises(ImageUnavailable, match="component mysql of edition basic has no local image"):
            RENDERER.render(request)

    def test_they_are_listed_once_each(self) -> None:
        request = make_request("app", tenant=make_tenant(images="local"))
        assert RENDERER.render(request).images == ("looma/base:bookworm", "looma/reference:1.0")


class TestPlaceholders:
    def test_known_ones_are_replaced(self) -> None:
        text = "$(tenant) $(edition) $(release) $(service) $(port) $(registry) $(memory_mib) $(secret.a)"
        pool = "$(pool.size) $(pool.maximum) $(pool.connection_timeout) $(pool.idle_timeout) $(pool.retries)"
        edition = make_edition((make_component(environment={"A": text, "B": pool}),))
        environment = service("user-service", "app", edition=edition)["environment"]
        assert environment["A"] == "acme basic 1.4.2 user-service 8001 registry.example 96 /run/secrets/a"
        assert environment["B"] == "50 100 30 300 3"

    @pytest.mark.parametrize("text", ["$(unknown)", "$(Tenant)", "$(pool.other)", "$((1+1))", "$( tenant )", "$()", "$(cat /x)"])
    def test_everything_else_stays(self, text: str) -> None:
        edition = make_edition((make_component(command=("run", text)),))
        assert service("user-service", "app", edition=edition)["command"] == ["run", text.replace("$", "$$")]

    def test_settings_are_not_interpreted(self) -> None:
        environment = service("user-service", "app", tenant=make_tenant(settings={"X": "$(tenant) $(secret.mysql_password)"}))[
            "environment"
        ]
        assert environment["X"] == "$$(tenant) $$(secret.mysql_password)"

    def test_what_a_value_brings_in_is_not_interpreted_again(self) -> None:
        edition = make_edition((make_component(environment={"A": "$(registry)"}),))
        assert service("user-service", "app", edition=edition, registry="$(tenant)")["environment"]["A"] == "$$(tenant)"

    def test_entrypoint_command_and_healthcheck_have_them(self) -> None:
        edition = make_edition((make_component(entrypoint=("e", "$(port)"), command=("c", "$(port)"), healthcheck=("CMD", "$(port)")),))
        result = service("user-service", "app", edition=edition)
        assert (result["entrypoint"], result["command"], result["healthcheck"]["test"]) == (["e", "8001"], ["c", "8001"], ["CMD", "8001"])


class TestEnvironment:
    def test_services_are_told_about_datastores(self) -> None:
        environment = service("user-service", "app")["environment"]
        assert environment["MYSQL_URL"] == "mysql://looma@mysql:3306/looma"
        assert environment["MYSQL_PASSWORD_FILE"] == "/run/secrets/mysql_password"

    def test_of_the_tenants_profile_only(self) -> None:
        edition = make_edition((make_component(), make_mysql(profiles=("full",))))
        assert "MYSQL_URL" not in service("user-service", "app", edition=edition)["environment"]

    def test_settings_reach_services_and_nothing_else(self) -> None:
        tenant = make_tenant(settings={"LOG_LEVEL": "debug", "DB_POOL_SIZE": "7"})
        assert service("job-service", "app", tenant=tenant)["environment"]["LOG_LEVEL"] == "debug"
        assert service("job-service", "app", tenant=tenant)["environment"]["DB_POOL_SIZE"] == "7"
        assert "LOG_LEVEL" not in service("mysql", "data", tenant=tenant)["environment"]

    @pytest.mark.parametrize("value", ["a\0b", "a\ud800b"])
    def test_a_value_that_no_environment_can_hold_is_refused(self, value: str) -> None:
        with pytest.raises(InvalidValue, match="setting LOG"):
            RENDERER.render(make_request("app", tenant=make_tenant(settings={"LOG": value})))


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


class TestSecrets:
    def test_a_writable_service_is_given_its_own_by_compose(self) -> None:
        result = rendered(make_request("data"))
        assert result["services"]["mysql"]["secrets"] == ["mysql_root_password", "mysql_password"]
        assert "secrets" not in result["services"]["prometheus"]
        assert result["secrets"]["mysql_password"] == {"environment": "LOOMA_SECRET_MYSQL_PASSWORD"}

    def test_values_are_beside_the_manifest_not_in_it(self) -> None:
        request = make_request("data", secrets={"mysql_password": "hunter2hunter2", "mysql_root_password": "correct-horse"})
        layer = RENDERER.render(request)
        assert layer.secrets == {"LOOMA_SECRET_MYSQL_PASSWORD": "hunter2hunter2", "LOOMA_SECRET_MYSQL_ROOT_PASSWORD": "correct-horse"}
        assert "hunter2" not in layer.manifest
        assert "correct-horse" not in layer.manifest
        assert "hunter2" not in repr(layer)

    def test_a_layer_gets_only_those_it_uses(self) -> None:
        assert list(RENDERER.render(make_request("app")).secrets) == ["LOOMA_SECRET_MYSQL_PASSWORD"]

    def test_a_read_only_service_finds_them_in_a_volume_that_init_fills(self) -> None:
        result = rendered(make_request("app"))
        user, init = result["services"]["user-service"], result["services"]["init"]
        assert "secrets" not in user
        assert {"type": "volume", "source": "user-service-secrets", "target": "/run/secrets", "read_only": True} in user["volumes"]
        assert user["depends_on"]["init"] == {"condition": "service_completed_successfully"}
        assert init["secrets"] == ["mysql_password"]
        assert init["command"][-2:] == ["/run/secrets/mysql_password", "/shared/user-service-secrets/mysql_password"]
        assert init["restart"] == "no"

    def test_services_with_other_secrets_have_another_volume(self) -> None:
        special = make_component("special-service", environment={"KEY_FILE": "$(secret.api_key)"})
        result = rendered(make_request("app", edition=make_edition((make_component(), special, make_mysql()))))
        assert result["services"]["user-service"]["volumes"][0]["source"] == "user-service-secrets"
        assert result["services"]["special-service"]["volumes"][0]["source"] == "special-service-secrets"
        copied = result["services"]["init"]["command"][2:]
        assert "/shared/special-service-secrets/api_key" in copied
        assert "/shared/user-service-secrets/api_key" not in copied

    def test_one_that_the_tenant_lacks_is_named(self) -> None:
        with pytest.raises(RenderFailed, match="component mysql needs the secret 'mysql_root_password'"):
            RENDERER.render(make_request("data", secrets={"mysql_password": "x"}))

    def test_two_that_would_share_a_variable_are_refused(self) -> None:
        edition = make_edition((make_component(secrets=("a-b", "a_b")),))
        with pytest.raises(RenderFailed, match="LOOMA_SECRET_A_B"):
            RENDERER.render(make_request("app", edition=edition))


class TestConfigs:
    def test_a_writable_container_is_given_them_inline(self) -> None:
        result = rendered(make_request("data"))
        targets = [config["target"] for config in result["services"]["prometheus"]["configs"]]
        assert targets == ["/etc/prometheus/prometheus.yml", "/etc/prometheus/rules.yml"]
        assert {config["source"] for config in result["services"]["prometheus"]["configs"]} == set(result["configs"])

    def test_a_read_only_one_finds_them_in_a_volume(self) -> None:
        result = rendered(make_request("data", edition=make_edition((make_component(), make_prometheus(read_only=True)))))
        prometheus, init = result["services"]["prometheus"], result["services"]["init"]
        assert "configs" not in prometheus
        folder = {"type": "volume", "source": "prometheus-etc-prometheus", "target": "/etc/prometheus", "read_only": True}
        assert folder in prometheus["volumes"]
        assert "/shared/prometheus-etc-prometheus/rules.yml" in init["command"]
        assert {config["source"] for config in init["configs"]} == set(result["configs"])


class TestConfigurationHash:
    def hash_of(self, name: str, layer: str, **changes: Any) -> str | None:
        return service(name, layer, **changes)["labels"].get("looma.configuration")

    def test_changes_with_a_secret(self) -> None:
        before = self.hash_of("mysql", "data")
        after = self.hash_of("mysql", "data", secrets={"mysql_password": "new", "mysql_root_password": "x"})
        assert before != after
        assert before is not None

    def test_stays_when_only_anothers_secret_changes(self) -> None:
        secrets = {"mysql_password": "one", "mysql_root_password": "two"}
        before = self.hash_of("user-service", "app", secrets=secrets)
        assert self.hash_of("user-service", "app", secrets=secrets | {"mysql_root_password": "other"}) == before

    def test_changes_with_a_configuration(self) -> None:
        larger = make_edition((make_component(), make_component("new-service"), make_prometheus()))
        smaller = make_edition((make_component(), make_prometheus()))
        assert self.hash_of("prometheus", "data", edition=larger) != self.hash_of("prometheus", "data", edition=smaller)

    def test_is_absent_where_nothing_is_given(self) -> None:
        assert self.hash_of("user-service", "app", edition=make_edition((make_component(),))) is None

    def test_cannot_be_compared_between_tenants(self) -> None:
        same = {"mysql_password": "same", "mysql_root_password": "same"}
        other = make_tenant(name="other")
        assert self.hash_of("mysql", "data", secrets=same) != self.hash_of("mysql", "data", secrets=same, tenant=other)


class TestLabels:
    def test_everything_says_whose_it_is(self) -> None:
        for layer in ("data", "app"):
            result = rendered(make_request(layer))
            networks = [n for n in result["networks"].values() if not n.get("external")]
            for thing in (*result["services"].values(), *networks, *result["volumes"].values()):
                owner = {key: thing["labels"][f"looma.{key}"] for key in ("installation", "tenant", "layer", "generation")}
                assert owner == {"installation": "0123456789ab", "tenant": "acme", "layer": layer, "generation": "1"}

    def test_containers_say_what_they_are(self) -> None:
        labels = service("user-service", "app")["labels"]
        assert {key: labels[f"looma.{key}"] for key in ("component", "kind", "edition", "profile", "release")} == {
            "component": "user-service", "kind": "service", "edition": "basic", "profile": "lite", "release": "1.4.2",
        }  # fmt: skip

    def test_an_upgrade_changes_nothing_in_the_data_layer(self) -> None:
        before = rendered(make_request("data", tenant=make_tenant(release="1.4.1")))
        assert rendered(make_request("data", tenant=make_tenant(release="1.4.2"))) == before

    @pytest.mark.parametrize("layer", ["data", "app"])
    def test_a_new_hostname_recreates_nothing(self, layer: str) -> None:
        before = rendered(make_request(layer, tenant=make_tenant(hostname="a.example")))
        assert rendered(make_request(layer, tenant=make_tenant(hostname="b.example"))) == before

    @pytest.mark.parametrize("edition", [CATALOG.edition(name) for name in CATALOG.names()], ids=lambda edition: edition.name)
    def test_a_setting_or_an_upgrade_recreates_no_datastore(self, edition: Edition) -> None:
        """Nor its init container: compose recreates what depends on a recreated container."""

        def data(**more: Any) -> dict[str, Any]:
            return rendered(make_request("data", edition=edition, tenant=make_tenant(edition, **more)))["services"]

        assert data(settings={"LOG": "debug"}, release="9.9.9", hostname="b.example") == data()

    def test_the_record_holds_what_no_other_label_says(self) -> None:
        tenant = make_tenant(settings={"LOG": "a $ b"})
        services = rendered(make_request("app", tenant=tenant))["services"]
        for name in ("init", "user-service"):
            assert yaml.safe_load(services[name]["labels"]["looma.record"].replace("$$", "$")) == {
                "display_name": "Acme 有限公司", "host": "local", "address": "203.0.113.7", "public_port": 30000, "images": "registry",
                "port_policy": "auto", "platform": False, "settings": {"LOG": "a $ b"}, "created_at": "2026-01-02T03:04:05+00:00",
            }  # fmt: skip


class TestConfinement:
    def test_every_container_is_confined(self) -> None:
        for layer in ("data", "app"):
            for each in rendered(make_request(layer))["services"].values():
                assert each["cap_drop"] == ["ALL"]
                assert each["security_opt"] == ["no-new-privileges:true"]
                assert each["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}
                assert set(each["deploy"]["resources"]["limits"]) == {"memory", "cpus", "pids"}
                assert "privileged" not in each

    def test_limits_are_those_of_the_profile(self) -> None:
        small = service("mysql", "data")["deploy"]["resources"]["limits"]
        large = service("mysql", "data", tenant=make_tenant(profile="full"))["deploy"]["resources"]["limits"]
        assert small == {"memory": "512M", "cpus": "1", "pids": 512}
        assert large == {"memory": "1024M", "cpus": "2", "pids": 512}

    def test_a_size_that_is_not_whole_mebibytes_is_kept(self) -> None:
        edition = make_edition((make_component(resources={"lite": Resources(100_000_001, 0.25, 64)}),))
        limits = service("user-service", "app", edition=edition)["deploy"]["resources"]["limits"]
        assert limits == {"memory": "100000001b", "cpus": "0.25", "pids": 64}

    def test_a_profile_without_limits_is_an_error(self) -> None:
        edition = make_edition((make_component(resources={"full": Resources(1, 1)}),))
        with pytest.raises(RenderFailed, match="user-service has no resources for the profile lite"):
            RENDERER.render(make_request("app", edition=edition))

    def test_capabilities_user_root_and_temporary_folders(self) -> None:
        edition = make_edition((make_component(capabilities=("NET_BIND_SERVICE",), user="1000", stop_signal="SIGINT"),))
        result = service("user-service", "app", edition=edition)
        assert (result["cap_add"], result["user"], result["read_only"], result["tmpfs"], result["stop_signal"]) == (
            ["NET_BIND_SERVICE"], "1000", True, ["/tmp"], "SIGINT",
        )  # fmt: skip

    def test_raised_limits_only_where_the_machine_allows_them(self) -> None:
        edition = make_edition((make_component(ulimits={"nofile": 40000}),))
        assert service("user-service", "app", edition=edition)["ulimits"] == {"nofile": 40000}
        assert "ulimits" not in service("user-service", "app", edition=edition, hard_limits=False)


class TestHealth:
    def test_engines_that_know_it_start_probing_at_once(self) -> None:
        check = service("mysql", "data")["healthcheck"]
        assert {k: v for k, v in check.items() if k != "test"} == {
            "timeout": "3s", "interval": "10s", "retries": 3, "start_period": "60s", "start_interval": "500ms",
        }  # fmt: skip

    def test_others_probe_more_often(self) -> None:
        check = service("mysql", "data", start_interval=False)["healthcheck"]
        assert {k: v for k, v in check.items() if k != "test"} == {"timeout": "3s", "interval": "2s", "retries": 30}

    def test_a_service_waits_for_healthy_ones_of_its_own_layer(self) -> None:
        assert service("job-service", "app")["depends_on"] == {
            "user-service": {"condition": "service_healthy"},
            "init": {"condition": "service_completed_successfully"},
        }

    def test_what_has_no_check_is_waited_for_until_it_has_started(self) -> None:
        edition = make_edition((make_component(healthcheck=()), make_component("job-service", depends_on=("user-service",))))
        assert service("job-service", "app", edition=edition)["depends_on"] == {"user-service": {"condition": "service_started"}}
        assert "healthcheck" not in service("user-service", "app", edition=edition)


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
