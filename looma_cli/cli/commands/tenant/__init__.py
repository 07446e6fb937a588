"""``looma tenant``: creating in ``create``, the life in ``life``, looking in ``looking``, a stack's inside in ``inside``."""

from looma_cli.cli.commands.tenant import create, life, looking, inside  # noqa: I001  (the order of the help)
from looma_cli.cli.commands.tenant.noun import noun

__all__ = ["create", "inside", "life", "looking", "noun"]
