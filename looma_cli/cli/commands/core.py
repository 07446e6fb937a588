"""``looma core``."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.command import Noun
from looma_cli.cli.commands.tenant.create import created
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session

noun = Noun("core", "Run LoomaCRM's own platform stack.")


@noun.verb("up", changes=True, example="looma core up --images local")
def up(session: Session, profile: options.Profile = None, host: options.Host = None, images: options.Images = None) -> Any:
    """Have the platform running on a host; the small set of components (lite) unless --profile says otherwise."""
    session.flags["images"] = images
    return created(session, session.looma.core.up(profile=profile or "lite", host=host, **session.change))


@noun.verb("down", changes=True, example="looma core down")
def down(
    session: Session,
    host: options.Host = None,
    volumes: Annotated[bool, typer.Option("--volumes", help="Remove it with its data instead of stopping it.")] = False,
    yes: options.Yes = False,
) -> Any:
    """Stop the platform; its data stays unless --volumes."""
    if volumes:
        session.confirm("Remove the platform with all its data, without a backup?", yes)
    result = session.looma.core.down(host=host, volumes=volumes, **session.change)
    return result if session.dry_run else Page(result, "tenants.deleted" if volumes else "tenants.brief")


@noun.verb("status", example="looma core status --live")
def status(
    session: Session, host: options.Host = None, live: Annotated[bool, typer.Option("--live", help="Ask the host first.")] = False
) -> Any:
    """Show the platform at a glance."""
    return session.looma.core.status(host=host, live=live)
