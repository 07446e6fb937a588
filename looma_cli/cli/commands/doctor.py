"""``looma doctor``."""

from pathlib import Path
from typing import Annotated

import typer

from looma_cli.cli.command import Noun
from looma_cli.cli.present import Listing
from looma_cli.cli.session import Session
from looma_cli.errors import Unhealthy

noun = Noun("doctor", "Check everything that looma needs.", single=True)


@noun.verb(
    "doctor",
    example="""
looma doctor
looma doctor --settings""",
)
def doctor(
    session: Session,
    settings: Annotated[bool, typer.Option("--settings", help="Show every setting and where its value comes from.")] = False,
) -> Listing:
    """Check engine, compose, disk, memory, subnets, images, backups and the state, and say how to mend each. Exit code 5 if one fails."""
    if settings:
        rows = session.looma.settings.items()
        values = [{"name": name, "value": str(v) if isinstance(v, Path) else v, "source": source} for name, v, source in rows]
        return Listing("settings", values, "There are no settings.")
    checks = session.looma.doctor.check()
    failed = any(check.status == "failed" for check in checks)
    if failed:
        session.exit_code = Unhealthy.exit_code
    return Listing("checks", checks, "Nothing was checked.", more={"ok": not failed})
