"""The commands that read and write volumes, run by GNU tar and bash in a container beside the component's.

An archive names everything that GNU tar keeps: owners by number, modes, times to the nanosecond, links, devices, sparse files, extended
attributes and access lists. It says nothing of when or where it was made, so the same files give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

_KEPT = ("--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls")
_REPRODUCIBLE = ("--format=posix", "--sort=name", "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime")
_CREATE = ("tar", "--create", "--file=-", *_KEPT, *_REPRODUCIBLE, "--directory=/")
_EXTRACT = ("tar", "--extract", "--file=-", *_KEPT, "--same-owner", "--same-permissions", "--delay-directory-restore", "--directory=/")

# Entries and checksum of each path. Sockets are in no archive: whoever listened made them, and makes them anew. Files are read whole,
# because where the holes of a sparse file are is the file system's choice.
_LIST = r"""
set -o pipefail
while [ "$1" != -- ]; do tar+=("$1"); shift; done
shift
for path; do
    entries=$(find "/$path" -xdev ! -type s -printf x | wc -c)
    sum=$("${tar[@]}" -- "$path" | sha256sum)
    printf '%s %s /%s\0' "$entries" "${sum%% *}" "$path"
done
"""
_EMPTY_AND_EXTRACT = r"""
while [ "$1" != -- ]; do tar+=("$1"); shift; done
shift
for path; do find "/$path" -xdev -mindepth 1 -delete; done
exec "${tar[@]}"
"""


def create(paths: Sequence[str]) -> list[str]:
    """Writes the archive to its output."""
    return [*_CREATE, "--sparse", "--", *_relative(paths)]


def listing(paths: Sequence[str]) -> list[str]:
    """Writes ``ENTRIES SHA256 PATH`` and a NUL for each path."""
    return ["bash", "-ec", _LIST, "listing", *_CREATE, "--", *_relative(paths)]


def replace(paths: Sequence[str]) -> list[str]:
    """Empties the volumes, and fills them from the archive in its input."""
    return ["bash", "-ec", _EMPTY_AND_EXTRACT, "replace", *_EXTRACT, "--", *_relative(paths)]


def _relative(paths: Sequence[str]) -> list[str]:
    return [path.lstrip("/") for path in paths]
