"""Any well-formed manifest loads as it was written; no text whatever makes validation fail in another way than by a report."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from looma_cli.adapters.catalog import Problem, YamlCatalog
from looma_cli.errors import InvalidManifest
from looma_cli.plan.editions import edition_document, port_conflicts

EDITIONS = Path(__file__).resolve().parents[2] / "editions"
CATALOG = YamlCatalog(EDITIONS)
SHIPPED = [(EDITIONS / f"{name}.yaml").read_text(encoding="utf-8") for name in CATALOG.names()]
COMPONENTS = [path.read_text(encoding="utf-8") for path in sorted((EDITIONS / "components").glob("*.yaml"))]

names = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Co", "Cn"]), min_size=1, max_size=30).filter(str.strip)
releases = st.lists(st.tuples(*[st.integers(0, 99)] * 3), min_size=1, max_size=5, unique=True).map(
    lambda numbers: [".".join(map(str, n)) for n in sorted(numbers)]
)
# what a manifest may list beside services, with the number of its ports
OTHERS = {"mysql": 1, "redis": 1, "postgresql": 1, "neo4j": 2, "elasticsearch": 1, "weaviate": 1, "consul": 1, "prometheus": 1}
INFRASTRUCTURE = ("consul", "prometheus")


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    """A well-formed manifest of up to 12 services and any choice of the other components."""
    services = draw(st.lists(names.filter(lambda n: n not in OTHERS), min_size=1, max_size=12, unique=True))
    others = draw(st.lists(st.sampled_from(sorted(OTHERS)), unique=True))
    numbers = draw(st.lists(st.integers(1, 65535), min_size=len(services) + 2 * len(others), max_size=100, unique=True))
    listed = {service: numbers.pop() for service in services}
    other = {name: _ports(name, [numbers.pop() for _ in range(OTHERS[name])]) for name in others}
    return {
        "name": "drawn",
        "title": draw(words),
        "audience": draw(st.lists(words, min_size=1, unique=True)),
        "features": draw(st.lists(words, min_size=1, unique=True)),
        "price": {"monthly": draw(st.integers(0, 10**6)), "currency": "CNY"},
        "requirements": {"cpus": draw(st.integers(1, 64)), "memory": f"{draw(st.integers(1, 512))}GiB", "disk": "1TiB"},
        "releases": draw(releases),
        "pool": {"size": 5, "maximum": 9, "connection_timeout_seconds": 1, "idle_timeout_seconds": 1, "retries": 0},
        "port_range": [min(listed.values()), max(listed.values())],
        "entry": draw(st.sampled_from(services)),
        "services": listed,
        "datastores": {k: v for k, v in other.items() if k not in INFRASTRUCTURE},
        "infrastructure": {k: v for k, v in other.items() if k in INFRASTRUCTURE},
    }


def _ports(name: str, numbers: list[int]) -> Any:
    return numbers[0] if name != "neo4j" else {"ports": dict(zip(("http", "bolt"), numbers, strict=True))}


@contextmanager
def written(text: str, name: str = "drawn.yaml", folder: str = "editions") -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / folder / name
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8", newline="")
        yield path


def validated(text: str, folder: str = "editions") -> list[Problem]:
    with written(text, folder=folder) as path:
        return CATALOG.validate(path)


@given(manifests())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_well_formed_manifest_loads_as_it_was_written(manifest: dict[str, Any]) -> None:
    text = yaml.safe_dump(manifest, allow_unicode=True, sort_keys=False)
    with written(text) as path:
        (path.parent / "components").symlink_to(EDITIONS / "components")
        catalog = YamlCatalog(path.parent)
        assert catalog.validate(path) == []
        edition = catalog.edition("drawn")
    listed = manifest["services"] | manifest["datastores"] | manifest["infrastructure"]
    assert [c.name for c in edition.components] == list(listed)
    for component in edition.components:
        ports = listed[component.name]
        assert [p.canonical for p in component.ports] == (list(ports["ports"].values()) if isinstance(ports, dict) else [ports])
    assert (edition.title, edition.releases) == (manifest["title"], tuple(manifest["releases"]))
    assert (list(edition.audience), list(edition.features)) == (manifest["audience"], manifest["features"])
    assert edition_document(edition)["entry"] == manifest["entry"]
    assert port_conflicts([edition]) == []


@given(manifests(), st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_port_given_twice_is_always_found(manifest: dict[str, Any], data: st.DataObject) -> None:
    service = data.draw(st.sampled_from(sorted(manifest["services"])))
    manifest["infrastructure"]["grafana"] = manifest["services"][service]
    manifest["infrastructure"].setdefault("prometheus", "internal")
    text = yaml.safe_dump(manifest, allow_unicode=True, sort_keys=False)
    problems = validated(text)
    assert [re.sub(r" on line \d+", "", p.message) for p in problems] == [
        f"duplicate port {manifest['services'][service]}: {service} has it"
    ]
    assert text.splitlines()[problems[0].line - 1].strip().startswith("grafana:")


# what a keyboard or a merge does to a text, or somebody who means harm
KEYS = ["\n", "  ", "- ", ": ", "{", "}", "[", "]", "'", '"', "|\n", "#", "---\n", "? ", "\t", "~"]
MEANT = ["&a ", "*a", "!!int ", "!x ", "<<: ", "$(", "$(secret.", "null", "true", "0x1F", "1e9", ".inf", "-1", "9" * 20, "2026-01-01"]
RARE = ["\x00", "\ufeff", "\u2028", "\x85", "中"]
splinters = st.text(max_size=20) | st.sampled_from(KEYS) | st.sampled_from(MEANT) | st.sampled_from(RARE)


@st.composite
def mutations(draw: st.DrawFn, texts: list[str]) -> str:
    """A shipped file with up to five spans replaced, removed or repeated."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        middle = draw(splinters | st.just(text[start:end] * 2))
        text = text[:start] + middle + text[end:]
    return text


def _assert_is_a_report(text: str, problems: list[Problem]) -> None:
    lines = len(re.findall(r"\r\n|[\r\n\x85\u2028\u2029]", text)) + 1
    assert all(1 <= p.line <= lines + 1 for p in problems)
    assert all(p.message.isprintable() for p in problems)
    assert problems == sorted(set(problems))


@given(mutations(SHIPPED))
@settings(max_examples=150, deadline=None)
def test_a_mutated_manifest_is_reported_and_never_crashes(text: str) -> None:
    with written(text) as path:
        (path.parent / "components").symlink_to(EDITIONS / "components")
        catalog = YamlCatalog(path.parent)
        problems = catalog.validate(path)
        _assert_is_a_report(text, problems)
        if not problems:
            assert edition_document(catalog.edition("drawn"))["components"]
            return
        with pytest.raises(InvalidManifest) as caught:
            catalog.edition("drawn")
        assert caught.value.details["problems"] == [{"line": p.line, "message": p.message} for p in problems]


@given(mutations(COMPONENTS))
@settings(max_examples=100, deadline=None)
def test_a_mutated_component_file_is_reported_and_never_crashes(text: str) -> None:
    _assert_is_a_report(text, validated(text, folder="components"))


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_text_is_reported(text: str) -> None:
    problems = validated(text)
    assert problems
    _assert_is_a_report(text, problems)


@given(st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_reported(content: bytes) -> None:
    with written("") as path:
        path.write_bytes(content)
        assert CATALOG.validate(path)
