"""Names and values, one per line."""

from __future__ import annotations

from collections.abc import Mapping

from looma_cli.cli.layout import facts
from looma_cli.cli.terminal import Screen


def page(values: Mapping[str, str], screen: Screen) -> list[str]:
    return facts([(name.replace("_", " "), str(value)) for name, value in values.items()], screen)
