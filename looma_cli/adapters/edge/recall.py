"""Routes read back from the edge's own files, for when the state that made them is lost: the inverse of ``configuration``."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Mapping

from looma_cli.model.route import ROUTE_MODES, EdgeRecord, Route, Upstream

Files = Mapping[str, str]  # relative path -> text, or where a link leads to
_BASE = "LOOMA_EDGE_BASE="
_LISTEN = re.compile(r"listen 0\.0\.0\.0:(\d+)")
_UPSTREAM = re.compile(r"upstream (\S+) \{\s*server (\S+):(\d+)")
_LINE = re.compile(r'^"([^"]+)" (\S+);$', re.MULTILINE)


def unpacked(archive: bytes) -> dict[str, str]:
    """Files and links of a folder's archive, by their path below that folder."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for entry in tar:
            file = tar.extractfile(entry) if entry.isfile() else None
            if file is not None or entry.issym():
                found[entry.name.partition("/")[2]] = file.read().decode("utf-8", "replace") if file else entry.linkname
    return found


def base_folder(environment: Iterable[str]) -> str | None:
    """Where the container's own nginx.conf is."""
    return next((entry.removeprefix(_BASE) for entry in environment if entry.startswith(_BASE)), None)


def recorded(base: Files, tenants: Files, modes: Files, versions: Files) -> EdgeRecord | None:
    """From four folders of the volume; None where the edge's own files are not whole."""
    ports = [_LISTEN.search(base.get(name, "")) for name in ("listen-http.conf", "listen-https-default.conf")]
    if not (ports[0] and ports[1]):
        return None
    routes = [_route(tenant, link, modes, versions) for tenant, link in sorted(tenants.items())]
    return EdgeRecord(int(ports[0][1]), int(ports[1][1]), tuple(route for route in routes if route))


def _route(tenant: str, link: str, modes: Files, versions: Files) -> Route | None:
    """None for one whose files are not there: it serves nobody."""
    folder = link.rpartition("/")[2]
    files = {name: text for path, text in versions.items() for top, _, name in [path.partition("/")] if top == folder}
    names = dict(key.split(":", 1) for key, _ in _LINE.findall(files.get("names.map", "")))
    if "port" not in names:
        return None
    return Route(
        tenant,
        int(names["port"]),
        names.get("host"),
        _upstreams(tenant, files),
        next((mode for mode in ROUTE_MODES if f"{tenant}.{mode}" in modes), "serving"),
        files.get("certificate.pem"),
        files.get("key.pem"),
    )


def _upstreams(tenant: str, files: Files) -> tuple[Upstream, ...]:
    addresses = {name: (address.strip("[]"), int(port)) for name, address, port in _UPSTREAM.findall(files.get("upstreams.conf", ""))}
    found = []
    for key, name in _LINE.findall(files.get("services.map", "")):
        if name in addresses:
            prefix = "/" if key == f"{tenant}:entry" else key.removeprefix(tenant)
            found.append(Upstream(prefix, name.split(".")[1], *addresses[name]))
    return tuple(found)
