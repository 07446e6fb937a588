"""Nouns for tests: small, complete, and deterministic. Override what a test is about, keep the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from looma_cli.model.edition import (
    Component,
    ConnectionPool,
    Edition,
    ImageReference,
    Price,
    Probe,
    PublishedPort,
    Requirements,
    Resources,
)
from looma_cli.model.render import RenderRequest
from looma_cli.model.tenant import LOOPBACK, Allocation, LayerReference, Subnet, Tenant

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
INSTALLATION = "0123456789ab"
REGISTRY = "registry.example"
MEBIBYTE = 2**20


def make_component(name: str = "user-service", **changes: Any) -> Component:
    """A service of the app layer, read-only, on port 8001."""
    base = Component(
        name=name,
        kind="service",
        type="service",
        layer="app",
        title=name,
        image=ImageReference("$(registry)/$(edition)-$(service):$(release)", "looma/reference:1.0"),
        ports=(PublishedPort("http", 8001, 8001),),
        probe=Probe("http", "http", "/health"),
        healthcheck=("CMD", "curl", "-fsS", "http://127.0.0.1:$(port)/health"),
        resources={"lite": Resources(96 * MEBIBYTE, 0.5, 256), "full": Resources(256 * MEBIBYTE, 1)},
        environment={"PORT": "$(port)", "LOOMA_TENANT": "$(tenant)", "DB_POOL_SIZE": "$(pool.size)"},
        read_only=True,
        temporary=("/tmp",),
        metrics_path="/metrics",
    )
    return replace(base, **changes)


def make_mysql(**changes: Any) -> Component:
    """A datastore of the data layer, with a writable root, a volume and two secrets."""
    base = Component(
        name="mysql",
        kind="datastore",
        type="mysql",
        layer="data",
        title="MySQL",
        image=ImageReference("mysql:8.4", "looma/mysql:10.11"),
        ports=(PublishedPort("mysql", 3306, 3307),),
        probe=Probe("mysql", "mysql"),
        healthcheck=("CMD-SHELL", 'MYSQL_PWD="$(cat $(secret.mysql_password))" mysql -e "SELECT 1"'),
        resources={"lite": Resources(512 * MEBIBYTE, 1), "full": Resources(1024 * MEBIBYTE, 2)},
        environment={"MYSQL_ROOT_PASSWORD_FILE": "$(secret.mysql_root_password)"},
        connection={
            "MYSQL_URL": "mysql://looma@$(service):$(port)/looma",
            "MYSQL_PASSWORD_FILE": "$(secret.mysql_password)",
        },
        command=("--max-connections=$(pool.maximum)", "--unknown=$(nothing)"),
        secrets=("mysql_root_password", "mysql_password"),
        volumes={"data": "/var/lib/mysql"},
        user="mysql",
        stop_grace_seconds=60,
    )
    return replace(base, **changes)


def make_prometheus(**changes: Any) -> Component:
    """Infrastructure of the data layer with two configs."""
    base = Component(
        name="prometheus",
        kind="infrastructure",
        type="prometheus",
        layer="data",
        title="Prometheus",
        image=ImageReference("prom/prometheus:v2.55.1", "looma/prometheus:2.42"),
        ports=(PublishedPort("http", 9090, 9091),),
        probe=Probe("http", "http", "/-/ready"),
        healthcheck=("CMD", "promtool", "check", "ready"),
        resources={"lite": Resources(128 * MEBIBYTE, 0.5), "full": Resources(512 * MEBIBYTE, 1)},
        configs={
            "prometheus/prometheus.yml.j2": "/etc/prometheus/prometheus.yml",
            "prometheus/rules.yml.j2": "/etc/prometheus/rules.yml",
        },
        volumes={"data": "/prometheus"},
        metrics_path="/metrics",
    )
    return replace(base, **changes)


def make_edition(components: tuple[Component, ...] | None = None, **changes: Any) -> Edition:
    """Two services, MySQL and Prometheus, unless told otherwise."""
    services = (
        make_component("user-service"),
        make_component("job-service", ports=(PublishedPort("http", 8009, 8009),), depends_on=("user-service", "mysql")),
    )
    base = Edition(
        name="basic",
        kind="edition",
        title="基础版",
        audience=("小型企业",),
        features=("基础功能",),
        price=Price(299, "CNY"),
        requirements=Requirements(4, 12 * 1024 * MEBIBYTE, 40 * 1024 * MEBIBYTE),
        releases=("1.4.1", "1.4.2"),
        pool=ConnectionPool(50, 100, 30, 300, 3),
        port_range=(8000, 8099),
        entry="user-service",
        components=(*services, make_mysql(), make_prometheus()) if components is None else components,
    )
    return replace(base, **changes)


def make_tenant(edition: Edition | None = None, **changes: Any) -> Tenant:
    """Tenant ``acme``, with ports and subnets for generation 1 of both layers (and the current app generation)."""
    edition = edition or make_edition()
    base = Tenant(
        name="acme",
        display_name="Acme 有限公司",
        edition=edition.name,
        release=edition.releases[-1],
        profile="lite",
        host="local",
        status="created",
        hostname="acme.example",
        public_port=30000,
        address="203.0.113.7",
        created_at=NOW,
        updated_at=NOW,
    )
    tenant = replace(base, **changes)
    held = {"ports": _ports(tenant, edition), "subnets": _subnets(tenant)}
    return replace(tenant, **{name: value for name, value in held.items() if name not in changes})


def make_request(layer: str = "app", *, edition: Edition | None = None, tenant: Tenant | None = None, **changes: Any) -> RenderRequest:
    """A request for one layer of ``make_tenant``, with a secret for every name that the edition mentions."""
    edition = edition or make_edition()
    tenant = tenant or make_tenant(edition)
    base = RenderRequest(
        tenant=tenant,
        edition=edition,
        layer=layer,
        generation=tenant.layer(layer).generation,
        installation=INSTALLATION,
        registry=REGISTRY,
        secrets=make_secrets(edition),
    )
    return replace(base, **changes)


def make_secrets(edition: Edition) -> dict[str, str]:
    """One value per secret name; values look like what the vault generates."""
    from looma_cli.adapters.render.placeholders import secrets_in

    texts = [
        text
        for c in edition.components
        for text in (*c.environment.values(), *c.connection.values(), *c.entrypoint, *c.command, *c.healthcheck)
    ]
    names = dict.fromkeys((*secrets_in(texts), *(name for c in edition.components for name in c.secrets)))
    return {name: f"{name.title().replace('_', '')}0Secret"[:32].ljust(32, "x") for name in names}


def _ports(tenant: Tenant, edition: Edition) -> tuple[Allocation, ...]:
    return tuple(
        Allocation(
            host=tenant.host,
            address=LOOPBACK,
            host_port=port.canonical,
            protocol=port.protocol,
            tenant=tenant.name,
            layer=component.layer,
            generation=tenant.layer(component.layer).generation,
            component=component.name,
            container_port=port.container_port,
            canonical=True,
        )
        for component in edition.of_profile(tenant.profile)
        for port in component.ports
        if port.canonical is not None
    )


def _subnets(tenant: Tenant) -> tuple[Subnet, ...]:
    cidrs = {"data": "10.192.0.0/26", "app": "10.192.0.64/26"}
    references = [(LayerReference(tenant.name, layer, tenant.layer(layer).generation), cidr) for layer, cidr in cidrs.items()]
    return tuple(Subnet(tenant.host, cidr, tenant.name, r.layer, r.generation, r.project) for r, cidr in references)
