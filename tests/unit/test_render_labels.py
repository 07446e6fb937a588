"""What the labels of a rendered layer say, and what they let stay."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from looma_cli.model.edition import Edition
from tests.factories import make_request, make_tenant
from tests.unit.rendering import CATALOG, rendered, service


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


@pytest.mark.parametrize("layer", ["data", "app"])
def test_a_container_of_another_generation_has_another_hostname(layer: str) -> None:
    """The engine makes it a name on every network that the container joins: it would answer there in the place of the one that serves."""
    for number in (1, 2):
        tenant = make_tenant(data_generation=number, app_generation=number)
        one = rendered(make_request(layer, tenant=tenant, generation=number))
        names = {name: service["hostname"] for name, service in one["services"].items() if "hostname" in service}
        assert names
        assert names == {name: f"{name}-g{number}" for name in names}
