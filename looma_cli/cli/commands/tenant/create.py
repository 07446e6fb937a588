"""``looma tenant create``, one or a whole file of them, and ``update``."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.documents import document
from looma_cli.cli.failures import envelope, explain
from looma_cli.cli.present import Listing, Page
from looma_cli.cli.reading import POLICIES, batch, pem
from looma_cli.cli.session import Session, only_one
from looma_cli.errors import LoomaError, UsageError
from looma_cli.model import validation
from looma_cli.model.requests import UNSET, CreateRequest, UpdateRequest

_TENANT = {**options.TENANT, "autocompletion": None}  # the name is a new one
Name = Annotated[str | None, typer.Argument(help="Name of the new tenant. Not with --from.", **_TENANT)]
Release = Annotated[
    str | None,
    typer.Option(
        "--release",
        metavar="RELEASE",
        help="Release of the edition; the newest if not given.",
        callback=options.checked(validation.release),
    ),
]
Hostname = Annotated[
    str | None,
    typer.Option(
        "--hostname", metavar="NAME", help="DNS name that routes to the tenant too.", callback=options.checked(validation.hostname)
    ),
]
DisplayName = Annotated[
    str | None,
    typer.Option(
        "--display-name", metavar="TEXT", help="The customer's name, for people.", callback=options.checked(validation.display_name)
    ),
]
Ports = Annotated[
    str | None,
    typer.Option(
        "--ports", help="Documented numbers or a block (auto), only documented ones, only a block.", **options.one_of("--ports", POLICIES)
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Environment of every service; repeatable.", callback=options.checked(validation.setting)
    ),
]
Certificate = Annotated[str | None, typer.Option("--tls-cert", metavar="FILE", help="The hostname's certificate, PEM.")]
Key = Annotated[str | None, typer.Option("--tls-key", metavar="FILE", help="Its private key, PEM.")]
NoStart = Annotated[bool, typer.Option("--no-start", help="Allocate and render only; needs no engine.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE", help="Create every tenant of a YAML list or of JSON lines (- is standard input)."),
]


@noun.verb(
    "create",
    changes=True,
    example="""
looma tenant create acme --edition basic
looma tenant create acme -e pro --hostname crm.acme.example
looma tenant create --from customers.yaml --no-start -o json""",
)
def create(
    session: Session,
    name: Name = None,
    edition: options.EditionOption = None,
    release: Release = None,
    host: options.Host = None,
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

    Made again with the same arguments it does what is missing. What fails is put back.
    """
    session.flags["images"] = images
    given = {"edition": edition, "release": release, "host": host, "profile": profile, "hostname": hostname, "display_name": display_name}
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
    rows = batch(path, values)
    outcomes = _planned(session, rows) if session.dry_run else _made(session, rows, values["start"])
    results = []
    for result in outcomes:
        results.append(result)
        session.reporter.note(f"line {result['line']}: {result['name'] or '?'} {result['status']}")
    if any(result["error"] for result in results):
        session.exit_code = 1
    session.close()
    return Listing("results", results, "The file has no tenants.", "write '- {name: acme, edition: basic}' for each tenant")


def _made(session: Session, rows: Any, start: bool) -> Iterator[dict[str, Any]]:
    for result in session.looma.tenants.create_many(rows, start=start):
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


def _result(line: int, name: str, error: LoomaError | None, **done: Any) -> dict[str, Any]:
    status = "failed" if error else "planned" if "plan" in done else done["tenant"].status
    shapes = {key: None if value is None else document(value).get("plan", document(value)) for key, value in done.items()}
    return {"line": line, "name": name, "status": status, **shapes, "error": envelope(explain(error))["error"] if error else None}


@noun.verb(
    "update",
    changes=True,
    example="""
looma tenant update acme --set LOG_LEVEL=debug --unset TRACE
looma tenant update acme --hostname crm.acme.example --tls-cert crm.pem --tls-key crm.key""",
)
def update(
    session: Session,
    name: options.Tenant,
    hostname: Hostname = None,
    no_hostname: Annotated[bool, typer.Option("--no-hostname", help="Take the hostname away.")] = False,
    settings: Settings = None,
    unset: Annotated[
        list[str] | None,
        typer.Option("--unset", metavar="KEY", help="Take a setting away; repeatable.", callback=options.checked(validation.setting_key)),
    ] = None,
    profile: options.Profile = None,
    display_name: DisplayName = None,
    tls_certificate: Certificate = None,
    tls_key: Key = None,
    no_tls: Annotated[bool, typer.Option("--no-tls", help="Take certificate and key away.")] = False,
) -> Any:
    """Apply a changed hostname, setting, profile or certificate, or an edited override.yaml, in place."""
    only_one("--hostname and --no-hostname", hostname, no_hostname)
    only_one("--tls-cert and --no-tls", tls_certificate, no_tls)
    request = UpdateRequest(
        name=name,
        hostname=None if no_hostname else _or_unset(hostname),
        settings=dict(settings or ()),
        unset=tuple(unset or ()),
        profile=_or_unset(profile),
        display_name=_or_unset(display_name),
        tls_certificate=None if no_tls else _or_unset(pem(tls_certificate, "CERTIFICATE")),
        tls_key=None if no_tls else _or_unset(pem(tls_key, "PRIVATE KEY")),
    )
    tenant = session.looma.tenants.update(request, **session.change)
    return tenant if session.dry_run else Page(tenant, "tenants.brief")


def _or_unset(value: str | None) -> Any:
    return UNSET if value is None else value
