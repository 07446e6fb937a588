"""Values on their way into a template: JSON that is also YAML, with ``$`` doubled where compose would interpolate it.

JSON is the only syntax in which a value enters: it has one way to quote, so nothing in a value can end the quotes.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

# JSON allows these raw inside a string, YAML 1.1 (libyaml) does not: its `c-printable` leaves them out, or folds them as line breaks.
_NOT_PRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def _refuse(value: Any) -> Any:
    """For what JSON does not know. Writing out a template's undefined name raises Jinja's own error, which says which one."""
    raise TypeError(f"{value!s} is not a value for a template")


_encode = json.JSONEncoder(ensure_ascii=False, default=_refuse).encode


def as_json(value: Any) -> str:
    """The value as one line of JSON that every YAML parser reads as the same value."""
    return _NOT_PRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", _encode(value))


def as_compose(value: Any) -> str:
    """Like ``as_json``, for a compose file: ``$`` is written ``$$``, so that compose gives back the value unchanged.

    Keys of mappings stay as they are: compose interpolates values only.
    """
    if isinstance(value, str):
        return _compose_string(value)
    text = as_json(value)
    return as_json(doubled(value)) if "$" in text else text


@lru_cache(maxsize=8192)
def _compose_string(value: str) -> str:
    """Remembered, because most strings of a stack are the same in every service and every tenant. No secret comes this way."""
    return as_json(value.replace("$", "$$"))


def doubled(value: Any) -> Any:
    """The value with every ``$`` in its strings doubled."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: doubled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [doubled(item) for item in value]
    return value


def halved(value: Any) -> Any:
    """What compose makes of a value without variables: every ``$$`` becomes ``$``."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, dict):
        return {key: halved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [halved(item) for item in value]
    return value
