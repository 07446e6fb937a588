"""The catalog as a Catalog: names, memory, errors, a sixth edition by one file, and what a manifest may say otherwise."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.errors import InvalidManifest, NotFound
from looma_cli.model.edition import ImageReference, PublishedPort, Resources

EDITIONS = Path(__file__).resolve().parents[2] / "editions"
MIB = 2**20

SIXTH = """\
name: sixth
order: 25
title: 教育版
audience: [学校]
features: [排课]
price: {monthly: 1999, currency: CNY}
requirements: {cpus: 2, memory: 4GiB, disk: 20GiB}
releases: [0.9.0, 1.0.0]
pool: {size: 10, maximum: 20, connection_timeout_seconds: 5, idle_timeout_seconds: 60, retries: 2}
traits: {company_size: [small]}
port_range: [8600, 8699]
entry: school-front
services:
  school-front: 8600
  timetable:
    port: 8601
    title: 课程表
    path: /school/timetable
    image: school/timetable:2.1
    environment: {PORT: "80", TERM_START: 2026-09-01}
    resources: {full: {memory: 1GiB}}
    depends_on: [school-front]
  grades: {ports: {http: 8602, grpc: 8603}}
datastores:
  mysql: 3316
  analytics: {type: mysql, port: internal, profiles: [full], command: [--server-id=2]}
infrastructure:
  prometheus: 9096
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped folder with a sixth edition."""
    directory = tmp_path / "editions"
    shutil.copytree(EDITIONS, directory)
    (directory / "sixth.yaml").write_text(SIXTH, encoding="utf-8")
    return directory


def test_a_sixth_edition_is_one_file(folder: Path) -> None:
    catalog = YamlCatalog(folder)
    assert catalog.names() == ["basic", "pro", "sixth", "future", "dao", "blockchain", "looma-core"]
    sixth = catalog.edition("sixth")
    assert (sixth.title, sixth.releases, sixth.port_range) == ("教育版", ("0.9.0", "1.0.0"), (8600, 8699))
    assert [c.name for c in sixth.components] == ["school-front", "timetable", "grades", "mysql", "analytics", "prometheus"]
    assert [e.name for e in catalog.editions()] == catalog.names()


def test_an_edition_without_order_comes_after_those_with_one_and_before_the_platform(folder: Path) -> None:
    (folder / "sixth.yaml").write_text(SIXTH.replace("order: 25\n", ""), encoding="utf-8")
    assert YamlCatalog(folder).names()[-2:] == ["sixth", "looma-core"]


def test_other_files_are_no_editions(folder: Path) -> None:
    for name in ("README.md", "Draft.yaml", ".hidden.yaml", "sixth.yaml~", "x.yml"):
        (folder / name).write_text("?", encoding="utf-8")
    (folder / "folder.yaml").mkdir()
    (folder / "dangling.yaml").symlink_to(folder / "nowhere.yaml")
    assert len(YamlCatalog(folder).names()) == 7


def test_a_manifest_may_say_otherwise_for_one_component(folder: Path) -> None:
    timetable = YamlCatalog(folder).edition("sixth").component("timetable")
    assert (timetable.title, timetable.path, timetable.depends_on) == ("课程表", "/school/timetable", ("school-front",))
    assert timetable.image == ImageReference("school/timetable:2.1", "looma/reference:1.0")
    assert timetable.environment["PORT"] == "80"
    assert timetable.environment["TERM_START"] == "2026-09-01"
    assert timetable.environment["LOOMA_TENANT"] == "$(tenant)"
    assert timetable.resources == {"lite": Resources(96 * MIB, 0.5, 256), "full": Resources(1024 * MIB, 1.0, 512)}


def test_overrides_do_not_leak_into_the_next_edition(folder: Path) -> None:
    catalog = YamlCatalog(folder)
    before = YamlCatalog(folder).edition("basic")
    catalog.edition("sixth")
    assert catalog.edition("basic") == before


def test_a_service_may_have_several_documented_ports(folder: Path) -> None:
    grades = YamlCatalog(folder).edition("sixth").component("grades")
    assert grades.ports == (PublishedPort("http", 8602, 8602), PublishedPort("grpc", 8603, 8603))
    assert (grades.title, grades.path, grades.layer) == ("grades", "/grades", "app")


def test_two_datastores_of_one_type_have_their_own_addresses(folder: Path) -> None:
    sixth = YamlCatalog(folder).edition("sixth")
    analytics = sixth.component("analytics")
    assert analytics.ports == (PublishedPort("mysql", 3306, None),)
    assert analytics.connection["MYSQL_URL"] == "mysql://looma@analytics:3306/looma"
    assert sixth.component("mysql").connection["MYSQL_URL"] == "mysql://looma@mysql:3306/looma"
    assert analytics.command == ("--server-id=2",)
    assert set(analytics.resources) == {"full"}
    assert "analytics" not in [c.name for c in sixth.of_profile("lite")]


def test_layers_follow_from_kinds_but_for_front_ends_of_a_release(folder: Path) -> None:
    layers = {(c.kind, c.layer) for e in YamlCatalog(folder).editions() for c in e.components if c.name != "taro-h5"}
    assert layers == {("service", "app"), ("datastore", "data"), ("infrastructure", "data")}
    taro = YamlCatalog(folder).edition("future").component("taro-h5")
    assert (taro.kind, taro.layer, taro.ports) == ("infrastructure", "app", (PublishedPort("http", 10086, 10086),))


@pytest.mark.parametrize("name", ["nope", "", "Basic", "../basic", "components/mysql", "basic.yaml", "a\nb", "中文", "b" * 5000])
def test_an_unknown_edition_names_those_that_exist(folder: Path, name: str) -> None:
    with pytest.raises(NotFound) as caught:
        YamlCatalog(folder).edition(name)
    assert caught.value.exit_code == 3
    assert "basic, pro, sixth" in caught.value.hint
    assert "\n" not in caught.value.message


def test_a_broken_manifest_does_not_hide_the_others(folder: Path) -> None:
    (folder / "sixth.yaml").write_text(SIXTH.replace("mysql: 3316", "mysql: 8600").replace("[学校]", "学校"), encoding="utf-8")
    catalog = YamlCatalog(folder)
    assert "sixth" in catalog.names()
    assert catalog.edition("basic").name == "basic"
    with pytest.raises(InvalidManifest) as caught:
        catalog.edition("sixth")
    assert caught.value.exit_code == 2
    assert caught.value.message == "sixth.yaml is wrong on line 4: expected a list, found '学校' (and 1 more)"
    assert caught.value.hint == f"looma edition validate {folder / 'sixth.yaml'} says all that is wrong with it"
    assert caught.value.details["problems"] == [
        {"line": 4, "message": "expected a list, found '学校'"},
        {"line": 25, "message": "duplicate port 8600: school-front has it on line 14"},
    ]


def test_a_broken_component_file_is_named(folder: Path) -> None:
    (folder / "components/mysql.yaml").write_text("kind: datastore\nport: 1\n", encoding="utf-8")
    catalog = YamlCatalog(folder)
    problems = catalog.validate(folder / "basic.yaml")
    assert len(problems) == 1
    assert problems[0].message.startswith("component file components/mysql.yaml is wrong on line 1: missing key")
    assert {Path(p.file).name for p in catalog.validate_all()} == {"mysql.yaml", *(f"{name}.yaml" for name in catalog.names())}


def test_a_file_that_is_not_there_is_unknown(folder: Path) -> None:
    with pytest.raises(NotFound):
        YamlCatalog(folder).validate(folder / "seventh.yaml")


def test_a_manifest_is_read_once(folder: Path) -> None:
    catalog = YamlCatalog(folder)
    first = catalog.edition("sixth")
    (folder / "sixth.yaml").write_text("no longer: a manifest", encoding="utf-8")
    assert catalog.edition("sixth") is first


def test_an_empty_folder_has_no_editions(tmp_path: Path) -> None:
    assert YamlCatalog(tmp_path).names() == []
    assert YamlCatalog(tmp_path / "nowhere").editions() == []


def test_support_images(folder: Path) -> None:
    catalog = YamlCatalog(folder)
    assert catalog.support_image("init", "registry") == "busybox:1.37"
    assert catalog.support_image("init", "local") == "looma/base:bookworm"
    assert catalog.support_image("edge", "registry") == catalog.component("nginx").image.registry
    assert catalog.support_image("edge", "local") == catalog.component("nginx").image.local
    with pytest.raises(NotFound):
        catalog.support_image("edgy", "local")


def test_names_load_no_yaml_library() -> None:
    program = (
        "import sys; from pathlib import Path; from looma_cli.adapters.catalog import YamlCatalog; "
        f"names = YamlCatalog(Path({str(EDITIONS)!r})).names(); "
        "print(len(names), [m for m in ('yaml', 'difflib', 'pydantic') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "6 []\n"
