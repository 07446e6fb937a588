"""Writes ``compose_schema.py`` from ``compose-spec.json``: ``make schema``, or ``python -m looma_cli.adapters.render.generate_schema``.

Compiled ahead of time: interpreting the schema costs many times more per layer, compiling it 80 ms per command. Needs fastjsonschema, which
nothing needs at run time.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
SCHEMA = FOLDER / "compose-spec.json"
GENERATED = FOLDER / "compose_schema.py"

_HEADER = '''\
"""Generated from compose-spec.json by `make schema`: do not edit."""

# ruff: noqa
# fmt: off
import re

from looma_cli.adapters.render.invalid import Invalid as JsonSchemaValueException

JsonSchemaValuesException = JsonSchemaValueException
'''


def source() -> str:
    """The validator's source: a function ``validate(document)`` that raises Invalid."""
    import fastjsonschema

    schema = _without_descriptions(json.loads(SCHEMA.read_text(encoding="utf-8")))
    schema.pop("$id", None)  # names the generated function
    code = fastjsonschema.compile_to_code(schema, use_default=False, use_formats=False, detailed_exceptions=False)
    body = code.split("REGEX_PATTERNS = ", 1)[1].replace(", Decimal", "")
    # Names of places are put together whether or not there is something to complain of: as f-strings that costs a third.
    body = re.sub(r'("[^"\n]*")\.format\(\*\*locals\(\)\)', r"f\1", body)
    body = re.sub(r"\+str\((\w+_keys)\)\+", r"+str(sorted(\1))+", body)  # names of a set, in the same order every time
    return f"{_HEADER}\nREGEX_PATTERNS = {body}"


def _without_descriptions(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_descriptions(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {k: _without_descriptions(v) for k, v in value.items() if not (k == "description" and isinstance(v, str))}


if __name__ == "__main__":
    GENERATED.write_text(source(), encoding="utf-8")
