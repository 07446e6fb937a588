"""One manifest: from text to an Edition, reporting all that is wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from looma_cli.adapters.catalog.components import Entry, build, merged
from looma_cli.adapters.catalog.documents import compose
from looma_cli.adapters.catalog.fields import BAD, boolean, entries, record, tag
from looma_cli.adapters.catalog.problems import Report, suggestion
from looma_cli.adapters.catalog.rules import check_components, check_header, check_releases
from looma_cli.adapters.catalog.shapes import HEADER, REQUIRED, component_entry, name, release
from looma_cli.model.edition import ConnectionPool, Edition, Price, Requirements

SECTIONS = {"services": "service", "datastores": "datastore", "infrastructure": "infrastructure"}
"""Sections of a manifest, in the order of an edition's components, and the kind of component that each lists."""

Types = Callable[[str], Mapping[str, Any] | str]
"""Looks a component type up: its parsed file, or a text that says what is wrong with it."""


@dataclass(slots=True)
class Reading:
    """What is gathered from one manifest."""

    types: Types
    type_names: tuple[str, ...]
    report: Report
    header: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    releases: list[tuple[str, int]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def line_of(self, key: str) -> int:
        return self.lines.get(key, 1)


def read(text: str, stem: str, types: Types, type_names: tuple[str, ...], report: Report) -> Edition | None:
    """The edition, or None with the reasons in ``report``. ``stem`` is the file's name without ``.yaml``, which the edition must bear."""
    reading = Reading(types, type_names, report)
    root = compose(text, report)
    if root is not None:
        _read_root(root, stem, reading)
    return None if report else _edition(reading)


def _read_root(root: Any, stem: str, reading: Reading) -> None:
    if tag(root) != "map":
        reading.report.add(root, "a manifest is a mapping: name, title, services, ...")
        return
    nodes = {key: (key_node, value) for key, key_node, value in entries(root, reading.report)}
    reading.lines = {key: key_node.start_mark.line + 1 for key, (key_node, _) in nodes.items()}
    _read_header(nodes, reading)
    _check_keys(nodes, root, stem, reading)
    for section, kind in SECTIONS.items():
        if section in nodes:
            _read_section(nodes[section][1], kind, reading)
    check_components(reading.entries, reading.report)
    check_header(reading.header, reading.entries, reading.line_of, reading.report)
    check_releases(reading.releases, reading.report)


def _read_header(nodes: Mapping[str, tuple[Any, Any]], reading: Reading) -> None:
    for key, parse in HEADER.items():
        if key in nodes and (value := parse(nodes[key][1], reading.report)) is not BAD:
            reading.header[key] = value
    if "releases" in nodes:
        _read_releases(nodes["releases"][1], reading)


def _check_keys(nodes: Mapping[str, tuple[Any, Any]], root: Any, stem: str, reading: Reading) -> None:
    known = (*HEADER, "releases", *SECTIONS)
    for key, (key_node, _) in nodes.items():
        if key not in known:
            reading.report.add(key_node, f"unknown key {key!r}{suggestion(key, known)}")
    for key in REQUIRED:
        if key not in nodes:
            reading.report.add(root, f"missing key {key!r}")
    own = reading.header.get("name", stem)
    if own != stem:
        reading.report.add(nodes["name"][1], f"the edition is called {own!r}, its file {stem + '.yaml'!r}; they must agree")


def _read_releases(node: Any, reading: Reading) -> None:
    """A list, or ``{versions: [...], example: true}``."""
    if tag(node) == "map":
        record({"versions": lambda child, report: _read_releases(child, reading), "example": boolean}, required=("versions",))(
            node, reading.report
        )
        return
    if tag(node) != "seq" or not node.value:
        reading.report.add(node, "expected a list of releases, the oldest first")
        return
    for child in node.value:
        value = release(child, reading.report)
        if value is not BAD:
            reading.releases.append((value, child.start_mark.line + 1))


def _read_section(node: Any, kind: str, reading: Reading) -> None:
    if tag(node) == "map" and not node.value and kind == "service":
        reading.report.add(node, "an edition has at least one service")
    for key, key_node, value in entries(node, reading.report):
        overrides = component_entry(value, reading.report)
        if name(key_node, reading.report) is not BAD:
            _read_component(key, key_node, kind, overrides, reading)


def _read_component(key: str, key_node: Any, kind: str, overrides: Any, reading: Reading) -> None:
    """A component whose value is BAD (reported) still counts, without ports, so that what names it is not reported as well."""
    report = reading.report
    well_formed, overrides = overrides is not BAD, {} if overrides is BAD else overrides
    earlier = next((entry for entry in reading.entries if entry.name == key), None)
    if earlier:
        report.add(key_node, f"duplicate component {key!r}; the first is on line {earlier.line}")
        return
    type_name = overrides.get("type") or ("service" if kind == "service" else key)
    base = _type(type_name, key_node, kind, reading)
    if base is None:
        return
    line = key_node.start_mark.line + 1
    values = merged(_at_line(base, line), {k: v for k, v in overrides.items() if k not in ("type", "port", "ports")})
    ports = _ports(key, line, base["ports"], overrides, report) if well_formed else {}
    reading.entries.append(Entry(key, line, type_name, values, ports))


def _at_line(base: Mapping[str, Any], line: int) -> dict[str, Any]:
    """A type's own dependencies and path count as written where the manifest names the component."""
    located = dict(base)
    if "depends_on" in base:
        located["depends_on"] = tuple((each, line) for each, _ in base["depends_on"])
    if "path" in base:
        located["path"] = (base["path"][0], line)
    return located


def _type(type_name: str, key_node: Any, kind: str, reading: Reading) -> Mapping[str, Any] | None:
    if type_name not in reading.type_names:
        known = suggestion(type_name, reading.type_names)
        reading.report.add(key_node, f"unknown component type {type_name!r}{known or '; see the files in editions/components'}")
        return None
    found = reading.types(type_name)
    if isinstance(found, str):
        reading.report.add(key_node, found)
    elif found.get("internal"):
        reading.report.add(key_node, f"{type_name} is looma's own and cannot be listed")
    elif found["kind"] != kind:
        section = next(section for section, listed in SECTIONS.items() if listed == found["kind"])
        reading.report.add(key_node, f"{type_name} belongs under {section!r}")
    else:
        return found
    return None


def _ports(
    key: str, line: int, declared: Mapping[str, Any], overrides: Mapping[str, Any], report: Report
) -> dict[str, tuple[int | None, int]]:
    """Documented host ports by port name. ``port`` gives the first; where the type listens on the documented number, more may follow."""
    given = dict(overrides.get("ports", {}))
    if "port" in overrides and declared:
        first = next(iter(declared))
        if first in given:
            report.add(given[first][1], f"{key} has the port {first!r} twice: in 'port' and in 'ports'")
        given = {first: overrides["port"], **given}
    open_ended = any(number is None for number, _ in declared.values())
    for port in declared.keys() - given.keys():
        report.add(line, f"{key} has no number for its port {port!r} (a host port, or the word internal)")
    for port, (number, port_line) in given.items():
        if port not in declared and not open_ended:
            report.add(port_line, f"{key} has no port called {port!r}{suggestion(port, declared)}")
        elif number is None and declared.get(port, (None,))[0] is None:
            report.add(port_line, f"{key} listens on the number that is documented, so its port {port!r} needs one")
    return given


def _edition(reading: Reading) -> Edition:
    header = reading.header
    low, high = header["port_range"]
    return Edition(
        name=header["name"],
        kind=header.get("kind", "edition"),
        title=header["title"],
        audience=header["audience"],
        features=header["features"],
        price=_price(header["price"]),
        requirements=_requirements(header["requirements"]),
        releases=tuple(name for name, _ in reading.releases),
        pool=ConnectionPool(**header["pool"]),
        port_range=(low, high),
        entry=header["entry"],
        components=tuple(build(entry) for entry in reading.entries),
        traits=header.get("traits", {}),
    )


def _price(values: Mapping[str, Any]) -> Price:
    return Price(values["monthly"], values["currency"], values.get("example", False))


def _requirements(values: Mapping[str, Any]) -> Requirements:
    return Requirements(float(values["cpus"]), values["memory"], values["disk"], values.get("example", False))
