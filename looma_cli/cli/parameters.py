"""Typer's groups and commands with looma's own way of reading parameters. Imports nothing but Typer: ``looma --help`` needs it."""

from __future__ import annotations

from functools import partial
from typing import Any

from typer.core import TyperCommand, TyperGroup

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}


class OwnParameters:
    """Takes flags and texts as they are typed: looma's own validators judge them, and Typer's conversion would import pydantic (100 ms).

    Help has no ``<bool>`` behind each flag and no ``<str>`` behind each argument.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        parameters = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            parameter.process_value = partial(_as_typed, parameter)
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
            elif parameter.param_type_name == "argument":
                parameter.display_type_rich = lambda ctx: None
        return parameters


def _as_typed(parameter: Any, context: Any, value: Any) -> Any:
    """The value after the parameter's callback; while the shell asks for completions, without. Raises what Typer raises where a value
    is missing."""
    if context.resilient_parsing:
        return value
    if parameter.required and value in (None, (), []):
        return type(parameter).process_value(parameter, context, value)
    return value if parameter.callback is None else parameter.callback(context, parameter, value)


class QuickGroup(OwnParameters, TyperGroup):
    """A group of commands."""


class QuickCommand(OwnParameters, TyperCommand):
    """One command."""
