"""``looma tenant``: one module per verb or kind of verb, registered with ``noun`` in the order of the help."""

from looma_cli.cli.commands.tenant import create, looking, life, update, releases, moving, delete, inside, porting  # noqa: I001  (the order of the help)
from looma_cli.cli.commands.tenant.noun import noun

__all__ = ["create", "delete", "inside", "life", "looking", "moving", "noun", "porting", "releases", "update"]
