"""What ``templates/images/*/image.yaml`` says: the images of the local set and what each stands on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from looma_cli.errors import InvalidManifest, NotFound

FILE = "image.yaml"
REPOSITORY = "looma"
_NAME = re.compile(r"^[a-z][a-z0-9-]*$")
# Docker's own rule for tags (distribution/reference)
_TAG = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")
_ARGUMENT = re.compile(r"^[A-Z][A-Z0-9_]*$")
_KEYS = {"name", "tag", "version", "title", "source", "depends_on", "build_args"}


@dataclass(frozen=True, slots=True)
class ImageSpecification:
    """One image of the set. ``reference`` is ``looma/NAME:TAG``; ``source`` says where its packages come from; ``depends_on`` are names
    of images that must be there first; ``build_args`` are (name, value) pairs."""

    name: str
    reference: str
    directory: Path
    depends_on: tuple[str, ...]
    version: str
    title: str
    source: str
    build_args: tuple[tuple[str, str], ...] = ()


def read_specifications(images: Path) -> list[ImageSpecification]:
    """Every image below ``images``, each after those it depends on, else by name. Raises InvalidManifest."""
    found = [read_specification(path.parent) for path in sorted(images.glob(f"*/{FILE}"))]
    return in_order(found)


def read_specification(directory: Path) -> ImageSpecification:
    """The image that ``directory`` makes. Raises InvalidManifest naming the file and what is wrong with it."""
    import yaml

    try:
        fields = yaml.safe_load((directory / FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _invalid(directory, f"cannot be read: {error}") from error
    _check(directory, fields)
    return ImageSpecification(
        name=fields["name"],
        reference=f"{REPOSITORY}/{fields['name']}:{fields['tag']}",
        directory=directory,
        depends_on=tuple(fields["depends_on"]),
        version=fields["version"],
        title=fields["title"],
        source=fields["source"],
        build_args=tuple(sorted((name, str(value)) for name, value in fields["build_args"].items())),
    )


def in_order(specifications: Iterable[ImageSpecification]) -> list[ImageSpecification]:
    """The same, each after those it depends on. Raises InvalidManifest for an unknown dependency or a cycle."""
    by_name = {each.name: each for each in specifications}
    for each in by_name.values():
        for unknown in sorted(set(each.depends_on) - set(by_name)):
            raise _invalid(each.directory, f"depends on {unknown!r}, which is not there")
    try:
        order = TopologicalSorter({name: by_name[name].depends_on for name in sorted(by_name)}).static_order()
        return [by_name[name] for name in order]
    except CycleError as error:
        cycle = " -> ".join(error.args[1])
        raise InvalidManifest(f"images depend on each other in a cycle: {cycle}", f"mend depends_on in their {FILE}") from error


def with_dependencies(specifications: Sequence[ImageSpecification], names: Iterable[str]) -> list[ImageSpecification]:
    """The named ones and all that they stand on, in the given order. Raises NotFound."""
    by_name = {each.name: each for each in specifications}
    wanted: set[str] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        if name not in by_name:
            raise NotFound(f"there is no local image {name!r}", f"there are {', '.join(sorted(by_name))}")
        if name not in wanted:
            wanted.add(name)
            open_names.extend(by_name[name].depends_on)
    return [each for each in specifications if each.name in wanted]


def _check(directory: Path, fields: Any) -> None:
    if not isinstance(fields, dict) or set(fields) != _KEYS:
        raise _invalid(directory, f"must have exactly the keys {', '.join(sorted(_KEYS))}")
    texts = {key: fields[key] for key in ("name", "tag", "version", "title", "source")}
    if wrong := [key for key, value in texts.items() if not isinstance(value, str) or not value.strip() or "\n" in value]:
        raise _invalid(directory, f"{', '.join(wrong)} must be text of one line (numbers in quotes)")
    if fields["name"] != directory.name or not _NAME.match(fields["name"]) or not _TAG.match(fields["tag"]):
        raise _invalid(directory, "name must be the directory's, and tag one that docker takes")
    if not isinstance(fields["depends_on"], list) or not all(isinstance(name, str) for name in fields["depends_on"]):
        raise _invalid(directory, "depends_on must be a list of image names")
    if not isinstance(fields["build_args"], dict) or not all(_ARGUMENT.match(str(name)) for name in fields["build_args"]):
        raise _invalid(directory, "build_args must map names in capitals to values")


def _invalid(directory: Path, problem: str) -> InvalidManifest:
    return InvalidManifest(f"{directory.name}/{FILE}: {problem}", "mend it; the other images show how")
