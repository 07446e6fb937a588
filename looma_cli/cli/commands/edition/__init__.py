"""``looma edition``: one module per kind of verb, registered with ``noun`` in the order of the help."""

from looma_cli.cli.commands.edition import looking, switching
from looma_cli.cli.commands.edition.noun import noun

__all__ = ["looking", "noun", "switching"]
