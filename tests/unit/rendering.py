"""Layers rendered by the real templates, read back from their YAML."""

from __future__ import annotations

from typing import Any

import yaml

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.render import JinjaRenderer
from looma_cli.model.render import RenderRequest
from looma_cli.settings import data_directory
from tests.factories import make_request

CATALOG = YamlCatalog(data_directory("editions"))
RENDERER = JinjaRenderer(data_directory("templates"))


def rendered(request: RenderRequest) -> dict[str, Any]:
    return yaml.load(RENDERER.render(request).manifest, Loader=yaml.CSafeLoader)


def service(name: str, layer: str, **changes: Any) -> dict[str, Any]:
    return rendered(make_request(layer, **changes))["services"][name]
