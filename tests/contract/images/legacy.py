"""Images as engines before 25 save them: each layer in a folder of its own id, the manifest last, a repeated layer as a link."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from looma_cli.adapters.engine import EngineApi


class OldEngine(EngineApi):
    """The engine behind another, but for how it saves images."""

    @classmethod
    def like(cls, api: EngineApi) -> OldEngine:
        return cls(api.url, {}, api.timeout_seconds)

    @contextmanager
    def stream(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None, **options: Any) -> Iterator[Any]:
        with super().stream(method, path, query, body, **options) as response:
            yield io.BytesIO(legacy(response.read()))


def legacy(archive: bytes) -> bytes:
    """An archive of whichever layout in the legacy one."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        manifest = json.load(_file(tar, "manifest.json"))
        (entry,) = manifest
        layers = [_file(tar, name).read() for name in entry["Layers"]]
        config = _file(tar, entry["Config"]).read()
    return archived(config, layers, entry["RepoTags"])


def archived(config: bytes, layers: list[bytes], tags: list[str]) -> bytes:
    """The legacy layout, its members in the order in which a walk over a folder finds them."""
    name = f"{sha256(config).hexdigest()}.json"
    ids = [sha256(b"%d %b" % (position, sha256(layer).digest())).hexdigest() for position, layer in enumerate(layers)]
    first = {layer: id for id, layer in reversed(list(zip(ids, layers, strict=True)))}
    members: dict[str, bytes | str] = {name: config}
    for id, layer in zip(ids, layers, strict=True):
        members |= {f"{id}/VERSION": b"1.0", f"{id}/json": b"{}"}
        members[f"{id}/layer.tar"] = layer if first[layer] == id else f"../{first[layer]}/layer.tar"
    manifest = [{"Config": name, "RepoTags": tags, "Layers": [f"{id}/layer.tar" for id in ids]}]
    ordered = {**dict(sorted(members.items())), "manifest.json": json.dumps(manifest).encode(), "repositories": b"{}"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in ordered.items():
            _add(tar, path, content)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes | str) -> None:
    member = tarfile.TarInfo(path)
    if isinstance(content, str):
        member.type, member.linkname = tarfile.SYMTYPE, content
        tar.addfile(member)
    else:
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))


def _file(tar: tarfile.TarFile, name: str) -> Any:
    file = tar.extractfile(name)
    assert file is not None
    return file
