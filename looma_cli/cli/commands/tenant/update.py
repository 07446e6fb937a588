"""``looma tenant update``."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.tenant.arguments import Certificate, DisplayName, Hostname, Key, Settings
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.reading import pem
from looma_cli.cli.session import Session, only_one
from looma_cli.model import validation
from looma_cli.model.requests import UNSET, UpdateRequest


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
