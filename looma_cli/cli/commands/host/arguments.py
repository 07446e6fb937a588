"""What several verbs of ``host`` take."""

from typing import Annotated

import typer

from looma_cli.cli import completion, options
from looma_cli.model import host_options, validation
from looma_cli.model.ssh import ssh_address

_NAME = {"metavar": "HOST", "callback": options.checked(validation.host_name), "show_default": False}
Name = Annotated[str, typer.Argument(help="Name of the host.", autocompletion=completion.hosts, **_NAME)]
Names = Annotated[list[str] | None, typer.Argument(help="Names of hosts; all if none is given.", autocompletion=completion.hosts, **_NAME)]
NewName = Annotated[str, typer.Argument(help="Name of the new host.", **{**_NAME, "metavar": "NAME"})]
Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="How it is reached: ssh://user@name, ssh://user@name:port, or a Host of ~/.ssh/config: ssh://name.",
        callback=options.checked(lambda text: ssh_address(text).url),
        show_default=False,
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--labels", metavar="KEY=VALUE", help="For `tenant create --on`; repeatable.", callback=options.checked(host_options.labels)
    ),
]
Capacity = Annotated[
    str | None,
    typer.Option(
        "--capacity",
        metavar="SIZES",
        help="What tenants may have of it: cpus=8,memory=32G,disk=500G. What is left out is measured.",
        callback=options.checked(host_options.capacity),
        show_default=False,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDRESS",
        help="What customers' URLs show; the name in URL if not given.",
        callback=options.checked(host_options.public_address),
        show_default=False,
    ),
]
HostKey = Annotated[
    str | None,
    typer.Option(
        "--host-key",
        metavar="SHA256:…",
        help="The fingerprint that its key must have; then nothing is asked.",
        callback=options.checked(host_options.fingerprint),
        show_default=False,
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Record it without looking at it; the first `host check` does.")]
