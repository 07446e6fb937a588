"""Options and arguments that several commands share, validated as they are read."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from looma_cli.cli import completion
from looma_cli.model import validation

EDITION_HELP = "Edition, one of `looma edition list`."


def checked(check: Callable[[str], Any]) -> Callable[[Any], Any]:
    """A Typer callback that passes one value, or each of several, through a validator."""

    def callback(value: Any) -> Any:
        if value is None:
            return None
        return [check(each) for each in value] if isinstance(value, list) else check(value)

    return callback


def one_of(what: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Settings of an option with a fixed list of values."""
    return {
        "metavar": "|".join(allowed),
        "callback": checked(lambda text: validation.choice(what, text, allowed)),
        "autocompletion": completion.of(allowed),
        "show_default": False,
    }


PROFILES = ("full", "lite")
TENANT = {"metavar": "TENANT", "callback": checked(validation.tenant_name), "autocompletion": completion.tenants, "show_default": False}
EDITION = {"metavar": "EDITION", "callback": checked(validation.edition_name), "autocompletion": completion.editions, "show_default": False}

Tenant = Annotated[str, typer.Argument(help="Name of the tenant.", **TENANT)]
Edition = Annotated[str, typer.Argument(help=EDITION_HELP, **EDITION)]
EditionOption = Annotated[
    str | None, typer.Option("-e", "--edition", help=EDITION_HELP, **{**EDITION, "autocompletion": completion.tenant_editions})
]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="Only this tenant.", **TENANT)]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="HOST",
        help="Host, by name.",
        callback=checked(validation.host_name),
        autocompletion=completion.hosts,
        show_default=False,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", help="Components of the edition: all (full) or a small set (lite).", **one_of("--profile", PROFILES)),
]
Images = Annotated[
    str | None,
    typer.Option(
        "--images", help="Pull images (registry) or use the ones built here (local).", **one_of("--images", ("registry", "local"))
    ),
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]
Service = Annotated[
    str | None,
    typer.Argument(metavar="SERVICE", help="Component of the stack.", callback=checked(validation.component_name), show_default=False),
]
OperationId = Annotated[
    str,
    typer.Argument(
        metavar="OPERATION",
        help="Id of the operation.",
        callback=checked(validation.operation_id),
        autocompletion=completion.operations,
        show_default=False,
    ),
]

# what every command has, or every changing one
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="table|json|yaml",
        help="How the result is printed.",
        autocompletion=completion.of(("table", "json", "yaml")),
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")]
PlanOut = Annotated[
    str | None,
    typer.Option(
        "--plan-out",
        metavar="FILE",
        help="Save the plan for `looma apply`, and change nothing.",
        callback=checked(validation.file_name),
        show_default=False,
    ),
]
Wait = Annotated[
    str | None,
    typer.Option("--wait", metavar="DURATION", help="Wait that long for another operation on it (30s, 5m).", show_default=False),
]
