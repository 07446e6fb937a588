"""What a rendered service is given: image, environment, limits and health check."""

from __future__ import annotations

import pytest

from looma_cli.errors import ImageUnavailable, InvalidValue, RenderFailed
from looma_cli.model.edition import ImageReference, Resources
from tests.factories import make_component, make_edition, make_mysql, make_request, make_tenant
from tests.unit.rendering import RENDERER, rendered, service


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
