"""JSON of very long lists, written while their documents are made: all of those at once would be hundreds of megabytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Each:
    """A value of a document: the documents of nouns, each made when it is said."""

    nouns: Sequence[Any]
    shape: Callable[[Any], Any]

    def __iter__(self) -> Iterator[Any]:
        return map(self.shape, self.nouns)


def whole(document: Any) -> Any:
    """With all that would be made while it is said."""
    if not isinstance(document, dict):
        return document
    return {key: list(value) if isinstance(value, Each) else value for key, value in document.items()}


def indented(document: Any) -> Iterator[str]:
    import json

    yield json.dumps(whole(document), ensure_ascii=False, indent=2)


def in_a_line(document: Any) -> Iterator[str]:
    """As ``json.dumps``, piece by piece where there is an ``Each``."""
    import json

    encode = json.JSONEncoder(ensure_ascii=False).encode
    if not isinstance(document, dict) or not any(isinstance(value, Each) for value in document.values()):
        yield encode(document)
        return
    before = "{"
    for key, value in document.items():
        yield f"{before}{encode(key)}: "
        yield from _listed(value, encode) if isinstance(value, Each) else (encode(value),)
        before = ", "
    yield "}"


def _listed(items: Each, encode: Callable[[Any], str]) -> Iterator[str]:
    before = "["
    for item in items:
        yield before + encode(item)
        before = ", "
    yield "[]" if before == "[" else "]"


def escaped(text: str) -> str:
    """What is beyond ASCII stands only in strings, where it can be written as JSON's escapes (RFC 8259, section 7)."""
    units = text.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(code) if code < 0x80 else f"\\u{code:04x}" for code in codes)
