"""The pages about editions say what the checks do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.catalog.shapes import HEADER, OVERRIDES, REQUIRED

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs/reference/edition-manifest.md").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs/how-to/add-an-edition.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", sorted({*HEADER, *OVERRIDES, *REQUIRED, "type", "port", "ports", "kind", "internal"}))
def test_every_key_is_in_a_table_of_the_reference(key: str) -> None:
    assert re.search(rf"^\| (`\w+`, )*`{key}`", REFERENCE, re.MULTILINE)


def test_required_keys_are_marked_as_such() -> None:
    table = REFERENCE.split("## Keys of a manifest")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \| yes \|", table, re.MULTILINE)) == set(REQUIRED)


def test_the_example_of_the_how_to_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "school.yaml"
    path.write_text(re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL)[0], encoding="utf-8")
    assert YamlCatalog(ROOT / "editions").validate(path) == []


def test_the_example_messages_of_the_how_to_are_real(tmp_path: Path) -> None:
    example = re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL)[0]
    path = tmp_path / "school.yaml"
    path.write_text(example.replace("port: 8602", "port: 8601").replace("  mysql: 3316", "  mysqll: 3316"), encoding="utf-8")
    found = [f"editions/school.yaml:{p.line}: {p.message}" for p in YamlCatalog(ROOT / "editions").validate(path)]
    assert "\n".join(found) in HOW_TO
    assert len(found) == 2
