"""What a record may be, and what is refused."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_service.errors import BadRequest
from reference_service.validation import MAX_BODY_BYTES, MAX_VALUE_BYTES, Record, key_from_path, parse_record

characters = st.characters(codec="utf-8", exclude_characters="\0")
keys = st.text(characters, min_size=1, max_size=200).filter(lambda key: key not in {".", ".."})


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


@given(keys, st.text(characters, max_size=100))
def test_every_valid_record_is_taken_as_it_is(key: str, value: str) -> None:
    assert parse_record(body(key=key, value=value)) == Record(key, value)


def test_the_largest_record_fits_however_it_is_escaped() -> None:
    largest = body(key="\x01" * 200, value="\x01" * MAX_VALUE_BYTES)
    assert len(largest) <= MAX_BODY_BYTES
    assert parse_record(largest).value == "\x01" * MAX_VALUE_BYTES


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"key": "k", "value": "v"} x', "not JSON"),
        (b'{"key": "k", "value": "\xff"}', "not JSON in UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b'["key", "value"]', "not a JSON object"),
        (b"null", "not a JSON object"),
        (body(key="k"), "missing: 'value'"),
        (body(value="v"), "missing: 'key'"),
        (body(key="k", value="v", ttl=1), "unknown: 'ttl'"),
        (b'{"key": "a", "key": "b", "value": "v"}', "given twice"),
        (body(key=1, value="v"), "key: expected a string"),
        (body(key=None, value="v"), "key: expected a string"),
        (body(key="k", value=1), "value: expected a string"),
        (body(key="k", value=["v"]), "value: expected a string"),
        (body(key="", value="v"), "key: expected 1 to 200 characters, got 0"),
        (body(key="k" * 201, value="v"), "key: expected 1 to 200 characters, got 201"),
        (body(key=".", value="v"), "URL path"),
        (body(key="..", value="v"), "URL path"),
        (body(key="a\0b", value="v"), "key: the character U+0000"),
        (body(key="k", value="a\0b"), "value: the character U+0000"),
        (b'{"key": "\\ud800", "value": "v"}', "key: an unpaired surrogate"),
        (b'{"key": "k", "value": "\\udfff"}', "value: an unpaired surrogate"),
        (body(key="k", value="v" * (MAX_VALUE_BYTES + 1)), "at most 65536 bytes in UTF-8, got 65537"),
        (body(key="k", value="é" * (MAX_VALUE_BYTES // 2 + 1)), "at most 65536 bytes in UTF-8, got 65538"),
    ],
)
def test_anything_else_is_refused_with_the_reason(sent: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(reason)):
        parse_record(sent)


def test_a_key_of_200_emoji_is_taken() -> None:
    assert parse_record(body(key="🎉" * 200, value="")).key == "🎉" * 200


@pytest.mark.parametrize(
    ("raw", "key"),
    [(b"a", "a"), (b"a%2Fb", "a/b"), (b"a/b", "a/b"), (b"%F0%9F%8E%89", "🎉"), (b"a+b", "a+b"), (b"100%", "100%")],
)
def test_a_key_is_read_from_the_path_as_it_was_sent(raw: bytes, key: str) -> None:
    assert key_from_path(raw) == key


@pytest.mark.parametrize("raw", [b"", b"%FF", b"%00", b"%2E%2E", b"k" * 201])
def test_a_path_that_holds_no_valid_key_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        key_from_path(raw)
