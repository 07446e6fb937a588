"""Whether an image must be made again: a digest over everything that goes into it, kept on the image as a label."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

from looma_cli.adapters.images.specification import ImageSpecification

IGNORED_ALWAYS = ("__pycache__", "*.pyc", ".dockerignore")


def context_digest(specification: ImageSpecification, by_name: Mapping[str, ImageSpecification]) -> str:
    """SHA-256 in hex over the paths and contents of the context and over the digests of what the image stands on.

    File modes are left out: they differ between a checkout and an installed wheel, and every Dockerfile sets its own.
    """
    digest = hashlib.sha256()
    for name in sorted(specification.depends_on):
        digest.update(f"{name} {context_digest(by_name[name], by_name)}\n".encode())
    for path in context_files(specification.directory):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(specification.directory).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def context_files(directory: Path) -> Iterator[Path]:
    """The files that a build sees, sorted; ``.dockerignore`` is read as a list of names, wherever they occur."""
    ignored = [*IGNORED_ALWAYS, *_ignored_by(directory / ".dockerignore")]
    for path in sorted(directory.rglob("*")):
        parts = path.relative_to(directory).parts
        if path.is_file() and not any(fnmatch(part, pattern) for part in parts for pattern in ignored):
            yield path


def _ignored_by(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [line.strip().removeprefix("**/").rstrip("/") for line in lines if line.strip() and not line.startswith("#")]
