"""``looma image``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.command import Noun
from looma_cli.cli.present import Listing, Page
from looma_cli.cli.session import Session
from looma_cli.errors import InvalidValue
from looma_cli.model import validation
from looma_cli.model.operation import Plan

noun = Noun("image", "List, build and carry the images that stacks need.")
Bundle = Annotated[str, typer.Argument(metavar="FILE", help="A tar file.", callback=options.checked(validation.file_name))]
EditionFilter = Annotated[str | None, typer.Option("-e", "--edition", help="Only what this edition needs.", **options.EDITION)]


@noun.verb(
    "list",
    example="""
looma image list --edition basic --profile lite
looma image list --images local --host h1""",
)
def list_(
    session: Session,
    edition: EditionFilter = None,
    profile: options.Profile = None,
    images: options.Images = None,
    host: options.Host = None,
) -> Listing:
    """List the images that stacks need, where they come from, and whether they are here, or on a host."""
    session.flags["images"] = images
    return Listing("images", session.looma.images.list(edition, profile, **({"host": host} if host else {})), "No image is needed.")


@noun.verb(
    "build",
    changes=True,
    waits=False,
    example="""
looma image build
looma image build mysql redis
looma image build --fresh""",
)
def build(
    session: Session,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Only these, with what they stand on.", callback=options.checked(validation.component_name)),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Build unchanged ones anew too, without cache: with today's packages.")] = False,
) -> Any:
    """Build the local image set from Debian packages; what is there and unchanged is left."""
    session.flags["images"] = "local"
    if session.dry_run:
        wanted = [image for image in session.looma.images.list() if not names or _short(image.reference) in names]
        changes = [f"{'~' if image.present else '+'} image {image.reference}" for image in wanted if fresh or not image.present]
        return Plan("image.build", "", (), 0, tuple(changes))
    results = session.looma.images.build(names or [], fresh=fresh)
    return Page(
        results, "images.built", {"images": results}, following="looma tenant create NAME --edition basic --profile lite --images local"
    )


def _short(reference: str) -> str:
    return reference.rpartition("/")[2].partition(":")[0]


@noun.verb("bundle", changes=True, waits=False, example="looma image bundle basic.tar --edition basic --profile lite")
def bundle(
    session: Session, file: Bundle, edition: EditionFilter = None, profile: options.Profile = None, images: options.Images = None
) -> Any:
    """Save the images that stacks need into one file, for a machine without registries."""
    session.flags["images"] = images
    if session.dry_run:
        needed = session.looma.images.list(edition, profile)
        missing = tuple(f"{image.reference} is not here yet" for image in needed if image.present is False)
        return Plan("image.bundle", "", (), 0, (f"+ file {file} with {len(needed)} images",), missing)
    references = session.looma.images.bundle(Path(file), edition, profile)
    return Page(references, "images.references", {"file": file, "images": references})


@noun.verb("load", changes=True, waits=False, example="looma image load basic.tar")
def load(session: Session, file: Bundle) -> Any:
    """Load a bundle into the local engine."""
    path = Path(file)
    if not path.is_file():
        raise InvalidValue(f"there is no file {validation.shown(file)}", "looma image bundle makes one")
    if session.dry_run:
        return Plan("image.load", "", (), 0, (f"+ the images in {file}",))
    references = session.looma.images.load(path)
    return Page(references, "images.references", {"file": file, "images": references})


@noun.verb(
    "send",
    changes=True,
    waits=False,
    example="""
looma image send --host h1
looma image send --host h1 looma/mysql:10.11
looma image send --host h1 --edition basic --profile lite""",
)
def send(
    session: Session,
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Where to.", callback=options.checked(validation.host_name))],
    references: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REFERENCE", help="Only these; else the local set.", callback=options.checked(validation.image_reference)
        ),
    ] = None,
    edition: EditionFilter = None,
    profile: options.Profile = None,
) -> Any:
    """Send images of this machine's engine to a host: what it has not yet, without the layers that it has."""
    session.flags["images"] = "local"
    wanted = (host, references or [], edition, profile)
    if session.dry_run:
        return Plan("image.send", "", (), 0, tuple(f"+ image {name} on {host}" for name in session.looma.images.sendable(*wanted)))
    sent = session.looma.images.send(*wanted)
    documents = [{"reference": image.reference, "sent_bytes": image.sent_bytes} for image in sent]
    return Page(sent, "images.sent", {"host": host, "images": documents})
