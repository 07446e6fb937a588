"""``looma host``: one module per kind of verb, registered with ``noun`` in the order of the help."""

from looma_cli.cli.commands.host import adding, looking, closing, emptying  # noqa: I001  (the order of the help)
from looma_cli.cli.commands.host.noun import noun

__all__ = ["adding", "closing", "emptying", "looking", "noun"]
