"""The compose schema: ``compose-spec.json`` (its origin: ``compose-spec.NOTICE``) as Python code that ``python -m`` this module writes.

Compiled ahead, because a schema interpreter costs several times more per layer, and compiling it at run time 80 ms per command.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
SCHEMA = FOLDER / "compose-spec.json"
GENERATED = FOLDER / "compose_schema.py"

_HEADER = '''\
"""Generated from compose-spec.json by `make schema` (python -m looma_cli.adapters.render.schema): do not edit."""

# ruff: noqa
import re

from looma_cli.adapters.render.invalid import Invalid as JsonSchemaValueException

JsonSchemaValuesException = JsonSchemaValueException
'''


def problem(document: dict[str, Any]) -> str | None:
    """The first thing in a document that the compose schema forbids, in words; None if it is valid."""
    from looma_cli.adapters.render.compose_schema import validate
    from looma_cli.adapters.render.invalid import Invalid

    try:
        validate(document)
    except Invalid as error:
        return str(error)
    return None


def source() -> str:
    """The validator's source, from the schema."""
    import fastjsonschema

    schema = _without_descriptions(json.loads(SCHEMA.read_text(encoding="utf-8")))
    schema.pop("$id", None)
    code = fastjsonschema.compile_to_code(schema, use_default=False, use_formats=False, detailed_exceptions=False)
    body = code.split("REGEX_PATTERNS = ", 1)[1]
    return f"{_HEADER}\nREGEX_PATTERNS = {body.replace(', Decimal', '')}"


def _without_descriptions(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_descriptions(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {k: _without_descriptions(v) for k, v in value.items() if not (k == "description" and isinstance(v, str))}


if __name__ == "__main__":
    GENERATED.write_text(source(), encoding="utf-8")
