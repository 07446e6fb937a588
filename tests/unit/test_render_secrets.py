"""How secrets and configurations reach a rendered service, and what tells that they changed."""

from __future__ import annotations

from typing import Any

import pytest

from looma_cli.errors import RenderFailed
from tests.factories import make_component, make_edition, make_mysql, make_prometheus, make_request, make_tenant
from tests.unit.rendering import RENDERER, rendered, service


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
