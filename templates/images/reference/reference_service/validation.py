"""What a record may be. Strict: anything else is refused before a datastore is touched."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from .errors import BadRequest

MAX_KEY_CHARACTERS = 200
MAX_VALUE_BYTES = 64 * 1024
# Six bytes of JSON (\u0001) can stand for one byte of a value; the rest is the key and the braces.
MAX_BODY_BYTES = 6 * MAX_VALUE_BYTES + 16 * 1024
FIELDS = {"key", "value"}


@dataclass(frozen=True, slots=True)
class Record:
    """A key of 1 to 200 characters with a value of at most 64 KiB in UTF-8."""

    key: str
    value: str


def parse_record(body: bytes) -> Record:
    """The record in the JSON `{"key": "…", "value": "…"}`; raises BadRequest for anything else."""
    document = parse_object(body)
    missing, unknown = FIELDS - document.keys(), document.keys() - FIELDS
    if missing or unknown:
        raise BadRequest(f'expected exactly the fields "key" and "value"; {field_list(missing, unknown)}')
    return Record(check_key(document["key"]), check_value(document["value"]))


def parse_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=without_duplicates)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadRequest("the body is not JSON in UTF-8") from error
    if not isinstance(document, dict):
        raise BadRequest('the body is not a JSON object with "key" and "value"')
    return document


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise BadRequest("a field is given twice")
    return document


def field_list(missing: set[str], unknown: set[str]) -> str:
    parts = [("missing", missing), ("unknown", unknown)]
    return ", ".join(f"{word}: {', '.join(ascii(name) for name in sorted(names))}" for word, names in parts if names)


def check_key(key: Any) -> str:
    """`.` and `..` are refused because no URL path can carry them: clients and proxies resolve them."""
    check_text("key", key)
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise BadRequest(f"key: expected 1 to {MAX_KEY_CHARACTERS} characters, got {len(key)}")
    if key in {".", ".."}:
        raise BadRequest('key: "." and ".." cannot stand in a URL path')
    return key


def check_value(value: Any) -> str:
    size = len(check_text("value", value))
    if size > MAX_VALUE_BYTES:
        raise BadRequest(f"value: expected at most {MAX_VALUE_BYTES} bytes in UTF-8, got {size}")
    return value


def check_text(name: str, text: Any) -> bytes:
    """The text in UTF-8. U+0000 is refused because PostgreSQL's text type cannot hold it."""
    if not isinstance(text, str):
        raise BadRequest(f"{name}: expected a string")
    if "\0" in text:
        raise BadRequest(f"{name}: the character U+0000 is not allowed")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadRequest(f"{name}: an unpaired surrogate is no character") from error


def key_from_path(raw: bytes) -> str:
    """The key in what follows `/records/` in the path as it was sent."""
    try:
        key = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("key: not UTF-8") from error
    return check_key(key)
