"""``looma apply``: carry out a plan that ``--plan-out`` saved."""

from typing import Annotated, Any

import typer

from looma_cli.cli import documents, options
from looma_cli.cli.command import Noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.model import validation

noun = Noun("apply", "Do exactly what a saved plan says, or refuse.", single=True)

File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="The saved plan.", callback=options.checked(validation.file_name), show_default=False),
]


@noun.verb(
    "apply",
    changes=True,
    example="""
looma edition switch acme pro --plan-out acme-pro.json
looma apply acme-pro.json --dry-run
looma apply acme-pro.json""",
)
def apply(session: Session, file: File) -> Any:
    """Do exactly what a saved plan says, or refuse.

    It refuses, and says what moved, when anything that the plan was decided from is not as it was, or a port, subnet or name that it chose
    is taken. A plan is applied once. --dry-run says whether it would still apply.
    """
    result = session.looma.saved_plans.apply(file, **session.change)
    return result if session.dry_run else Page(result, "operations.page", following=f"looma health {result.tenant}")


def saved(found: Any, file: str) -> Page:
    """The page of a plan that was saved, for the commands with ``--plan-out``."""
    shape = {**documents.plan(found.plan), "file": file}
    return Page(found.plan, "plans.page", shape=shape, following=f"looma apply {file}")
