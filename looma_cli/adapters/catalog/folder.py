"""A folder of manifests (``NAME.yaml``) and component files (``components/TYPE.yaml``) as a Catalog."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from looma_cli.adapters.catalog.problems import Problem, Report
from looma_cli.errors import InvalidManifest, NotFound

if TYPE_CHECKING:  # completion of names needs neither
    from looma_cli.model.edition import Component, Edition

_NAME = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
_ORDER = re.compile(rb"^order:[ \t]*([0-9]{1,7})", re.MULTILINE)
_LAST = 999  # before the platform, after the editions that say their place


class YamlCatalog:
    """Implements ``model.protocols.Catalog``. Each file is read and parsed at most once.

    ``names`` looks at the folder and at one line of each file, so that completion needs no YAML library.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._editions: dict[str, Edition] = {}
        self._types: dict[str, Mapping[str, Any] | str] = {}
        self._components: dict[str, Component] = {}

    def names(self) -> list[str]:
        """By ``order``, then by name; files whose names are no edition's names are passed over."""
        return [path.stem for path in sorted(_manifests(self._directory), key=_place)]

    def editions(self) -> list[Edition]:
        return [self.edition(name) for name in self.names()]

    def edition(self, name: str) -> Edition:
        """Raises NotFound for an unknown name, InvalidManifest for a broken manifest."""
        if name not in self._editions:
            if not _NAME.fullmatch(name) or not (path := self._directory / f"{name}.yaml").is_file():
                raise _unknown("edition", name, self.names())
            self._editions[name] = self._read(path)
        return self._editions[name]

    def component(self, type_name: str) -> Component:
        """A component type by itself, its ports unpublished: for ``edge`` and ``init``, which no edition lists.

        Raises NotFound, or InvalidManifest for a broken file.
        """
        if type_name not in self._components:
            self._components[type_name] = self._component(type_name)
        return self._components[type_name]

    def _component(self, type_name: str) -> Component:
        from looma_cli.adapters.catalog.components import Entry, build

        if type_name not in self.types():
            raise _unknown("component type", type_name, self.types())
        found = self._type(type_name)
        if isinstance(found, str):
            raise InvalidManifest(found, "mend that file")
        return build(Entry(type_name, 1, type_name, found, dict.fromkeys(found["ports"], (None, 1))))

    def support_image(self, component: str, images: str) -> str:
        """Image reference of ``edge`` or ``init``; ``images`` is registry or local. Raises NotFound, InvalidManifest."""
        image = self.component(component).image
        return (image.local if images == "local" else None) or image.registry

    def types(self) -> tuple[str, ...]:
        """Names of the component types."""
        return tuple(sorted(p.stem for p in (self._directory / "components").glob("*.yaml") if _NAME.fullmatch(p.stem)))

    def validate(self, path: Path) -> list[Problem]:
        """All that is wrong with a manifest, or with a component file (one in a folder called ``components``).

        Empty when it is sound. Raises NotFound when there is no such file.
        """
        if path.parent.name == "components":
            return _read_type(path)[1].problems()
        return self._parse(path)[1].problems()

    def validate_all(self) -> list[Problem]:
        """All that is wrong with the folder: first the component files, then the manifests."""
        files = [self._directory / "components" / f"{type_name}.yaml" for type_name in self.types()]
        files += [self._directory / f"{name}.yaml" for name in self.names()]
        return [problem for path in files for problem in self.validate(path)]

    def _read(self, path: Path) -> Edition:
        edition, report = self._parse(path)
        if edition is None:
            raise _invalid(path, report.problems())
        return edition

    def _parse(self, path: Path) -> tuple[Edition | None, Report]:
        from looma_cli.adapters.catalog.manifests import read

        text, report = _text(path)
        return (None if text is None else read(text, path.stem, self._type, self.types(), report)), report

    def _type(self, type_name: str) -> Mapping[str, Any] | str:
        if type_name not in self._types:
            values, report = _read_type(self._directory / "components" / f"{type_name}.yaml")
            self._types[type_name] = _broken(type_name, report) if report else values
        return self._types[type_name]


def _manifests(directory: Path) -> list[Path]:
    return [path for path in directory.glob("*.yaml") if _NAME.fullmatch(path.stem) and path.is_file()]


def _place(path: Path) -> tuple[int, str]:
    match = _ORDER.search(path.read_bytes())
    return (int(match[1]) if match else _LAST), path.stem


def _text(path: Path) -> tuple[str | None, Report]:
    report = Report(str(path))
    try:
        return path.read_text(encoding="utf-8-sig"), report
    except UnicodeDecodeError as error:
        report.add(error.object[: error.start].count(b"\n") + 1, "the file is not UTF-8")
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}", "give the path of a manifest, for instance editions/basic.yaml") from error
    except OSError as error:
        report.add(1, f"the file cannot be read: {error.strerror}")
    return None, report


def _read_type(path: Path) -> tuple[dict[str, Any], Report]:
    from looma_cli.adapters.catalog.documents import compose
    from looma_cli.adapters.catalog.shapes import component_file

    text, report = _text(path)
    root = None if text is None else compose(text, report)
    values = {} if root is None else component_file(root, report)
    return values, report


def _broken(type_name: str, report: Report) -> str:
    first = report.problems()[0]
    return f"component file components/{type_name}.yaml is wrong on line {first.line}: {first.message}"


def _unknown(what: str, name: str, known: Iterable[str]) -> NotFound:
    from looma_cli.model.validation import shown

    return NotFound(f"there is no {what} {shown(name)}", f"choose one of {', '.join(known)}", name=name)


def _invalid(path: Path, problems: list[Problem]) -> InvalidManifest:
    first, more = problems[0], len(problems) - 1
    others = f" (and {more} more)" if more else ""
    return InvalidManifest(
        f"{path.name} is wrong on line {first.line}: {first.message}{others}",
        f"looma edition validate {path} says all that is wrong with it",
        problems=[{"line": problem.line, "message": problem.message} for problem in problems],
    )
