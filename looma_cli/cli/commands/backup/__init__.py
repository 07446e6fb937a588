"""``looma backup``: one module per kind of verb, registered with ``noun`` in the order of the help."""

from looma_cli.cli.commands.backup import taking, looking, proving, restore, keeping, running  # noqa: I001  (the order of the help)
from looma_cli.cli.commands.backup.noun import noun

__all__ = ["keeping", "looking", "noun", "proving", "restore", "running", "taking"]
