"""Which images the tests' tenants need on a host: local ones, as the catalogue names them."""

from __future__ import annotations

from looma_cli.adapters.catalog import YamlCatalog
from tests.rig.host import PROJECT

EDITIONS = ("basic", "pro")  # a tenant is made with the first, and switched to the second
SUPPORT = ("init", "edge")


def needed_images() -> list[str]:
    catalog = YamlCatalog(PROJECT / "editions")
    named = {c.image.local for name in EDITIONS for c in catalog.edition(name).of_profile("lite")}
    return sorted(named | {catalog.support_image(component, "local") for component in SUPPORT})
