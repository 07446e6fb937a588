"""The rendered layers of every edition and profile, as files to be read in a review.

``LOOMA_UPDATE_GOLDEN=1 pytest tests/unit/test_render_golden.py`` writes them again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.render import JinjaRenderer
from looma_cli.model.edition import LAYERS, PROFILES
from looma_cli.settings import data_directory
from tests.factories import make_request, make_tenant

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "rendered"
CATALOG = YamlCatalog(data_directory("editions"))
RENDERER = JinjaRenderer(data_directory("templates"))
CASES = [(edition, profile, layer) for edition in CATALOG.names() for profile in PROFILES for layer in LAYERS]


@pytest.mark.parametrize(("name", "profile", "layer"), CASES, ids=["-".join(case) for case in CASES])
def test_rendered_layers_are_as_kept(name: str, profile: str, layer: str) -> None:
    edition = CATALOG.edition(name)
    rendered = RENDERER.render(make_request(layer, edition=edition, tenant=make_tenant(edition, profile=profile))).manifest
    kept = FOLDER / f"{name}-{profile}-{layer}.yaml"
    if os.environ.get("LOOMA_UPDATE_GOLDEN"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(rendered, encoding="utf-8")
    assert rendered == kept.read_text(encoding="utf-8"), "LOOMA_UPDATE_GOLDEN=1 writes it again, if this is meant"


def test_no_kept_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {"-".join(case) for case in CASES}
