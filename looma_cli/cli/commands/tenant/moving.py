"""``looma tenant move``: the same tenant on another host."""

from typing import Annotated, Any

import typer

from looma_cli.cli import completion, options
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.model import validation

To = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="HOST",
        help="Host to move to, by name; placement chooses one if none is given.",
        callback=options.checked(validation.host_name),
        autocompletion=completion.hosts,
        show_default=False,
    ),
]
Keep = Annotated[str, typer.Option("--keep", metavar="DURATION", help="How long the old layers stay, stopped, and requests are passed on.")]
NoBackup = Annotated[bool, typer.Option("--no-backup", help="Take no backup of the present first.")]
NewPort = Annotated[bool, typer.Option("--new-public-port", help="Take another public port where the tenant's own is taken there.")]
NoForward = Annotated[bool, typer.Option("--no-forward", help="The old address answers 503 afterwards, instead of passing requests on.")]


@noun.verb(
    "move",
    changes=True,
    example="""
looma tenant move acme --host h2
looma tenant move acme --host h2 --dry-run
looma tenant move acme --host h2 --keep 24h
looma tenant move acme""",
)
def move(
    session: Session,
    name: options.Tenant,
    host: To = None,
    keep: Keep = "1h",
    no_backup: NoBackup = False,
    new_public_port: NewPort = False,
    no_forward: NoForward = False,
) -> Any:
    """Move a tenant to another host while it serves.

    New layers start there and follow the old ones until they are alike. Reads go on all the time; writes get 503 with Retry-After for a few
    seconds. Until the change-over a failure leaves the tenant as it was. Afterwards the old host passes on what still comes to it, until
    --keep has passed.
    """
    from looma_cli.model.move import MoveRequest

    request = MoveRequest(
        name, host, validation.duration(keep), safety=not no_backup, new_public_port=new_public_port, forward=not no_forward
    )
    result = session.looma.moves.move(request, **session.change)
    if session.dry_run:
        return result
    return Page(result, "operations.page", following=f"looma health {name}; looma edition finalize {name} lets go of the old host at once")
