"""The compose schema (``compose-spec.json``; its origin: ``compose-spec.NOTICE``) as a question: is this document valid?"""

from __future__ import annotations

from typing import Any


def problem(document: dict[str, Any]) -> str | None:
    """The first thing in a document that the compose schema forbids, in words; None if it is valid."""
    from looma_cli.adapters.render.compose_schema import validate
    from looma_cli.adapters.render.invalid import Invalid

    try:
        validate(document)
    except Invalid as error:
        return str(error)
    return None
