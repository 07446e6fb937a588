"""``looma tenant create``: one tenant, or a whole file of them."""

from collections.abc import Iterator
from typing import Any

from looma_cli.cli import options
from looma_cli.cli.commands.tenant.arguments import (
    Certificate,
    DisplayName,
    From,
    Hostname,
    Key,
    Name,
    NoStart,
    On,
    Place,
    Ports,
    Release,
    Settings,
)
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.documents import document
from looma_cli.cli.failures import envelope, explain
from looma_cli.cli.present import Listing, Page
from looma_cli.cli.reading import batch, pem
from looma_cli.cli.session import Session, only_one
from looma_cli.errors import Cancelled, LoomaError, UsageError
from looma_cli.model import host_options
from looma_cli.model.requests import CreateRequest


@noun.verb(
    "create",
    changes=True,
    example="""
looma tenant create acme --edition basic
looma tenant create acme -e pro --hostname crm.acme.example
looma tenant create acme -e pro --on zone=a --place pack
looma tenant create --from customers.yaml --no-start -o json""",
)
def create(
    session: Session,
    name: Name = None,
    edition: options.EditionOption = None,
    release: Release = None,
    host: options.Host = None,
    on: On = None,
    place: Place = None,
    profile: options.Profile = None,
    hostname: Hostname = None,
    display_name: DisplayName = None,
    ports: Ports = None,
    settings: Settings = None,
    tls_certificate: Certificate = None,
    tls_key: Key = None,
    no_start: NoStart = False,
    from_file: From = None,
    images: options.Images = None,
) -> Any:
    """Create a tenant: allocate, render, start, wait for health, route, and report the URL.

    Of several hosts the one with the most room is taken, unless --host, --on or --place says otherwise. Made again with the same
    arguments it does what is missing. What fails is put back.
    """
    session.flags["images"] = images
    only_one("--host and --on", host, on)
    only_one("--host and --place", host, place)
    given = {"on": host_options.merged(on) if on else None, "place": place}  # type: ignore[arg-type]  (checked: read already)
    given |= {"edition": edition, "release": release, "host": host, "profile": profile, "hostname": hostname, "display_name": display_name}
    given |= {"ports": ports, "tls_certificate": pem(tls_certificate, "CERTIFICATE"), "tls_key": pem(tls_key, "PRIVATE KEY")}
    values = {key: value for key, value in given.items() if value is not None}
    values |= {"settings": dict(settings or ()), "start": not no_start}
    if from_file is not None:
        _refuse_single(name, hostname, display_name)
        return _many(session, from_file, values)
    if name is None or edition is None:
        missing = "TENANT" if name is None else "--edition"
        raise UsageError(f"{missing} is missing", "looma tenant create TENANT --edition EDITION, or --from FILE")
    return created(session, session.looma.tenants.create(CreateRequest(name=name, **values), **session.change))


def created(session: Session, tenant: Any) -> Any:
    """The closing panel of a new tenant, and what to type next."""
    if session.dry_run:
        return tenant
    if tenant.status == "created":
        return Page(tenant, "tenants.created", following=f"looma tenant start {tenant.name}")
    return Page(tenant, "tenants.created", following=f"looma health {tenant.name}, looma tenant logs {tenant.name}, looma status")


def _refuse_single(name: str | None, hostname: str | None, display_name: str | None) -> None:
    for given, what in ((name, "TENANT"), (hostname, "--hostname"), (display_name, "--display-name")):
        if given is not None:
            raise UsageError(f"{what} belongs to one tenant, --from has many", "write it into the file")


def _many(session: Session, path: str, values: dict[str, Any]) -> Listing:
    """One line after the other; a bad one is reported and the next one tried. Exit 1 if any failed."""
    from looma_cli.cli.progress import BatchReporter

    session.reporter = BatchReporter(session.reporter, running=not session.dry_run)
    rows = batch(path, values)
    outcomes = _planned(session, rows) if session.dry_run else _made(session, rows, values["start"])
    results = []
    for result in outcomes:
        results.append(result)
        name = result["name"] or f"line-{result['line']}"
        session.reporter.note(f"{name}: {result['status']}{' (' + result['error']['message'] + ')' if result['error'] else ''}")
    if any(result["error"] for result in results):
        session.exit_code = 1
    session.close()
    return Listing("results", results, "The file has no tenants.", "write '- {name: acme, edition: basic}' for each tenant")


def _made(session: Session, rows: Any, start: bool) -> Iterator[dict[str, Any]]:
    for result in session.looma.tenants.create_many(rows, start=start):
        if isinstance(result.error, Cancelled):  # Ctrl-C ends the whole file, not one line
            raise result.error
        yield _result(result.line, result.name, result.error, tenant=result.tenant)


def _planned(session: Session, rows: Any) -> Iterator[dict[str, Any]]:
    """Each line on its own: what one would take is not taken for the next."""
    for line, row in rows:
        if isinstance(row, LoomaError):
            yield _result(line, "", row)
            continue
        try:
            yield _result(line, row.name, None, plan=session.looma.tenants.create(row, **session.change))
        except LoomaError as error:
            yield _result(line, row.name, error)


def _bare(shape: Any) -> Any:
    """A plan without the key that it stands under by itself."""
    return shape["plan"] if shape and "plan" in shape else shape


def _result(line: int, name: str, error: LoomaError | None, **done: Any) -> dict[str, Any]:
    status = "failed" if error else "planned" if "plan" in done else done["tenant"].status
    shapes = {key: _bare(document(value)) for key, value in done.items()}
    return {"line": line, "name": name, "status": status, **shapes, "error": envelope(explain(error))["error"] if error else None}
