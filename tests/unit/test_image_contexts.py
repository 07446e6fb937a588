"""The directories of the local image set: what they say, in which order they are built, when an image counts as changed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from looma_cli.adapters.images import ImageBuilder, ImageSpecification
from looma_cli.adapters.images.specification import in_order, read_specification, read_specifications, with_dependencies
from looma_cli.errors import InvalidManifest, NotFound
from looma_cli.settings import data_directory
from tests.image_sets import write_chain, write_image

IMAGES = data_directory("templates") / "images"


def specification(name: str, *depends_on: str) -> ImageSpecification:
    return ImageSpecification(name, f"looma/{name}:1.0", Path(name), depends_on, "1.0", name.title(), "nowhere")


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    return write_chain(tmp_path / "templates")


# --- the shipped set ---------------------------------------------------------------------------------------------------


def test_the_shipped_set_is_well_formed_and_complete() -> None:
    references = {each.name: each.reference for each in read_specifications(IMAGES)}
    assert references == {
        "base": "looma/base:bookworm",
        "consul": "looma/consul:1.8",
        "mysql": "looma/mysql:10.11",
        "nginx": "looma/nginx:1.30",
        "postgresql": "looma/postgresql:15-pgvector",
        "prometheus": "looma/prometheus:2.42",
        "redis": "looma/redis:7.0",
        "reference": "looma/reference:1.0",
    }


def test_every_directory_of_images_is_an_image() -> None:
    directories = {path.name for path in IMAGES.iterdir() if path.is_dir()}
    assert directories == {each.name for each in read_specifications(IMAGES)}


@pytest.mark.parametrize("each", read_specifications(IMAGES), ids=lambda each: each.name)
def test_an_image_is_built_from_exactly_what_it_depends_on(each: ImageSpecification) -> None:
    by_name = {other.reference: other.name for other in read_specifications(IMAGES)}
    dockerfile = each.directory / "Dockerfile"
    lines = dockerfile.read_text().splitlines() if dockerfile.is_file() else []
    built_on = {by_name[word] for line in lines if line.startswith("FROM ") for word in line.split() if word.startswith("looma/")}
    assert built_on == set(each.depends_on)
    assert dockerfile.is_file() or (each.directory / "build.sh").is_file()


FILES = [path for path in sorted(IMAGES.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_file_of_an_image_names_a_mirror_or_registry(path: Path) -> None:
    hosts = re.findall(r"(?:https?|ftp)://([A-Za-z0-9.-]+\.[a-z]{2,})", path.read_text(encoding="utf-8"))
    assert hosts == []


@pytest.mark.parametrize("each", [s for s in read_specifications(IMAGES) if s.name != "base"], ids=lambda each: each.name)
def test_every_dockerfile_says_what_it_needs_and_how_it_is_probed(each: ImageSpecification) -> None:
    text = (each.directory / "Dockerfile").read_text()
    assert "# Capabilities: " in text
    assert "Read-only root: " in text
    assert "\nHEALTHCHECK " in text


# --- reading image.yaml ------------------------------------------------------------------------------------------------


def test_reading_gives_all_fields(templates: Path) -> None:
    directory = write_image(templates, "tools", "base", build_args="{SUITE: sid, LEVEL: 3}")
    assert read_specification(directory) == ImageSpecification(
        name="tools",
        reference="looma/tools:1.0",
        directory=directory,
        depends_on=("base",),
        version="1.0",
        title="A title",
        source="somewhere: a package",
        build_args=(("LEVEL", "3"), ("SUITE", "sid")),
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: app", "name: other", "name must be the directory's"),
        ("name: app", "name: [app]", "name must be text"),
        ('tag: "1.0"', "tag: 1.0", "tag must be text of one line"),
        ('tag: "1.0"', 'tag: "a b"', "tag one that docker takes"),
        ('version: "1.0"', 'version: ""', "version must be text"),
        ("title: A title", 'title: "two\\nlines"', "title must be text of one line"),
        ("depends_on: [tools]", "depends_on: tools", "depends_on must be a list"),
        ("build_args: {}", "build_args: [A]", "build_args must map names"),
        ("build_args: {}", "build_args: {lower: 1}", "build_args must map names in capitals"),
        ("build_args: {}", "", "must have exactly the keys"),
        ("build_args: {}", "build_args: {}\nextra: 1", "must have exactly the keys"),
        ("build_args: {}", "build_args: {", "cannot be read"),
    ],
)
def test_a_malformed_file_is_named_with_its_problem(templates: Path, old: str, new: str, problem: str) -> None:
    file = templates / "images" / "app" / "image.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(InvalidManifest, match=re.escape(problem)) as caught:
        read_specifications(templates / "images")
    assert caught.value.message.startswith("app/image.yaml: ")


# --- order -------------------------------------------------------------------------------------------------------------


def test_order_puts_dependencies_first_and_is_stable() -> None:
    given = [specification("zoo", "base"), specification("app", "zoo", "tools"), specification("tools", "base"), specification("base")]
    names = [each.name for each in in_order(given)]
    assert sorted(names) == ["app", "base", "tools", "zoo"]
    assert names.index("base") == 0
    assert names.index("app") == 3
    assert names == [each.name for each in in_order(reversed(given))]


def test_an_unknown_dependency_is_refused() -> None:
    with pytest.raises(InvalidManifest, match="depends on 'nothing', which is not there"):
        in_order([specification("app", "nothing")])


def test_a_cycle_is_refused_and_shown() -> None:
    with pytest.raises(InvalidManifest, match=r"cycle: .*a.* -> .*b"):
        in_order([specification("a", "b"), specification("b", "a")])


def test_named_images_bring_what_they_stand_on() -> None:
    every = in_order([specification("app", "tools"), specification("tools", "base"), specification("base"), specification("other", "base")])
    assert [each.name for each in with_dependencies(every, ["app"])] == ["base", "tools", "app"]
    with pytest.raises(NotFound, match="no local image 'nope'"):
        with_dependencies(every, ["nope"])


# --- the digest --------------------------------------------------------------------------------------------------------


def digests(templates: Path) -> dict[str, str]:
    builder = ImageBuilder(templates, os.environ)
    return {each.name: builder.context_digest(each) for each in builder.specifications()}


def test_the_digest_is_the_same_for_the_same_files_elsewhere(templates: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(templates, tmp_path / "copy")
    (copy / "images" / "app" / "Dockerfile").chmod(0o755)
    assert digests(copy) == digests(templates)
    assert re.fullmatch(r"[0-9a-f]{64}", digests(templates)["app"])


@pytest.mark.parametrize(
    "change",
    [
        lambda directory: (directory / "Dockerfile").write_text("FROM scratch\n# changed\n"),
        lambda directory: (directory / "added").write_text(""),
        lambda directory: (directory / "Dockerfile").rename(directory / "Dockerfile.old"),
        lambda directory: (directory / "image.yaml").write_text((directory / "image.yaml").read_text().replace("1.0", "1.1")),
    ],
    ids=["changed", "added", "renamed", "other tag"],
)
def test_a_change_shows_in_the_image_and_in_all_that_stand_on_it(templates: Path, change: Callable[[Path], object]) -> None:
    before = digests(templates)
    change(templates / "images" / "tools")
    after = digests(templates)
    assert {name for name in before if before[name] != after[name]} == {"tools", "app"}


def test_what_a_build_does_not_see_does_not_count(templates: Path) -> None:
    before = digests(templates)
    directory = templates / "images" / "app"
    (directory / ".dockerignore").write_text("# comment\n**/notes\n*.log\n")
    for ignored in ("__pycache__/a.pyc", "deep/__pycache__/b.pyc", "deep/notes/c", "run.log"):
        (directory / ignored).parent.mkdir(parents=True, exist_ok=True)
        (directory / ignored).write_text("x")
    assert digests(templates) == before
