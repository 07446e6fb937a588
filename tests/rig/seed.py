"""The images that tenants need, brought to every host of a rig without a registry and without sending them three times.

They are loaded once into the empty engine of a host, and its data directory, at rest, is kept: below /var/tmp, by the ids of the images,
for this rig and for later ones. A host gets hard links to the layers' files, which an engine only reads and deletes."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from looma_cli.adapters.engine import EngineApi
from tests.rig.claim import FOLDERS
from tests.rig.host import Host

PARTS = ("image", "overlay2")
KEPT = 2  # of different checkouts or of before and after a change of an image


def seed(hosts: Sequence[Host], local: EngineApi, images: Sequence[str]) -> None:
    """Call it ``locked``, before the hosts' engines are started. ``images`` are references on the ``local`` engine."""
    ids = sorted({local.get(f"/images/{image}/json")["Id"] for image in images})
    kept = FOLDERS / f"looma-rig-images-{hashlib.sha256(' '.join([*ids, *sorted(images)]).encode()).hexdigest()[:12]}"
    if not kept.exists():
        _load(hosts[0], local, images, kept)
    os.utime(kept)
    for host in hosts:
        link_layers(kept, host.directory / "docker")
    for old in sorted(FOLDERS.glob("looma-rig-images-*"), key=lambda folder: folder.stat().st_mtime)[:-KEPT]:
        subprocess.run(["rm", "-rf", str(old)], check=True)


def _load(host: Host, local: EngineApi, images: Sequence[str], kept: Path) -> None:
    host.start_engine()
    with subprocess.Popen(["docker", "-H", local.url, "save", *images], stdout=subprocess.PIPE) as saving:
        subprocess.run(["docker", "-H", host.engine.url, "load", "-q"], stdin=saving.stdout, stdout=subprocess.DEVNULL, check=True)
    assert saving.returncode == 0, f"docker save {images} failed"
    host.stop_engine()
    half = kept.with_name(f".{kept.name}")
    subprocess.run(["rm", "-rf", str(half)], check=True)
    half.mkdir()
    for part in PARTS:
        (host.directory / "docker" / part).rename(half / part)
    half.rename(kept)
    subprocess.run(["find", str(host.directory / "docker"), "-mindepth", "1", "-delete"], check=True)  # the folder itself is mounted


def link_layers(kept: Path, directory: Path) -> None:
    """The engine's own records are copied, since it writes them anew in place."""
    directory.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", str(kept / "image"), str(directory)], check=True)
    subprocess.run(["cp", "-al", str(kept / "overlay2"), str(directory)], check=True)
