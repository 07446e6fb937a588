"""The catalogue: list, show, compare, recommend, validate."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.edition.noun import noun
from looma_cli.cli.present import Listing
from looma_cli.cli.session import Session
from looma_cli.errors import InvalidManifest, InvalidValue
from looma_cli.model import validation

SIZES = ("small", "medium", "large")


@noun.verb("list", example="looma edition list")
def list_(session: Session) -> Listing:
    """List the editions with price, requirements and features."""
    return Listing("editions", session.looma.editions.list(), "There are no editions.", "put a manifest into editions/")


@noun.verb("show", example="looma edition show basic")
def show(session: Session, edition: options.Edition) -> Any:
    """Show an edition: features, price, releases, every component and port."""
    return session.looma.editions.show(edition)


@noun.verb("compare", example="looma edition compare basic pro")
def compare(
    session: Session,
    first: Annotated[str, typer.Argument(help="From this edition.", **options.EDITION)],
    second: Annotated[str, typer.Argument(help="To this edition.", **options.EDITION)],
) -> Any:
    """Show what changes for a customer who goes from one edition to another."""
    return session.looma.editions.compare(first, second)


@noun.verb(
    "recommend",
    example="""
looma edition recommend --company-size medium --ai
looma edition recommend --governance --budget 2000 -o json""",
)
def recommend(
    session: Session,
    company_size: Annotated[
        str | None, typer.Option("--company-size", help="How large the customer is.", **options.one_of("--company-size", SIZES))
    ] = None,
    ai: Annotated[bool, typer.Option("--ai", help="Needs AI.")] = False,
    governance: Annotated[bool, typer.Option("--governance", help="Needs governance: proposals, votes, rewards.")] = False,
    identity: Annotated[bool, typer.Option("--identity", help="Needs identity on a chain.")] = False,
    budget: Annotated[str | None, typer.Option("--budget", metavar="AMOUNT", help="The most that a month may cost.")] = None,
) -> Listing:
    """Rank the editions for a customer's needs, with reasons."""
    from looma_cli.plan.editions import Needs

    needs = Needs(company_size, ai=ai, governance=governance, identity=identity, budget=_amount(budget))
    ranked = session.looma.editions.recommend(needs)
    if ranked and not ranked[0].suitable:
        session.tell("No edition meets every need; the nearest come first.")
    return Listing("recommendations", ranked, "There are no editions.")


def _amount(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount <= 1e9:
        raise InvalidValue(
            f"{validation.shown(text)} is not an amount of money", "write it like 2000, in the currency of `looma edition list`"
        )
    return amount


@noun.verb(
    "validate",
    example="""
looma edition validate
looma edition validate editions/school.yaml""",
)
def validate(
    session: Session,
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A manifest; all shipped ones if not given.")] = None,
) -> Listing:
    """Say all that is wrong with a manifest, with line numbers. Exit code 2 if anything is."""
    path = None if file is None else Path(validation.file_name(file))
    problems = [{"file": file or "", **asdict(problem)} for problem in session.looma.editions.validate(path)]
    if problems:
        session.exit_code = InvalidManifest.exit_code
    return Listing("problems", problems, "Nothing is wrong.", more={"valid": not problems})
