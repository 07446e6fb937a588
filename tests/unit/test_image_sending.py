"""Which images go to a host, and which parts of their archives: pure, and in both layouts that engines save."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from looma_cli.adapters.images.comparison import Held, held, serves
from looma_cli.adapters.images.layers import chain_ids, omitted, shared, sizes
from looma_cli.adapters.images.saved import blob_names, reading
from looma_cli.adapters.images.upload import complaint
from looma_cli.errors import EngineUnavailable
from tests.contract.images.legacy import archived

HERE = Held("sha256:1", 100, 5_000, "made-of-a")


# which images
@pytest.mark.parametrize(
    ("there", "will_do"),
    [
        (HERE, True),
        (replace(HERE, digest="", created=1), True),  # the same, whatever else is said of it
        (replace(HERE, id="sha256:2"), True),  # made of the same, elsewhere
        (replace(HERE, id="sha256:2", created=101), True),
        (replace(HERE, id="sha256:2", created=99), False),  # made of the same, with older packages
        (replace(HERE, id="sha256:2", digest="made-of-b"), False),
        (replace(HERE, id="sha256:2", digest=""), False),
    ],
)
def test_an_image_that_is_there_will_do_or_not(there: Held, will_do: bool) -> None:
    assert serves(there, HERE) == will_do


def test_two_images_that_no_looma_made_are_told_by_their_ids() -> None:
    assert not serves(replace(HERE, id="sha256:2", digest=""), replace(HERE, digest=""))


def test_images_are_known_by_each_of_their_names() -> None:
    listed = [
        {"Id": "sha256:1", "Created": 100, "Size": 5, "RepoTags": ["docker.io/library/a:1", "b:2"], "RepoDigests": None, "Labels": None},
        {"Id": "sha256:2", "Created": 1, "Size": 1, "RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]},
        {"Id": "sha256:3", "Created": 1, "Size": 1, "RepoTags": None, "Labels": {"looma.image.digest": "d"}, "RepoDigests": ["c@sha256:0"]},
    ]
    found = held(listed)
    assert {name: image.id for name, image in found.items()} == {"a:1": "sha256:1", "b:2": "sha256:1", "c@sha256:0": "sha256:3"}
    assert (found["a:1"].digest, found["c@sha256:0"].digest) == ("", "d")


# which layers
def test_a_chain_id_is_what_the_specification_says() -> None:
    first, second = chain_ids(["sha256:a", "sha256:b"])
    assert first == "sha256:a"
    assert second == "sha256:" + sha256(b"sha256:a sha256:b").hexdigest()


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_shared_layers_are_a_common_beginning(one: list[str], other: list[str]) -> None:
    count = shared(one, set(chain_ids(other)))
    assert one[:count] == other[:count]
    assert one[count : count + 1] != other[count : count + 1] or count == len(one)


@given(st.lists(st.sampled_from("abcd"), max_size=6), st.integers(0, 6))
def test_no_part_is_omitted_that_a_later_layer_needs(parts: list[str], count: int) -> None:
    gone = omitted(parts, count)
    assert gone <= set(parts[:count])
    assert not gone & set(parts[count:])
    assert gone | set(parts[count:]) == set(parts)


def test_sizes_of_layers_are_known_where_the_history_says_so() -> None:
    history = [{"Size": 5}, {"Size": 0}, {"Size": 70}]
    assert sizes(history, ["base", "app"]) == [70, 5]
    assert sizes(history, ["base", "app", "empty"]) is None


# which parts of an archive
class Sink(io.BytesIO):
    pass


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


def copied(archive: bytes, leave_out: frozenset[str]) -> bytes:
    sink = Sink()
    with reading(io.BytesIO(archive), "unix:///engine") as image:
        image.copy(sink, leave_out)
    return sink.getvalue()


LEGACY = archived(b"{}", [b"one" * 9000, b"two", b"one" * 9000], ["app:1"])


def test_a_whole_archive_is_copied_as_it_is() -> None:
    copy = copied(LEGACY, frozenset())
    with tarfile.open(fileobj=io.BytesIO(copy)) as new, tarfile.open(fileobj=io.BytesIO(LEGACY)) as old:
        assert new.getnames() == old.getnames()
        for name in old.getnames():
            if old.getmember(name).isreg():
                assert new.extractfile(name).read() == old.extractfile(name).read()  # type: ignore[union-attr]
            else:
                assert new.getmember(name).linkname == old.getmember(name).linkname


def test_the_legacy_layout_says_at_its_end_where_the_layers_are() -> None:
    with reading(io.BytesIO(LEGACY), "unix:///engine") as image:
        assert not image.names_layers
        parts = image.parts()
    assert len(parts) == 3
    assert parts[0] == parts[2]  # the third is a link to the first
    with tarfile.open(fileobj=io.BytesIO(LEGACY)) as tar:
        assert [tar.extractfile(part).read()[:3] for part in parts] == [b"one", b"two", b"one"]  # type: ignore[union-attr]


def test_a_layer_that_a_link_stands_for_is_kept_while_the_link_is_needed() -> None:
    with reading(io.BytesIO(LEGACY), "unix:///engine") as image:
        parts = image.parts()
    assert omitted(parts, 2) == {parts[1]}
    kept = names(copied(LEGACY, omitted(parts, 2)))
    assert parts[0] in kept
    assert parts[1] not in kept
    everything = omitted(parts, 3)
    assert everything == set(parts)
    assert len(copied(LEGACY, everything)) < len(LEGACY) - 9000


def test_the_oci_layout_names_its_layers() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in {"blobs/sha256/aa": b"layer", "blobs/sha256/bb": b"config", "manifest.json": json.dumps([]).encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with reading(io.BytesIO(buffer.getvalue()), "unix:///engine") as image:
        assert image.names_layers
    assert names(copied(buffer.getvalue(), frozenset(blob_names(["sha256:aa"])))) == ["blobs/sha256/bb", "manifest.json"]


@pytest.mark.parametrize("length", [0, 100, len(LEGACY) // 2])
def test_half_an_archive_is_no_image(length: int) -> None:
    with pytest.raises((EngineUnavailable, OSError)), reading(io.BytesIO(LEGACY[:length]), "unix:///engine") as image:
        image.copy(Sink(), frozenset())


# what the engine answers
@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"stream":"Loaded image: a:1\\n"}\r\n', ""),
        (b'{"errorDetail":{"message":"no space left on device"},"error":"no space left\\n on device"}', "no space left on device"),
        (b'{"status":"Loading layer","progressDetail":{"current":1,"total":2},"id":"0"}', ""),
        (b"\r\n", ""),
        (b"[1]", ""),
    ],
)
def test_a_complaint_is_told_from_progress(line: bytes, words: str) -> None:
    assert complaint(line) == words
