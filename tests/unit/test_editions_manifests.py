"""The shipped manifests against the documented port map, and against what the contract says of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.model.edition import PROFILES, ConnectionPool, Edition

ROOT = Path(__file__).resolve().parents[2]
EDITIONS = ROOT / "editions"
PORT_MAP: dict[str, Any] = yaml.safe_load((ROOT / "tests/fixtures/port-map.yaml").read_text(encoding="utf-8"))
SOLD = ["basic", "pro", "future", "dao", "blockchain"]
LITE_DATA = ["mysql", "redis", "postgresql", "prometheus"]


@pytest.fixture(scope="module")
def catalog() -> YamlCatalog:
    return YamlCatalog(EDITIONS)


@pytest.fixture(scope="module", params=sorted(PORT_MAP))
def edition(request: pytest.FixtureRequest, catalog: YamlCatalog) -> Edition:
    return catalog.edition(request.param)


def documented(name: str) -> list[tuple[str, str, list[int]]]:
    """(component, kind, host ports) of the port map, line by line, in its order."""
    rows = []
    kinds = {"services": "service", "ai_services": "service", "datastores": "datastore", "infrastructure": "infrastructure"}
    for section, listed in PORT_MAP[name].items():
        for component, ports in listed.items() if section in kinds else ():
            numbers = ports if isinstance(ports, list) else [ports]
            rows.append((component.lower().replace(" ", "-"), kinds[section], numbers))
    return rows


def test_every_edition_of_the_port_map_has_a_manifest_and_no_more(catalog: YamlCatalog) -> None:
    assert sorted(catalog.names()) == sorted(PORT_MAP)


def test_components_and_ports_are_those_of_the_port_map_line_by_line(edition: Edition) -> None:
    manifest = [(c.name, c.kind, [port.canonical for port in c.ports]) for c in edition.components]
    assert manifest == documented(edition.name)


def test_port_range_is_the_documented_one(edition: Edition) -> None:
    assert list(edition.port_range) == PORT_MAP[edition.name]["port_range"]


def test_a_service_listens_on_its_documented_port(edition: Edition) -> None:
    services = [c for c in edition.components if c.kind == "service"]
    assert services
    assert all([p.container_port for p in c.ports] == [p.canonical for p in c.ports] for c in services)


def test_datastores_and_infrastructure_listen_on_their_standard_ports(catalog: YamlCatalog) -> None:
    standard = {c.name: [p.container_port for p in c.ports] for c in catalog.edition("looma-core").components if c.kind != "service"}
    # the platform's documented host ports are the standard ones
    assert standard == {name: ports for name, kind, ports in documented("looma-core") if kind != "service"}
    for edition in catalog.editions():
        for component in edition.components:
            if component.name in standard:
                assert [p.container_port for p in component.ports] == standard[component.name]


def test_names_are_in_the_order_of_cost_and_the_platform_is_last(catalog: YamlCatalog) -> None:
    assert catalog.names() == [*SOLD, "looma-core"]
    prices = [catalog.edition(name).price.monthly for name in SOLD]
    assert prices == sorted(set(prices))
    assert {catalog.edition(name).kind for name in SOLD} == {"edition"}
    assert catalog.edition("looma-core").kind == "platform"


def test_titles_and_entries(catalog: YamlCatalog) -> None:
    assert {e.name: (e.title, e.entry) for e in catalog.editions()} == {
        "basic": ("基础版", "basic-server"),
        "pro": ("专业版", "api-gateway"),
        "future": ("Future版", "api-gateway"),
        "dao": ("DAO版", "dao-admin-frontend"),
        "blockchain": ("区块链版", "blockchain-gateway"),
        "looma-core": ("LoomaCRM", "looma-crm-main"),
    }


def test_connection_pools_are_those_of_the_seeds(edition: Edition) -> None:
    size, maximum = (100, 200) if edition.kind == "platform" else (50, 100)
    assert edition.pool == ConnectionPool(size, maximum, 30, 300, 3)


def test_price_requirements_and_releases_are_marked_as_examples(edition: Edition) -> None:
    written = yaml.safe_load((EDITIONS / f"{edition.name}.yaml").read_text(encoding="utf-8"))
    assert all(written[key]["example"] is True for key in ("price", "requirements", "releases"))
    assert edition.price.example
    assert edition.price.currency == "CNY"
    assert edition.requirements.example
    assert len(edition.releases) >= 2


def test_the_required_memory_holds_every_limit_of_the_full_profile(edition: Edition) -> None:
    limits = sum(c.resources["full"].memory_bytes for c in edition.of_profile("full"))
    assert limits <= edition.requirements.memory_bytes


def test_the_lite_profile_is_the_services_and_four_data_components(edition: Edition) -> None:
    lite = edition.of_profile("lite")
    assert [c.name for c in lite if c.kind != "service"] == LITE_DATA
    assert [c for c in lite if c.kind == "service"] == [c for c in edition.components if c.kind == "service"]


def test_the_full_profile_is_everything_but_what_the_edge_provides(edition: Edition) -> None:
    missing = [c.name for c in edition.components if c not in edition.of_profile("full")]
    assert missing == (["nginx"] if edition.name == "looma-core" else [])


def test_every_component_has_limits_for_its_profiles(edition: Edition) -> None:
    for component in edition.components:
        assert set(component.resources) == set(component.profiles) <= set(PROFILES)


def test_what_app_services_are_told_follows_the_contract(catalog: YamlCatalog) -> None:
    told = {k: v for c in catalog.edition("future").components for k, v in c.connection.items()}
    assert told == {
        "MYSQL_URL": "mysql://looma@mysql:3306/looma",
        "MYSQL_PASSWORD_FILE": "$(secret.mysql_password)",
        "REDIS_URL": "redis://redis:6379/0",
        "REDIS_PASSWORD_FILE": "$(secret.redis_password)",
        "POSTGRES_URL": "postgresql://looma@postgresql:5432/looma",
        "POSTGRES_PASSWORD_FILE": "$(secret.postgres_password)",
        "NEO4J_URL": "bolt://neo4j@neo4j:7687",
        "NEO4J_PASSWORD_FILE": "$(secret.neo4j_password)",
        "ELASTICSEARCH_URL": "http://elastic@elasticsearch:9200",
        "ELASTICSEARCH_PASSWORD_FILE": "$(secret.elasticsearch_password)",
        "WEAVIATE_URL": "http://weaviate:8080",
        "CONSUL_URL": "http://consul:8500",
    }


def test_no_secret_is_on_a_command_line_or_in_the_environment(edition: Edition) -> None:
    """``$(secret.X)`` is a path. What the file holds may only go into a shell's variable or through printf, which is no program."""
    for component in edition.components:
        assert not any(re.search(r"(PASSWORD|_AUTH|TOKEN)$", name) for name in component.environment)
        for text in (*component.command, *component.entrypoint, *component.healthcheck):
            before_each = re.split(r"\$\(cat \$\(secret\.[a-z0-9_]+\)\)", text)[:-1]
            assert all(re.search(r"""(\w+="(neo4j/)?|printf '[^']*' ")$""", before) for before in before_each), text


def test_secrets_are_those_that_a_component_reads(catalog: YamlCatalog) -> None:
    secrets = {c.name: c.secrets for c in catalog.edition("future").components if c.secrets}
    assert secrets == {
        "mysql": ("mysql_root_password", "mysql_password"),
        "redis": ("redis_password",),
        "postgresql": ("postgres_password",),
        "neo4j": ("neo4j_password",),
        "elasticsearch": ("elasticsearch_password",),
        "grafana": ("grafana_admin_password",),
    }


def test_local_images_are_those_that_can_be_built(catalog: YamlCatalog) -> None:
    built = {_local_reference(path) for path in (ROOT / "templates/images").glob("*/image.yaml")}
    wanted = {catalog.component(name).image.local for name in catalog.types()} - {None}
    assert wanted
    assert wanted <= built


def test_configs_are_templates_that_exist(catalog: YamlCatalog) -> None:
    templates = {template for name in catalog.types() for template in catalog.component(name).configs}
    assert templates == {"prometheus/prometheus.yml.j2", "prometheus/rules.yml.j2"}
    assert all((ROOT / "templates/config" / template).is_file() for template in templates)


def test_the_whole_folder_is_sound(catalog: YamlCatalog) -> None:
    assert catalog.validate_all() == []


def test_everything_that_publishes_a_path_has_one_of_its_own(edition: Edition) -> None:
    paths = [c.path for c in edition.components if c.path]
    assert len(paths) == len(set(paths))
    assert {c.path for c in edition.components if c.kind == "service"} == {f"/{c.name}" for c in edition.components if c.kind == "service"}


def _local_reference(path: Path) -> str:
    image = yaml.safe_load(path.read_text(encoding="utf-8"))
    return f"looma/{image['name']}:{image['tag']}"
