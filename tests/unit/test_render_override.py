"""A tenant's override.yaml: merged as compose merges, within limits, with a line for everything that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from looma_cli.adapters.render import JinjaRenderer, schema
from looma_cli.adapters.render.generate_schema import SCHEMA
from looma_cli.errors import InvalidManifest
from looma_cli.settings import data_directory
from tests.factories import make_component, make_edition, make_mysql, make_request, make_tenant

RENDERER = JinjaRenderer(data_directory("templates"))


def merged(override: str, layer: str = "app", **changes: Any) -> dict[str, Any]:
    return yaml.load(RENDERER.render(make_request(layer, override=override, **changes)).manifest, Loader=yaml.CSafeLoader)


def user_service(inside: str, **changes: Any) -> dict[str, Any]:
    """The user service after an override of it; ``inside`` is indented by four."""
    return merged(f"services:\n  user-service:\n{inside}", **changes)["services"]["user-service"]


def problems(override: str, layer: str = "app") -> list[tuple[int, str]]:
    with pytest.raises(InvalidManifest) as caught:
        RENDERER.render(make_request(layer, override=override))
    return [(problem["line"], problem["message"]) for problem in caught.value.details["problems"]]


@pytest.mark.parametrize("override", ["", "# nothing yet\n", "null", "---\n", "{}", "services: {}"])
def test_an_empty_one_changes_nothing(override: str) -> None:
    assert RENDERER.render(make_request("app", override=override)) == RENDERER.render(make_request("app"))


class TestMerging:
    def test_mappings_merge_and_scalars_are_replaced(self) -> None:
        service = user_service("    deploy: {resources: {limits: {memory: 1G}}}\n    user: '1000'\n")
        assert service["deploy"]["resources"]["limits"] == {"memory": "1G", "cpus": "0.5", "pids": 256}
        assert service["user"] == "1000"

    @pytest.mark.parametrize("written", ["{LOG: debug, DB_POOL_SIZE: '7'}", "[LOG=debug, DB_POOL_SIZE=7]"])
    def test_environment_merges_by_name_in_either_form(self, written: str) -> None:
        environment = user_service(f"    environment: {written}\n")["environment"]
        assert (environment["LOG"], environment["DB_POOL_SIZE"], environment["PORT"]) == ("debug", "7", "8001")

    def test_commands_and_checks_are_replaced_whole(self) -> None:
        service = user_service("    command: [other]\n    healthcheck: {test: [CMD, 'true']}\n")
        assert service["command"] == ["other"]
        assert service["healthcheck"]["test"] == ["CMD", "true"]
        assert service["healthcheck"]["interval"] == "10s"

    def test_lists_are_appended_to_without_duplicates(self) -> None:
        edition = make_edition((make_component(capabilities=("CHOWN",)),))
        assert user_service("    cap_add: [CHOWN, SETUID]\n", edition=edition)["cap_add"] == ["CHOWN", "SETUID"]

    def test_a_mount_takes_the_place_of_one_at_the_same_path(self) -> None:
        override = "services: {mysql: {volumes: ['fast:/var/lib/mysql', 'more:/more']}}\nvolumes: {fast: , more: {driver: local}}\n"
        result = merged(override, "data")
        assert result["services"]["mysql"]["volumes"] == ["fast:/var/lib/mysql", "more:/more"]
        assert result["volumes"]["fast"] == {
            "name": "looma-acme-data-g1_fast",
            "labels": {"looma.installation": "0123456789ab", "looma.tenant": "acme", "looma.layer": "data", "looma.generation": "1"},
        }
        assert result["volumes"]["more"]["driver"] == "local"

    def test_dependencies_and_networks_merge_by_name(self) -> None:
        service = user_service("    depends_on: [job-service]\n    networks: {data: {aliases: [users]}}\n")
        assert service["depends_on"]["job-service"] == {"condition": "service_started", "required": True}
        assert service["depends_on"]["init"] == {"condition": "service_completed_successfully"}
        assert service["networks"] == {"default": None, "data": {"aliases": ["users"]}}

    def test_logging_is_replaced_with_the_driver(self) -> None:
        assert user_service("    logging: {driver: local}\n")["logging"] == {"driver": "local"}
        assert user_service("    logging: {options: {max-file: '9'}}\n")["logging"]["options"] == {"max-size": "10m", "max-file": "9"}

    def test_reset_takes_out_and_override_replaces(self) -> None:
        service = user_service("    healthcheck: !reset\n    environment: !override {ONLY: this}\n    tmpfs: !override [/var/tmp]\n")
        assert "healthcheck" not in service
        assert (service["environment"], service["tmpfs"]) == ({"ONLY": "this"}, ["/var/tmp"])

    def test_an_empty_network_changes_nothing(self) -> None:
        assert merged("networks:\n  default:\n") == merged("")

    def test_anchors_and_merge_keys_work(self) -> None:
        override = "x-common: &common {A: '1', B: '2'}\nservices:\n  user-service:\n    environment: {<<: *common, B: '3'}\n"
        environment = merged(override)["services"]["user-service"]["environment"]
        assert (environment["A"], environment["B"]) == ("1", "3")

    def test_words_are_read_as_compose_reads_them(self) -> None:
        written = "{A: yes, B: 012, C: 1.50, D: 12:30, E: 2024-01-01, F: 0x10, G: 'on', H: true}"
        environment = user_service(f"    environment: {written}\n")["environment"]
        assert {key: environment[key] for key in "ABCDEFGH"} == {
            "A": "yes", "B": 10, "C": 1.5, "D": "12:30", "E": "2024-01-01", "F": 16, "G": "on", "H": True,
        }  # fmt: skip

    def test_a_doubled_dollar_stays_doubled(self) -> None:
        assert user_service("    environment: {A: 'a$$b'}\n")["environment"]["A"] == "a$$b"


class TestLayers:
    OVERRIDE = "services:\n  user-service: {user: '1'}\n  mysql: {user: '2'}\n"

    def test_each_layer_takes_its_own_services(self) -> None:
        assert merged(self.OVERRIDE, "app")["services"]["user-service"]["user"] == "1"
        assert "mysql" not in merged(self.OVERRIDE, "app")["services"]
        assert merged(self.OVERRIDE, "data")["services"]["mysql"]["user"] == "2"
        assert "user-service" not in merged(self.OVERRIDE, "data")["services"]

    def test_a_component_that_this_profile_lacks_is_left_out(self) -> None:
        edition = make_edition((make_component(), make_mysql(profiles=("full",))))
        small, large = make_tenant(edition), make_tenant(edition, profile="full")
        assert list(merged(self.OVERRIDE, "app", edition=edition, tenant=small)["services"]) == ["user-service"]
        assert list(merged(self.OVERRIDE, "data", edition=edition, tenant=large)["services"]) == ["mysql"]

    def test_a_new_service_joins_the_app_layer_and_is_labelled(self) -> None:
        override = "services:\n  adminer: {image: 'adminer:4', labels: [mine=1], volumes: ['own:/x']}\nvolumes: {own: }\n"
        result = merged(override)
        assert result["services"]["adminer"]["labels"] == {
            "mine": "1", "looma.installation": "0123456789ab", "looma.tenant": "acme", "looma.layer": "app", "looma.generation": "1",
            "looma.component": "adminer", "looma.kind": "override",
        }  # fmt: skip
        assert "own" in result["volumes"]
        data = merged(override, "data")
        assert "adminer" not in data["services"]
        assert "own" not in data["volumes"]

    def test_its_image_is_needed_too(self) -> None:
        layer = RENDERER.render(make_request("app", override="services: {adminer: {image: 'adminer:4'}}"))
        assert layer.images[-1] == "adminer:4"

    def test_a_changed_config_shows_on_the_container(self) -> None:
        override = "services: {{prometheus: {{configs: [{{source: extra, target: /x}}]}}}}\nconfigs: {{extra: {{content: {}}}}}\n"
        one, two = (merged(override.format(text), "data")["services"]["prometheus"]["labels"] for text in ("one", "two"))
        assert one["looma.override"] != two["looma.override"]


class TestRefused:
    @pytest.mark.parametrize(
        ("override", "line", "message"),
        [
            ("name: other\n", 1, "name cannot be overridden"),
            ("include: [x.yaml]\n", 1, "include cannot be overridden"),
            ("services:\n  user-service:\n    labels:\n      looma.tenant: x\n", 4, "the label looma.tenant is looma's"),
            ("services:\n  user-service:\n    labels:\n      - a=1\n      - looma.new=x\n", 5, "the label looma.new is looma's"),
            ("services:\n  user-service:\n    labels: !reset\n", 3, "looma.* labels cannot be taken away"),
            ("services:\n  user-service:\n    labels: !override {a: b}\n", 3, "looma.* labels cannot be taken away"),
            ("services:\n  user-service: !reset\n", 2, "not on all of it"),
            ("services: !override {}\n", 1, "not on all of it"),
            ("networks:\n  default:\n    labels: {looma.layer: x}\n", 3, "the label looma.layer is looma's"),
            ("networks:\n  default:\n    ipam:\n      config: [{subnet: 10.0.0.0/24}]\n", 3, "subnets are allocated by looma"),
            ("networks:\n  default:\n    name: x\n", 3, "names of networks are looma's"),
            ("networks:\n  default:\n    external: true\n", 2, "networks.default: name, subnet"),
            ("networks:\n  own:\n    ipam: {}\n", 3, "subnets are allocated by looma"),
            ("volumes:\n  user-service-secrets:\n    name: x\n", 3, "names of volumes are looma's"),
            ("services:\n  user-service:\n    ports:\n      - '8080:80'\n", 4, "8080:80 would be reached from outside"),
            ("services:\n  user-service:\n    ports:\n      - 80\n", 4, "80 would be reached from outside"),
            ("services:\n  user-service:\n    ports:\n      - 22:22\n", 4, "22:22 would be reached from outside"),
            ("services:\n  user-service:\n    ports:\n      - '0.0.0.0:8080:80'\n", 4, "0.0.0.0:8080:80 would be reached"),
            ("services:\n  user-service:\n    ports:\n      - '[::]:8080:80'\n", 4, "would be reached from outside"),
            ("services:\n  user-service:\n    ports:\n      - {target: 80, published: '8080'}\n", 4, "target 80 published 8080 would be"),
            (
                "services:\n  user-service:\n    ports: !override\n      - {target: 80, published: '1', host_ip: 10.0.0.1}\n",
                4,
                "from outside",
            ),
            ("services:\n  user-service:\n    network_mode: host\n", 3, "a layer has its own networks"),
            ("services:\n  user-service:\n    container_name: x\n", 3, "two generations of a layer run side by side"),
            ("services:\n  user-service:\n    build: .\n", 3, "a layer builds nothing"),
            ("services:\n  user-service:\n    env_file: x\n", 3, "a layer reads no other files"),
            ("services:\n  user-service:\n    extends: x\n", 3, "a layer reads no other files"),
            ("services:\n  user-service:\n    volumes:\n      - ./data:/data\n", 4, "./data:/data is relative"),
            ("services:\n  user-service:\n    environment:\n      A: $HOME\n", 4, "a $ must be doubled"),
            ("services:\n  user-service:\n    environment:\n      A: a$$${HOME}\n", 4, "a $ must be doubled"),
            ("services:\n  user-service:\n    environment:\n      - A\n", 4, "a variable needs a value"),
            ("services:\n  user-service:\n    environment:\n      A:\n", 4, "a variable needs a value"),
            ("secrets:\n  own:\n    file: /etc/passwd\n", 3, "a layer reads no other files"),
            ("services:\n  user-service:\n    imag: x\n", 3, "must not contain ['imag']"),
            ("services:\n  user-service:\n    healthcheck:\n      retries: [1]\n", 4, "healthcheck.retries must be"),
            ("services:\n  user-service:\n    image: !reset\n", 3, "user-service needs an image"),
            ("services:\n  user-service: 3\n", 2, "must be object"),
            ("services:\n  user-servce:\n    user: x\n", 2, "has no component 'user-servce'"),
            ("services:\n  user-service:\n    user: a\n    user: b\n", 4, "user is there twice"),
            ("services:\n  user-service: {\n", 3, "not well-formed YAML"),
            ("services:\n\tuser-service: x\n", 2, "not well-formed YAML"),
            ("- a\n", 1, "an override is a mapping"),
            ("text\n", 1, "an override is a mapping"),
            ("x: &x [*x]\n", 1, "not well-formed YAML"),
            ("? [a]\n: b\n", 1, "a key must be a string"),
            ("a: 1\n---\nb: 2\n", 2, "not well-formed YAML"),
            ("x: !!python/object/apply:os.system [ls]\nfoo: 1\n", 2, "must not contain ['foo', 'x']"),
            ("a: \x01\n", 1, "not well-formed YAML"),
        ],
    )
    def test_with_its_line(self, override: str, line: int, message: str) -> None:
        found = problems(override)
        assert found[0][0] == line
        assert message in found[0][1]

    def test_all_at_once(self) -> None:
        override = "name: x\nservices:\n  user-service:\n    ports: ['80:80']\n    build: .\n"
        assert [line for line, _ in problems(override)] == [1, 4, 5]

    def test_the_first_is_in_the_message(self) -> None:
        with pytest.raises(InvalidManifest, match=r"override.yaml is wrong on line 1: name cannot be overridden.* \(and 1 more\)"):
            RENDERER.render(make_request("app", override="name: x\ninclude: [y]\n"))

    def test_an_override_of_one_layer_is_checked_with_both(self) -> None:
        override = "services:\n  mysql:\n    ports: ['3306:3306']\n"
        assert problems(override, "app") == problems(override, "data")

    def test_aliases_that_multiply_each_other_are_stopped(self) -> None:
        levels = "\n".join(f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))
        assert "aliases make it too large" in problems(f"x-0: &a0 [1]\n{levels}\n")[0][1]

    @pytest.mark.parametrize("port", ["127.0.0.1:9:9", "[::1]:9:9", "127.0.0.1::80"])
    def test_a_port_on_loopback_is_not(self, port: str) -> None:
        assert user_service(f"    ports: ['{port}']\n")["ports"][-1] == port


KEYS = sorted(json.loads(SCHEMA.read_text(encoding="utf-8"))["definitions"]["service"]["properties"])
LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 70000), st.sampled_from(["a", "a:b", "a=b", "1.2.3.4", "$$x", "service:a", "10s", ""])
)
ITEM = st.one_of(LEAF, st.dictionaries(st.sampled_from(["source", "target", "type", "published", "name", "a"]), LEAF, max_size=3))
SERVICE = st.dictionaries(
    st.sampled_from(KEYS),
    st.one_of(LEAF, st.lists(ITEM, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "default"]), ITEM, max_size=2)),
)
SERVICES = st.dictionaries(st.sampled_from(["user-service", "mysql", "init", "new"]), SERVICE, max_size=3)
RESOURCES = st.dictionaries(
    st.sampled_from(["a", "default", "data"]),
    st.one_of(st.none(), st.dictionaries(st.sampled_from(["driver", "external", "labels"]), LEAF)),
)
OVERRIDE = st.fixed_dictionaries(
    {}, optional={"services": SERVICES, "networks": RESOURCES, "volumes": RESOURCES, "secrets": RESOURCES, "configs": RESOURCES}
)


@given(OVERRIDE, st.sampled_from(["data", "app"]))
@settings(max_examples=400)
def test_any_override_is_merged_into_a_valid_layer_or_refused(override: dict[str, Any], layer: str) -> None:
    before = merged("", layer)
    try:
        after = merged(yaml.safe_dump(override), layer)
    except InvalidManifest:
        return
    assert schema.problem(after) is None
    assert after["name"] == before["name"]
    assert after["networks"]["default"]["ipam"] == before["networks"]["default"]["ipam"]
    for name, service in before["services"].items():
        owned = {key: value for key, value in service["labels"].items() if key.startswith("looma.")}
        assert owned.items() <= after["services"][name]["labels"].items()
