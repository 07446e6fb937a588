"""What must hold between the parts of a manifest: each rule takes the entries and reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from looma_cli.adapters.catalog.components import Entry
from looma_cli.adapters.catalog.problems import Report, suggestion
from looma_cli.adapters.catalog.shapes import RELEASE


def check_components(entries: Sequence[Entry], report: Report) -> None:
    for rule in (_ports, _paths, _probes, _resources, _dependencies, _cycles):
        rule(entries, report)


def _ports(entries: Sequence[Entry], report: Report) -> None:
    """One documented host port belongs to one component."""
    holders: dict[tuple[int, str], tuple[str, int]] = {}
    for entry in entries:
        for name, (port, line) in entry.ports.items():
            if port is None:
                continue
            protocol = entry.values["ports"].get(name, (None, "tcp"))[1]
            holder, first = holders.setdefault((port, protocol), (entry.name, line))
            if (holder, first) != (entry.name, line) or _twice(entry, name, port):
                report.add(line, f"duplicate port {port}: {holder} has it on line {first}")


def _twice(entry: Entry, name: str, port: int) -> bool:
    """Two ports of one component on one line, as in ``{http: 80, https: 80}``."""
    return next(other for other, (number, _) in entry.ports.items() if number == port) != name


def _paths(entries: Sequence[Entry], report: Report) -> None:
    """One path prefix leads to one component."""
    holders: dict[str, Entry] = {}
    for entry in entries:
        if entry.path is None:
            continue
        other = holders.setdefault(entry.path, entry)
        if other is not entry:
            line = entry.values["path"][1] if "path" in entry.values else entry.line
            report.add(line, f"path {entry.path} of {entry.name} is taken by {other.name} on line {other.line}")


def _probes(entries: Sequence[Entry], report: Report) -> None:
    for entry in entries:
        port = entry.values["probe"].get("port")
        if port and port not in entry.ports and port not in entry.values["ports"]:
            report.add(entry.line, f"the probe of {entry.name} asks port {port!r}, which it does not have")


def _resources(entries: Sequence[Entry], report: Report) -> None:
    for entry in entries:
        for profile in entry.profiles:
            limits = entry.values["resources"].get(profile, {})
            for key in ("memory", "cpus"):
                if key not in limits:
                    report.add(entry.line, f"{entry.name} has no {key} for the profile {profile}")


def _dependencies(entries: Sequence[Entry], report: Report) -> None:
    """A dependency is of the same layer, and there in every profile in which its dependant is."""
    known = {entry.name: entry for entry in entries}
    for entry in entries:
        for name, line in entry.values.get("depends_on", ()):
            if problem := _dependency_problem(entry, name, known):
                report.add(line, problem)


def _dependency_problem(entry: Entry, name: str, known: Mapping[str, Entry]) -> str | None:
    other = known.get(name)
    if other is None:
        return f"{entry.name} depends on unknown component {name!r}{suggestion(name, known)}"
    if other.values.get("provided_by"):
        return f"{entry.name} depends on {name}, which is provided by the {other.values['provided_by']}"
    if other.layer != entry.layer:
        return f"{entry.name} (layer {entry.layer}) depends on {name} of layer {other.layer}; layers start one after the other"
    missing = [profile for profile in entry.profiles if profile not in other.profiles]
    return f"{entry.name} depends on {name}, which the profile {missing[0]} does not have" if missing else None


def _cycles(entries: Sequence[Entry], report: Report) -> None:
    """Depth first without recursion; each cycle is reported once, where it closes."""
    after = {entry.name: dict(entry.values.get("depends_on", ())) for entry in entries}
    finished: set[str] = set()
    for start in after:
        path = [start] if start not in finished else []
        branches = [iter(after[start])]
        while path:
            following = next(branches[-1], None)
            if following is None:
                finished.add(path.pop())
                branches.pop()
            elif following in path:
                circle = [*path[path.index(following) :], following]
                report.add(after[path[-1]][following], f"dependency cycle: {' -> '.join(circle)}")
            elif following in after and following not in finished:
                path.append(following)
                branches.append(iter(after[following]))


def check_header(header: Mapping[str, Any], entries: Sequence[Entry], line_of: Callable[[str], int], report: Report) -> None:
    for rule in (_entry, _range, _pool):
        rule(header, entries, line_of, report)


def _entry(header: Mapping[str, Any], entries: Sequence[Entry], line_of: Callable[[str], int], report: Report) -> None:
    """The entry is a service that every profile has."""
    services = {entry.name: entry for entry in entries if entry.values["kind"] == "service"}
    name = header.get("entry")
    if name is None:
        return
    if name not in services:
        report.add(line_of("entry"), f"entry {name!r} is no service of this edition{suggestion(name, services)}")
    elif len(services[name].profiles) < 2:
        report.add(line_of("entry"), f"entry {name!r} is not in every profile")


def _range(header: Mapping[str, Any], entries: Sequence[Entry], line_of: Callable[[str], int], report: Report) -> None:
    """A service's port lies in the range, unless it is listed as documented outside."""
    limits = header.get("port_range", ())
    if len(limits) != 2 or limits[0] > limits[1]:
        if "port_range" in header:
            report.add(line_of("port_range"), "port_range is two ports, the lower one first")
        return
    outside = set(header.get("outside_port_range", ()))
    used = {port: line for e in entries if e.values["kind"] == "service" for port, line in e.ports.values() if port}
    for port, line in used.items():
        if not limits[0] <= port <= limits[1] and port not in outside:
            report.add(line, f"port {port} is outside port_range {limits[0]}-{limits[1]}; list it in outside_port_range if that is meant")
    for port in sorted(outside):
        if port not in used or limits[0] <= port <= limits[1]:
            report.add(line_of("outside_port_range"), f"outside_port_range lists {port}, but no service has that port outside the range")


def _pool(header: Mapping[str, Any], entries: Sequence[Entry], line_of: Callable[[str], int], report: Report) -> None:
    pool = header.get("pool", {})
    if pool.get("size", 0) > pool.get("maximum", pool.get("size", 0)):
        report.add(line_of("pool"), "the pool's size is larger than its maximum")


def check_releases(releases: Sequence[tuple[str, int]], report: Report) -> None:
    """Each once, oldest first."""
    lines: dict[str, int] = {}
    previous: str | None = None
    for name, line in releases:
        if name in lines:
            report.add(line, f"duplicate release {name}; the first is on line {lines[name]}")
            continue
        lines[name] = line
        if previous and _age(name) < _age(previous):
            report.add(line, f"release {name} is listed after {previous}; write the oldest first")
        previous = name


def _age(release: str) -> tuple[Any, ...]:
    """Semantic versioning's order: numbers first, a pre-release before its release, its parts numerically where they are numbers."""
    match = re.fullmatch(RELEASE, release)
    assert match is not None  # only releases that the parser accepted get here
    before = match[4].split(".") if match[4] else []
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in before)
    return (*(int(match[n]) for n in (1, 2, 3)), not before, parts)
