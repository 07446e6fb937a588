"""Every rule of a manifest: what it says, and on which line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from looma_cli.adapters.catalog import Problem, YamlCatalog

EDITIONS = Path(__file__).resolve().parents[2] / "editions"

SOUND = """\
name: sixth
order: 60
title: 第六版
audience: [学校]
features: [基础功能]
price: {monthly: 499, currency: CNY, example: true}
requirements: {cpus: 4, memory: 12GiB, disk: 40GiB}
releases: [1.0.0, 1.1.0-rc.1, 1.1.0]
pool: {size: 50, maximum: 100, connection_timeout_seconds: 30, idle_timeout_seconds: 300, retries: 3}
traits: {company_size: [small, medium], ai: false}
port_range: [8600, 8699]
outside_port_range: [9990]
entry: front
services:
  front: 8600
  orders: {port: 8601, path: /shop/orders, environment: {MODE: fast}}
  ledger: {port: 9990, depends_on: [orders]}
datastores:
  mysql: 3316
  neo4j: {ports: {http: 7486, bolt: 7696}}
  cache: {type: redis, port: internal, resources: {lite: {memory: 32MiB}}}
infrastructure:
  prometheus: 9096
  grafana: 3006
"""

Check = Callable[[str], list[Problem]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(text: str) -> list[Problem]:
        path = tmp_path / "sixth.yaml"
        path.write_text(text, encoding="utf-8")
        problems = YamlCatalog(EDITIONS).validate(path)
        assert all(problem.file == str(path) for problem in problems)
        return problems

    return run


def line_of(text: str, part: str) -> int:
    """The line on which ``part`` begins; it occurs once."""
    assert text.count(part) == 1, part
    return text[: text.index(part)].count("\n") + 1


def test_the_sound_manifest_has_no_problem(check: Check) -> None:
    assert check(SOUND) == []


ORDERS = "path: /shop/orders"
RELEASES = "[1.0.0, 1.1.0-rc.1, 1.1.0]"
MORE_DATA = "  prometheus: 9096"
# (what is replaced, by what, text that marks the line of the problem, message)
ONE_PROBLEM = [
    # ports
    ("front: 8600", "front: 8601", "orders: {port", "duplicate port 8601: front has it on line 15"),
    ("mysql: 3316", "mysql: 8600", "mysql: 8600", "duplicate port 8600: front has it on line 15"),
    ("http: 7486, bolt: 7696", "http: 7486, bolt: 7486", "neo4j:", "duplicate port 7486: neo4j has it on line 20"),
    ("front: 8600", "front: 70000", "front: 70000", "expected a whole number from 1 to 65535, found '70000'"),
    ("front: 8600", "front: '8600'", "front: '8600'", "expected a whole number from 1 to 65535, found '8600'"),
    ("front: 8600", "front: 08600", "front: 08600", "expected a whole number from 1 to 65535, found '08600'"),
    ("front: 8600", "front: internal", "front: internal", "front listens on the number that is documented, so its port 'http' needs one"),
    ("front: 8600", "front: {}", "front: {}", "front has no number for its port 'http' (a host port, or the word internal)"),
    ("{http: 7486, bolt: 7696}", "{http: 7486}", "neo4j", "neo4j has no number for its port 'bolt' (a host port, or the word internal)"),
    ("bolt: 7696}", "bolt: 7696, bold: 1}", "neo4j", "neo4j has no port called 'bold'; did you mean 'bolt'?"),
    (
        "mysql: 3316",
        "mysql: {port: 3316, ports: {mysql: 3317}}",
        "mysql: {port",
        "mysql has the port 'mysql' twice: in 'port' and in 'ports'",
    ),
    (
        "front: 8600",
        "front: 8700",
        "front: 8700",
        "port 8700 is outside port_range 8600-8699; list it in outside_port_range if that is meant",
    ),
    ("[9990]", "[9990, 8600]", "[9990, 8600]", "outside_port_range lists 8600, but no service has that port outside the range"),
    ("[8600, 8699]", "[8699, 8600]", "port_range: [8699", "port_range is two ports, the lower one first"),
    ("[8600, 8699]", "[8600, 8699, 8700]", "port_range: [8600", "port_range is two ports, the lower one first"),
    # keys
    ("title: 第六版", "titel: 第六版\ntitle: 第六版", "titel", "unknown key 'titel'; did you mean 'title'?"),
    ("title: 第六版\n", "", "name: sixth", "missing key 'title'"),
    ("title: 第六版", "title: 第六版\ntitle: 又一版", "title: 又一版", "duplicate key 'title'; the first is on line 3"),
    ("  front: 8600", "  front: 8600\n  front: 8602", "front: 8602", "duplicate key 'front'; the first is on line 15"),
    ("environment: {MODE: fast}", "enviroment: {MODE: fast}", "orders: {", "unknown key 'enviroment'; did you mean 'environment'?"),
    ("retries: 3", "retry: 3, retries: 3", "pool:", "unknown key 'retry'; did you mean 'retries'?"),
    (", currency: CNY", "", "price:", "missing key 'currency'"),
    # types of values
    ("title: 第六版", "title: 6", "title: 6", "expected a text (put it in quotes), found '6'"),
    ("title: 第六版", "title:", "title:", "expected a text, found nothing"),
    ("audience: [学校]", "audience: 学校", "audience", "expected a list, found '学校'"),
    ("audience: [学校]", "audience: []", "audience", "expected a list of 1 or more, found 0"),
    ("audience: [学校]", "audience: [学校, 学校]", "audience", "'学校' is listed twice"),
    ("monthly: 499", "monthly: cheap", "price:", "expected a number from 0 to 1e+09, found 'cheap'"),
    ("currency: CNY", "currency: yuan", "price:", "expected a currency of three capitals like CNY, found 'yuan'"),
    ("example: true", "example: yes", "price:", "expected true or false, found 'yes'"),
    ("memory: 12GiB", "memory: 12GB", "requirements", "expected a size like 512MiB or 2GiB, found '12GB'"),
    ("memory: 32MiB", "memory: 33554432", "cache:", "expected a size like 512MiB or 2GiB, found '33554432'"),
    ("pool: {size: 50", "pool: {size: 500", "pool:", "the pool's size is larger than its maximum"),
    ("[small, medium]", "[small, huge]", "traits", "expected small, medium or large, found 'huge'"),
    ("price: {monthly: 499, currency: CNY, example: true}", "price: 499", "price: 499", "expected a mapping, found '499'"),
    ("environment: {MODE: fast}", "environment: {MODE: }", "orders: {", "expected a text, found nothing"),
    ("environment: {MODE: fast}", "environment: {1MODE: fast}", "orders: {", "expected the name of an environment variable, found '1MODE'"),
    (ORDERS, "read_only: maybe", "orders: {", "expected true or false, found 'maybe'"),
    (ORDERS, "volumes: {data: data}", "orders: {", "expected an absolute path without .. and spaces, found 'data'"),
    (ORDERS, "volumes: {data: /a/../b}", "orders: {", "expected an absolute path without .. and spaces, found '/a/../b'"),
    (ORDERS, "configs: {../x.j2: /x}", "orders: {", "expected a template like prometheus/rules.yml.j2, found '../x.j2'"),
    (ORDERS, "capabilities: [CHWON]", "orders: {", None),
    (ORDERS, "stop_signal: TERM", "orders: {", "expected a signal like SIGTERM, found 'TERM'"),
    (ORDERS, "user: a b", "orders: {", "expected a user like mysql or 999:999, found 'a b'"),
    (ORDERS, "healthcheck: [curl, x]", "orders: {", None),
    (ORDERS, "resources: {lite: {cpus: 0}}", "orders: {", "expected a number from 0.01 to 1024, found '0'"),
    (ORDERS, "profiles: [lite, medium]", "orders: {", "expected lite or full, found 'medium'"),
    # names
    ("  front: 8600", "  front: 8600\n  Big_One: 8602", "Big_One", None),
    ("  front: 8600", "  front: 8600\n  -x: 8602", "-x: 8602", None),
    ("  front: 8600", "  front: 8600\n  x-: 8602", "x-: 8602", None),
    ("name: sixth", "name: seventh", "name: seventh", "the edition is called 'seventh', its file 'sixth.yaml'; they must agree"),
    # components
    ("  mysql: 3316", "  mysqll: 3316", "mysqll", "unknown component type 'mysqll'; did you mean 'mysql'?"),
    ("  mysql: 3316", "  oracle9: 3316", "oracle9", "unknown component type 'oracle9'; see the files in editions/components"),
    (MORE_DATA, "  prometheus: 9096\n  redis: 6386", "redis: 6386", "redis belongs under 'datastores'"),
    (MORE_DATA, "  prometheus: 9096\n  edge: 80", "edge: 80", "edge is looma's own and cannot be listed"),
    (MORE_DATA, "  front: {type: consul, port: 8506}\n  prometheus: 9096", "front: {type", None),
    (
        "  mysql: 3316",
        "  mysql: {port: 3316, probe: {port: mysqlx}}",
        "mysql:",
        "the probe of mysql asks port 'mysqlx', which it does not have",
    ),
    (ORDERS, "path: /ledger", "ledger: {port", "path /ledger of ledger is taken by orders on line 16"),
    (ORDERS, "path: /", "orders: {", "expected a path prefix like /users; / belongs to the entry, found '/'"),
    (ORDERS, "path: /a/../b", "orders: {", "expected a path prefix like /users; / belongs to the entry, found '/a/../b'"),
    ("entry: front", "entry: frnot", "entry: frnot", "entry 'frnot' is no service of this edition; did you mean 'front'?"),
    ("entry: front", "entry: mysql", "entry: mysql", "entry 'mysql' is no service of this edition"),
    ("front: 8600", "front: {port: 8600, profiles: [full]}", "entry: front", "entry 'front' is not in every profile"),
    # dependencies
    ("depends_on: [orders]", "depends_on: [order]", "ledger", "ledger depends on unknown component 'order'; did you mean 'orders'?"),
    ("depends_on: [orders]", "depends_on: [ledger]", "ledger: {port", "dependency cycle: ledger -> ledger"),
    (ORDERS, "depends_on: [ledger]", "ledger: {", "dependency cycle: orders -> ledger -> orders"),
    ("depends_on: [orders]", "depends_on: [mysql]", "ledger", None),
    (ORDERS, "profiles: [full]", "ledger", "ledger depends on orders, which the profile lite does not have"),
    ("  prometheus: 9096\n", "", "grafana", "grafana depends on unknown component 'prometheus'"),
    # releases
    (RELEASES, "[1.0.0, 1.1]", "releases", "expected a release like 1.4.2 or 1.5.0-rc.1, found '1.1'"),
    (RELEASES, "[1.0.0, v1.1.0]", "releases", "expected a release like 1.4.2 or 1.5.0-rc.1, found 'v1.1.0'"),
    (RELEASES, "[1.0.0, 1.0.0]", "releases", "duplicate release 1.0.0; the first is on line 8"),
    (RELEASES, "[1.10.0, 1.9.0]", "releases", "release 1.9.0 is listed after 1.10.0; write the oldest first"),
    (RELEASES, "[1.0.0, 1.0.0-rc.1]", "releases", "release 1.0.0-rc.1 is listed after 1.0.0; write the oldest first"),
    (RELEASES, "[1.0.0-rc.10, 1.0.0-rc.9]", "releases", "release 1.0.0-rc.9 is listed after 1.0.0-rc.10; write the oldest first"),
    (RELEASES, "[]", "releases", "expected a list of releases, the oldest first"),
    (RELEASES, "{example: true}", "releases", "missing key 'versions'"),
    # images and placeholders
    (ORDERS, "image: Shop/Orders:1", "orders: {", None),
    (ORDERS, "image: shop/orders", "orders: {", None),
    (ORDERS, "image: 'shop/orders:1; rm -rf /'", "orders: {", None),
    (ORDERS, "image: 'shop/orders:$(relase)'", "orders: {", "unknown placeholder $(relase); did you mean 'release'?"),
    (ORDERS, "image: {registry: 'a:1', lokal: 'b:1'}", "orders: {", "unknown key 'lokal'; did you mean 'local'?"),
    ("MODE: fast", "MODE: $(tenat)", "orders: {", "unknown placeholder $(tenat); did you mean 'tenant'?"),
    ("MODE: fast", "MODE: $(secret.Bad-Name)", "orders: {", None),
    (ORDERS, "command: [sh, -c, 'echo $(hostname)']", "orders: {", "unknown placeholder $(hostname)"),
    # YAML
    ("title: 第六版", "title: &a 第六版\naudience2: *a", "title:", "anchors and aliases (& and *) are not supported in manifests"),
]


@pytest.mark.parametrize(("old", "new", "where", "message"), ONE_PROBLEM, ids=[f"{new[:60]!r}" for _, new, _, _ in ONE_PROBLEM])
def test_a_rule_reports_its_line_and_nothing_else(check: Check, old: str, new: str, where: str, message: str | None) -> None:
    assert SOUND.count(old) == 1
    broken = SOUND.replace(old, new)
    problems = check(broken)
    assert [problem.line for problem in problems] == [line_of(broken, where)]
    if message is not None:
        assert problems[0].message == message


MESSAGES = {
    "capabilities: [CHWON]": "did you mean 'CHOWN'?",
    "healthcheck: [curl, x]": "begins with CMD or CMD-SHELL",
    "image: Shop/Orders:1": "bad image reference 'Shop/Orders:1'",
    "image: shop/orders": "bad image reference 'shop/orders'",
    "image: 'shop/orders:1; rm -rf /'": "bad image reference",
}


@pytest.mark.parametrize("new", MESSAGES)
def test_long_messages_say_what_is_expected(check: Check, new: str) -> None:
    assert MESSAGES[new] in check(SOUND.replace("path: /shop/orders", new))[0].message


@pytest.mark.parametrize("name", ["Big_One", "-x", "x-", "1st", "a.b", "naïve", "a" * 64, "'a b'", "'$x'", "../up"])
def test_bad_component_names_are_refused(check: Check, name: str) -> None:
    problems = check(SOUND.replace("  front: 8600", f"  front: 8600\n  {name}: 8602"))
    assert [problem.line for problem in problems] == [16]
    assert problems[0].message.startswith("expected a name: a to z, 0 to 9 and -, a letter first, at most 63 long")


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(check: Check) -> None:
    broken = SOUND.replace("title: 第六版", "titel: 第六版").replace("monthly: 499", "monthly: -1").replace("entry: front", "entry: back")
    broken = broken.replace("depends_on: [orders]", "depends_on: [nobody]").replace("mysql: 3316", "mysql: 8600")
    assert [(p.line, p.message.split(",")[0].split(";")[0]) for p in check(broken)] == [
        (1, "missing key 'title'"),
        (3, "unknown key 'titel'"),
        (6, "expected a number from 0 to 1e+09"),
        (13, "entry 'back' is no service of this edition"),
        (17, "ledger depends on unknown component 'nobody'"),
        (19, "duplicate port 8600: front has it on line 15"),
    ]


def test_a_longer_cycle_is_reported_once(check: Check) -> None:
    broken = SOUND.replace("front: 8600", "front: {port: 8600, depends_on: [ledger]}").replace("path: /shop/orders", "depends_on: [front]")
    assert [p.message for p in check(broken)] == ["dependency cycle: front -> ledger -> orders -> front"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the file is empty"),
        ("# nothing\n", 1, "the file is empty"),
        ("- a\n", 1, "a manifest is a mapping"),
        ("name: x\n  title: y\n", 2, "not well-formed YAML: mapping values are not allowed"),
        ("name: [x\n", 2, "not well-formed YAML"),
        ("name: 'x\n", 2, "not well-formed YAML"),
        ("name: \x00\n", 1, "not well-formed YAML"),
        ("name: x\n---\nname: y\n", 2, "not well-formed YAML"),
        ("[" * 100_000, 1, "the file is too large for a manifest"),
        ("- " * 100_000, 1, "the file is too large for a manifest"),
        ("#" * 600_000, 1, "the file is too large for a manifest"),
    ],
)
def test_what_is_no_manifest_at_all(check: Check, text: str, line: int, message: str) -> None:
    problems = check(text)
    assert len(problems) == 1
    assert problems[0].line == line
    assert problems[0].message.startswith(message)


def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "sixth.yaml"
    path.write_bytes(b"name: sixth\ntitle: \xb5\xda\n")
    assert YamlCatalog(EDITIONS).validate(path) == [Problem(2, "the file is not UTF-8", str(path))]


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    assert [p.message for p in YamlCatalog(EDITIONS).validate(tmp_path)] == ["the file cannot be read: Is a directory"]


COMPONENT = """\
kind: datastore
image: shop/store:1.0
ports: {store: 5000}
probe: {kind: tcp, port: store}
resources: {lite: {memory: 64MiB, cpus: 0.5}, full: {memory: 64MiB, cpus: 1}}
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "kind: datastore",
            "kind: database",
            1,
            "expected service, datastore or infrastructure, found 'database'; did you mean 'datastore'?",
        ),
        ("ports: {store: 5000}\n", "", 1, "missing key 'ports'"),
        ("{store: 5000}", "{store: 5000/sctp}", 3, "expected a port like 3306, 53/udp or the word documented"),
        ("{store: 5000}", "{store: [5000]}", 3, "expected a port like 3306, 53/udp or the word documented"),
        ("kind: tcp", "kind: telnet", 4, "expected http, mysql, redis, postgresql, bolt, tcp or none, found 'telnet'"),
        ("cpus: 1}", "cpus: 1, ram: 1}", 5, "unknown key 'ram'"),
    ],
)
def test_component_files_are_checked_too(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    path = tmp_path / "components" / "store.yaml"
    path.parent.mkdir()
    path.write_text(COMPONENT)
    assert YamlCatalog(tmp_path).validate(path) == []
    path.write_text(COMPONENT.replace(old, new))
    assert [(p.line, p.message) for p in YamlCatalog(tmp_path).validate(path)] == [(line, message)]
