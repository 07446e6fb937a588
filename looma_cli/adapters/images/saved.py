"""An image as an engine saves it: a tar archive, which another engine takes without the layers that it has.

Engines from 25 on name each layer in it by the digest of its contents (``blobs/sha256/…``, the OCI layout). Older ones name it by an id of
their own (``…/layer.tar``, the legacy layout); which layer that is says only the manifest, at the end of the archive. A layer that the
archive holds twice is a link there.
"""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Protocol

from looma_cli.errors import EngineUnavailable

PIECE = 1 << 20
MANIFEST = "manifest.json"
BLOBS = "blobs"


class Sink(Protocol):
    """Takes an archive piece by piece; ``tell`` is how much it has taken."""

    def write(self, data: bytes) -> int: ...
    def tell(self) -> int: ...


class SavedImage:
    """Its members in their order, each read as it comes: nothing of it is kept."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members = iter(archive)
        self._first = next(self._members, None)

    @property
    def names_layers(self) -> bool:
        """Whether a layer's name says which it is. (An archive of the legacy layout may begin with an image's id, never with ``blobs``.)"""
        return self._first is not None and self._first.name.partition("/")[0] in (BLOBS, "index.json", "oci-layout")

    def _each(self) -> Iterator[tarfile.TarInfo]:
        if self._first is not None:
            yield self._first
        yield from self._members

    def parts(self) -> list[str]:
        """Name of the member that holds each layer, from the base on. Reads it to its end."""
        links: dict[str, str] = {}
        manifest: list[dict[str, Any]] = []
        for member in self._each():
            if member.issym():
                links[member.name] = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
            elif member.name == MANIFEST:
                manifest = json.load(self._content(member))
        layers = manifest[0]["Layers"] if manifest else []
        return [links.get(name, name) for name in layers]

    def copy(self, sink: Sink, omitted: Collection[str]) -> None:
        """Writes it to the sink, but for the members of these names (and links to them)."""
        with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT, copybufsize=PIECE) as out:  # type: ignore[call-overload]
            for member in self._each():
                if member.name not in omitted:
                    out.addfile(member, self._content(member) if member.isreg() else None)

    def _content(self, member: tarfile.TarInfo) -> IO[bytes]:
        content = self._archive.extractfile(member)
        assert content is not None  # it is a regular file
        return content


@contextmanager
def reading(source: IO[bytes], place: str) -> Iterator[SavedImage]:
    """The image that the engine ``place`` (``at unix:///…``) sends. Raises EngineUnavailable when it ends before it is whole."""
    try:
        with tarfile.open(fileobj=source, mode="r|", bufsize=PIECE) as archive:
            yield SavedImage(archive)
    except (tarfile.TarError, ValueError, KeyError) as error:
        raise EngineUnavailable(f"the container engine {place} sent half an image: {error}", "docker images; docker info") from error


def blob_names(digests: Iterable[str]) -> list[str]:
    """Where the OCI layout has the blobs of these digests (``sha256:…``)."""
    return [f"{BLOBS}/{digest.replace(':', '/', 1)}" for digest in digests]
