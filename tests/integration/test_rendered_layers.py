"""What compose, the engine and Prometheus make of rendered layers. Needs the local images."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import textwrap
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import yaml

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.engine import EngineApi
from looma_cli.adapters.render import JinjaRenderer
from looma_cli.adapters.render.literal import halved
from looma_cli.model.edition import LAYERS, PROFILES, Component, Edition, ImageReference
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.tenant import Tenant
from looma_cli.settings import data_directory
from tests.engine_objects import start_container
from tests.factories import make_component, make_edition, make_mysql, make_prometheus, make_request, make_tenant

pytestmark = pytest.mark.engine

CATALOG = YamlCatalog(data_directory("editions"))
RENDERER = JinjaRenderer(data_directory("templates"))
BASE = ImageReference("looma/base:bookworm", "looma/base:bookworm")
STAY = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 600 & wait $!; done")
TRICKY = {
    "SHELL_LIKE": "$HOME ${X:-y} $$ $(id) `id` '; rm -rf /tmp/x \"",
    "YAML_LIKE": "a: [b, {c}] # d\n- e\n--- |\n  f: &g *h !!i",
    "JINJA_LIKE": "{{ 7 * 7 }} {% raw %} {# #}",
    "NUMBER_LIKE": "12345678e012",
    "UNICODE": "中文 é 🎉 \u2028 \x85 \x7f \x01 \ufeff",
    "BLANK": " \t\r\n ",
    "EMPTY": "",
}


def compose(layer: RenderedLayer | str, *arguments: str, secrets: dict[str, str] | None = None) -> str:
    manifest, given = (layer, secrets or {}) if isinstance(layer, str) else (layer.manifest, dict(layer.secrets))
    run = subprocess.run(
        ["docker", "compose", "--progress", "quiet", "--env-file", os.devnull, "--project-directory", "/", "-f", "-", *arguments],
        input=manifest.encode(), env={**os.environ, **given}, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode()  # as it is: text mode would make newlines of returns


def understood(manifest: str) -> dict[str, Any]:
    """What compose has read, with its own escaping of dollars taken back."""
    return halved(json.loads(compose(manifest, "config", "--format", "json")))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", CATALOG.names())
def test_compose_accepts_every_edition_as_it_was_meant(name: str, profile: str) -> None:
    edition = CATALOG.edition(name)
    tenant = make_tenant(edition, profile=profile, settings=TRICKY)
    for layer in LAYERS:
        rendered = RENDERER.render(make_request(layer, edition=edition, tenant=tenant))
        services = understood(rendered.manifest)["services"]
        written = halved(yaml.safe_load(rendered.manifest))["services"]
        for service, mine in written.items():
            assert services[service].get("environment", {}) == mine.get("environment", {})
            assert services[service]["labels"] == mine["labels"]
            assert (services[service].get("command") or []) == mine.get("command", [])
            assert services[service].get("healthcheck", {}).get("test") == mine.get("healthcheck", {}).get("test")


CONFIGS = "configs: {c: {content: 'x $$y'}}\n"
OVERRIDES = {
    "mappings": "user-service: {deploy: {resources: {limits: {memory: 1G}}}, user: '7', hostname: other}",
    "environment": "user-service: {environment: [A=1, PORT=9, 'B=x=y']}\njob-service: {environment: {PORT: 7, C: true, D: 1.50}}",
    "commands": "user-service: {command: [x, 'a$$b'], entrypoint: y z, healthcheck: {test: [NONE], retries: 9}}",
    "lists": "user-service: {cap_add: [CHOWN], dns: 1.1.1.1, security_opt: [seccomp=unconfined], tmpfs: [/var/tmp]}",
    "mounts": "user-service: {volumes: ['more:/more', 'other:/run/secrets:ro']}",
    "depends": "user-service: {depends_on: [job-service]}\njob-service: {depends_on: !override []}",
    "networks": "user-service: {networks: {data: {aliases: [users]}}}\njob-service: {networks: [own]}",
    "logging": "user-service: {logging: {driver: local}}\njob-service: {logging: {options: {max-file: '9'}}}",
    "ports": "user-service: {ports: ['127.0.0.1:9999:99', {target: 8001, published: '8001', host_ip: 127.0.0.1, protocol: tcp}]}",
    "reset": "user-service: {healthcheck: !reset null, environment: !override {ONLY: this}}",
    "ulimits": "user-service: {ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5}, sysctls: [net.core.somaxconn=10]}",
    "new": "adminer: {image: 'a:4', networks: [default, data], configs: [{source: c, target: /c}]}",
}


@pytest.mark.parametrize("services", OVERRIDES.values(), ids=OVERRIDES)
def test_an_override_is_merged_as_compose_merges_it(services: str, tmp_path: Any) -> None:
    override = "services:\n" + textwrap.indent(services, "  ") + "\nvolumes: {more: , other: }\nnetworks: {own: }\n" + CONFIGS
    (tmp_path / "override.yaml").write_text(override)
    base = RENDERER.render(make_request("app"))
    theirs = halved(json.loads(compose(base, "-f", str(tmp_path / "override.yaml"), "config", "--format", "json")))
    mine = understood(RENDERER.render(make_request("app", override=override)).manifest)
    assert _without_own_marks(mine) == _without_own_marks(theirs)


def _without_own_marks(project: dict[str, Any]) -> dict[str, Any]:
    """What looma adds to new things on purpose (labels and names) left out, and orders that mean nothing sorted."""
    for kind in ("services", "networks", "volumes"):
        for item in project.get(kind, {}).values():
            item.pop("labels", None)
            item.pop("name", None)
    for service in project["services"].values():
        for key in ("cap_add", "security_opt", "tmpfs", "volumes", "ports", "dns"):
            if key in service:
                service[key] = sorted(service[key], key=repr)
    return project


@pytest.fixture
def stack(remove_installation: Callable[[str], None]) -> Iterator[Stack]:
    installation = uuid.uuid4().hex[:12]
    remove_installation(installation)
    made = Stack.new(installation)
    yield made
    made.end()


@dataclass
class Stack:
    """A small tenant out of real containers that do nothing but stay."""

    installation: str
    edition: Edition
    tenant: Tenant

    @classmethod
    def new(cls, installation: str) -> Stack:
        still: dict[str, Any] = {"image": BASE, "command": STAY, "healthcheck": ("CMD", "true"), "stop_grace_seconds": 1}
        user = make_component("user-service", **still)
        job = make_component("job-service", **{**still, "ports": (), "read_only": False, "user": "nobody"})
        mysql = make_mysql(**{**still, "user": None, "ports": make_mysql().ports})
        prometheus = make_prometheus(read_only=True, **{**still, "ports": ()})
        edition = make_edition((user, job, mysql, prometheus))
        third = uuid.UUID(int=uuid.uuid4().int).int % 250
        tenant = make_tenant(edition, name=f"t{installation[:8]}", images="local", settings=TRICKY)
        tenant = replace(tenant, ports=tuple(replace(port, host_port=_free_port()) for port in tenant.ports))
        subnets = tuple(
            replace(tenant.subnets[layer == "app"], layer=layer, generation=generation, cidr=f"10.254.{third}.{start}/26")
            for start, (layer, generation) in zip((0, 64, 128), (("data", 1), ("app", 1), ("app", 2)), strict=True)
        )
        later = tuple(replace(port, generation=2, host_port=_free_port()) for port in tenant.ports if port.layer == "app")
        return cls(installation, edition, replace(tenant, subnets=subnets, ports=(*tenant.ports, *later)))

    def rendered(self, layer: str, generation: int = 1, **changes: Any) -> RenderedLayer:
        request = make_request(layer, edition=self.edition, tenant=self.tenant, installation=self.installation, generation=generation)
        return RENDERER.render(replace(request, **changes))

    def up(self, layer: str, generation: int = 1, **changes: Any) -> RenderedLayer:
        rendered = self.rendered(layer, generation, **changes)
        compose(rendered, "up", "-d", "--wait")
        return rendered

    def end(self) -> None:
        for layer, generation in (("app", 2), ("app", 1), ("data", 1)):
            compose(self.rendered(layer, generation), "down", "-v", "-t", "1")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def inside(layer: RenderedLayer, service: str, *command: str) -> str:
    return compose(layer, "exec", "-T", service, *command)


def address(layer: RenderedLayer, service: str, name: str) -> str:
    """The address under which one service finds another."""
    return inside(layer, service, "getent", "hosts", name).split()[0]


def test_a_stack_gets_what_it_was_promised(stack: Stack) -> None:
    data, app = stack.up("data"), stack.up("app")
    secrets = make_request("app", edition=stack.edition).secrets

    environment = inside(app, "user-service", "env", "-0").split("\0")
    assert {f"{name}={value}" for name, value in TRICKY.items()} <= set(environment)

    for service in ("user-service", "job-service"):  # read-only, and writable as another user
        assert inside(app, service, "cat", "/run/secrets/mysql_password") == secrets["mysql_password"]
        assert inside(app, service, "ls", "/run/secrets").split() == ["mysql_password"]
    assert inside(data, "mysql", "ls", "/run/secrets").split() == ["mysql_password", "mysql_root_password"]
    assert "rule_files" in inside(data, "prometheus", "cat", "/etc/prometheus/prometheus.yml")
    assert "$labels" in inside(data, "prometheus", "cat", "/etc/prometheus/rules.yml")

    assert address(app, "user-service", "mysql") == address(data, "mysql", "mysql")


def test_a_changed_secret_recreates_who_has_it_and_no_one_else(stack: Stack, engine_required: EngineApi) -> None:
    secrets = dict(make_request("data", edition=stack.edition).secrets)
    stack.up("data", secrets=secrets)
    before = _containers(engine_required, stack)
    after_up = stack.up("data", secrets=secrets | {"mysql_root_password": "changed"})
    after = _containers(engine_required, stack)
    assert before["mysql"] != after["mysql"]
    assert before["prometheus"] == after["prometheus"]
    assert inside(after_up, "mysql", "cat", "/run/secrets/mysql_root_password") == "changed"


def test_a_changed_secret_reaches_a_read_only_service(stack: Stack) -> None:
    stack.up("data")
    stack.up("app")
    secrets = dict(make_request("app", edition=stack.edition).secrets)
    app = stack.up("app", secrets=secrets | {"mysql_password": "changed"})
    assert inside(app, "user-service", "cat", "/run/secrets/mysql_password") == "changed"


def test_two_generations_side_by_side_each_find_their_own(stack: Stack) -> None:
    data, old, new = stack.up("data"), stack.up("app", 1), stack.up("app", 2)
    own = {name: address(layer, "user-service", "user-service") for name, layer in (("old", old), ("new", new))}
    assert own["old"] != own["new"]
    assert address(old, "job-service", "user-service") == own["old"]
    assert address(new, "job-service", "user-service") == own["new"]
    seen = {line.split()[0] for line in inside(data, "mysql", "getent", "ahostsv4", "user-service").splitlines()}
    assert len(seen) == 2, "Prometheus must find both generations"


def test_a_missing_sibling_is_looked_for_in_the_other_generation(stack: Stack) -> None:
    """Documented: the engine asks every network of a container, the own one first. NAME.NETWORK asks that network only."""
    stack.up("data")
    old, new = stack.up("app", 1), stack.up("app", 2)
    own = address(new, "job-service", "user-service")
    compose(new, "stop", "-t", "1", "user-service")
    assert address(new, "job-service", "user-service") not in ("", own)
    strict = "getent hosts user-service.$0 || echo none"
    assert inside(new, "job-service", "sh", "-c", strict, new.reference.project).strip() == "none"
    assert inside(old, "job-service", "sh", "-c", strict, old.reference.project).strip() != "none"


def _containers(api: EngineApi, stack: Stack) -> dict[str, str]:
    found = api.listed("/containers/json", {"looma.installation": stack.installation}, {"all": "1"})
    return {one["Labels"]["looma.component"]: one["Id"] for one in found}


ALERTS = """
rule_files: [rules.yml]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - {series: 'up{job="user-service", instance="old"}', values: '1 1 1 1 0x20'}
      - {series: 'up{job="user-service", instance="new"}', values: '_x4 1x20'}
      - {series: 'up{job="job-service", instance="a"}', values: '1 1 1 1 0x20'}
    alert_rule_test:
      - {eval_time: 1m, alertname: ServiceDown, exp_alerts: [{exp_labels: {job: prometheus, severity: critical},
         exp_annotations: {summary: prometheus of acme has not answered for a minute}}]}
      - eval_time: 4m
        alertname: ServiceDown
        exp_alerts:
          - exp_labels: {job: prometheus, severity: critical}
            exp_annotations: {summary: prometheus of acme has not answered for a minute}
          - exp_labels: {job: job-service, severity: critical}
            exp_annotations: {summary: job-service of acme has not answered for a minute}
  - interval: 1m
    input_series:
      - {series: 'http_request_duration_seconds_bucket{job="user-service", le="0.5"}', values: '0+1x20'}
      - {series: 'http_request_duration_seconds_bucket{job="user-service", le="2"}', values: '0+10x20'}
      - {series: 'http_request_duration_seconds_bucket{job="user-service", le="+Inf"}', values: '0+10x20'}
      - {series: 'looma_reference_requests_total{job="job-service", status="500"}', values: '0+1x20'}
      - {series: 'looma_reference_requests_total{job="job-service", status="200"}', values: '0+9x20'}
    alert_rule_test:
      - eval_time: 12m
        alertname: HighLatency
        exp_alerts:
          - exp_labels: {job: user-service, severity: warning}
            exp_annotations: {summary: user-service answers 1 request in 20 only after 1.917s}
      - eval_time: 12m
        alertname: HighErrorRate
        exp_alerts:
          - exp_labels: {job: job-service, severity: warning}
            exp_annotations: {summary: job-service fails 10% of its requests}
"""


def test_prometheus_accepts_its_configuration_and_the_alerts_fire(engine_required: EngineApi) -> None:
    configs = halved(yaml.safe_load(RENDERER.render(make_request("data")).manifest)["configs"])
    files = [configs[f"prometheus-etc-prometheus-{name}"]["content"] for name in ("prometheus.yml", "rules.yml")]
    container = start_container(
        engine_required, f"promtool-{uuid.uuid4().hex[:8]}", "looma/prometheus:2.42", Entrypoint=["sleep", "60"], Cmd=[]
    )
    for name, text in zip(("prometheus.yml", "rules.yml", "test.yml"), (*files, ALERTS), strict=True):
        _promtool(container, f"cat >/tmp/{name}", text)
    assert "SUCCESS" in _promtool(container, "promtool check config /tmp/prometheus.yml")
    assert "SUCCESS" in _promtool(container, "cd /tmp && promtool test rules test.yml")
    engine_required.request("DELETE", f"/containers/{container}", {"force": "1"})


def _promtool(container: str, script: str, text: str = "") -> str:
    run = subprocess.run(
        ["docker", "exec", "-i", container, "sh", "-c", script], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_every_kept_component_type_is_known() -> None:
    """The real editions have no component whose files could not reach it: a config inside a folder that it also writes to."""
    for edition in CATALOG.editions():
        for component in edition.components:
            assert not _shadowed(component), f"{edition.name}: {component.name}"


def _shadowed(component: Component) -> list[str]:
    folders = {path.rpartition("/")[0] for path in component.configs.values()} if component.read_only else set()
    return [path for path in (*component.volumes.values(), *component.temporary) if path in folders]
