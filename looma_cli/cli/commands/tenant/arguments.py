"""What ``create`` and ``update`` both take."""

from typing import Annotated

import typer

from looma_cli.cli import options
from looma_cli.cli.reading import POLICIES
from looma_cli.model import host_options, validation

PLACES = ("spread", "pack")

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
On = Annotated[
    list[str] | None,
    typer.Option(
        "--on",
        metavar="KEY=VALUE",
        help="Only on hosts with this label; repeatable. Not with --host.",
        callback=options.checked(host_options.labels),
    ),
]
Place = Annotated[
    str | None,
    typer.Option(
        "--place",
        help="Without --host: where there is most room (spread), or where it is just enough (pack).",
        **options.one_of("--place", PLACES),
    ),
]
NoStart = Annotated[bool, typer.Option("--no-start", help="Allocate and render only; needs no engine.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE", help="Create every tenant of a YAML list or of JSON lines (- is standard input)."),
]
