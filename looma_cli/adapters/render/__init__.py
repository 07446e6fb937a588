"""Rendering: from a tenant's record to the compose files of its layers.

``renderer`` renders, ``layer`` decides what is in a layer, ``override`` merges the tenant's own changes, ``schema`` checks the result.
"""

from looma_cli.adapters.render.difference import difference
from looma_cli.adapters.render.renderer import JinjaRenderer

__all__ = ["JinjaRenderer", "difference"]
