"""The edge's files: what nginx reads, rendered from ``templates/edge``. No value enters them unchecked."""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import tarfile
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from looma_cli.errors import EdgeRefused
from looma_cli.model.route import EdgeSpecification, Route, Upstream

if TYPE_CHECKING:
    from jinja2 import Environment

HOME = "/etc/looma/edge"
WORKER = 65534  # `nobody`, in Debian and Alpine alike
TEMPORARY = ("client", "proxy", "fastcgi", "uwsgi", "scgi")
PUBLIC, PRIVATE = 0o644, 0o600
_CHECKED = re.compile(r"[A-Za-z0-9._:/-]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_PREFIX = re.compile(r"/|(/[A-Za-z0-9._-]+){1,2}")


def checked(value: object) -> str:
    """The value as text, if it can only be one harmless word to nginx. Raises EdgeRefused."""
    text = str(value)
    if not _CHECKED.fullmatch(text):
        raise EdgeRefused(f"{text[:60]!r} cannot be part of the edge's configuration", "use letters, digits and . _ : / - only")
    return text


def tenant_name(value: str) -> str:
    """A tenant's name, which is also a file's. Raises EdgeRefused."""
    if not _NAME.fullmatch(value):
        raise EdgeRefused(f"{value[:60]!r} is no tenant's name", "use lowercase letters, digits and dashes")
    return value


def quoted(text: str) -> str:
    """Our own text as one nginx string, which knows no escape for a dollar sign and no more than 4 KiB."""
    flat = re.sub(r"\s*\n\s*", "", text).replace("\\", "\\\\").replace('"', '\\"')
    if "$" in flat or len(flat.encode()) > 4000:
        raise EdgeRefused("a page of the edge has a dollar sign or more than 4000 bytes", "mend templates/edge/pages")
    return f'"{flat}"'


def socket_address(upstream: Upstream) -> str:
    address = checked(upstream.address)
    return f"[{address}]:{checked(upstream.port)}" if ":" in address else f"{address}:{checked(upstream.port)}"


def path_prefix(upstream: Upstream) -> str:
    """The upstream's prefix, which the maps of nginx.conf can match. Raises EdgeRefused."""
    if not _PREFIX.fullmatch(upstream.prefix):
        raise EdgeRefused(f"{upstream.prefix[:60]!r} is no path prefix", "use / or one or two segments, like /user-service")
    return upstream.prefix


class Configuration:
    """Renders the files of the edge (``base``) and of one tenant (``tenant``) as mappings of name -> (text, mode)."""

    def __init__(self, templates: Path) -> None:
        self._folder = templates / "edge"

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(self._folder), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
        )
        environment.filters.update(checked=checked, quoted=quoted)
        return environment

    def _render(self, name: str, **values: Any) -> str:
        return self._environment.get_template(f"{name}.j2").render(**values)

    def script(self, name: str) -> str:
        return (self._folder / name).read_text(encoding="utf-8")

    def base(self, specification: EdgeSpecification, workers: int) -> dict[str, str]:
        """Files of the edge itself; ``check.conf`` is ``nginx.conf`` for a change that is being looked at."""
        values = {"home": HOME, "installation": specification.installation, "workers": workers, "pages": self._pages()}
        listen = self._environment.get_template("listen.conf.j2").render
        http, https = specification.http_port, specification.https_port
        return {
            "nginx.conf": self._render("nginx.conf", tenants=f"{HOME}/tenants", **values),
            "check.conf": self._render("nginx.conf", tenants=f"{HOME}/check", **values),
            "server.conf": self._render("server.conf", home=HOME),
            "listen-http.conf": listen(port=http, tls=False, first=True),
            "listen-http-again.conf": listen(port=http, tls=False, first=False),
            "listen-https-default.conf": listen(port=https, tls=True, first=True),
            "listen-https.conf": listen(port=https, tls=True, first=False),
        }

    def _pages(self) -> dict[str, dict[str, str]]:
        texts = json.loads(self.script("pages/pages.json"))
        return {name: {"html": self._render("pages/page.html", **text), "json": _envelope(name, text)} for name, text in texts.items()}

    def tenant(self, route: Route) -> tuple[str, dict[str, tuple[str, int]]]:
        """(version, files) of a route. The version starts with a digest, the same for the same route whatever its mode."""
        tenant_name(route.tenant)
        for upstream in route.upstreams:
            path_prefix(upstream)
        digest = hashlib.sha256(repr(_facts(route)).encode()).hexdigest()[:16]
        version = f"{digest}-{secrets.token_hex(4)}"
        return version, self._tenant_files(route, version)

    def _tenant_files(self, route: Route, version: str) -> dict[str, tuple[str, int]]:
        names = {u: f"{route.tenant}.{u.service}.{u.port}" for u in route.upstreams}
        addresses = {names[u]: socket_address(u) for u in route.upstreams}
        files = {
            "listen.conf": self._render("tenant/listen.conf", route=route),
            "names.map": self._render("tenant/names.map", route=route),
            "services.map": self._render("tenant/services.map", route=route, version=version, names=names),
            "upstreams.conf": self._render("tenant/upstreams.conf", addresses=addresses),
        }
        if route.hostname and route.certificate and route.private_key:
            folder = f"{HOME}/versions/{route.tenant}.{version}"
            files["tls.conf"] = self._render("tenant/tls.conf", route=route, folder=folder)
            files["certificate.pem"] = route.certificate
            files["key.pem"] = route.private_key
        return {name: (text, PRIVATE if name == "key.pem" else PUBLIC) for name, text in files.items()}


def _facts(route: Route) -> tuple[object, ...]:
    return (route.tenant, route.public_port, route.hostname, route.upstreams, route.certificate, route.private_key)


def _envelope(name: str, text: Mapping[str, Mapping[str, str]]) -> str:
    english, chinese = text["english"], text["chinese"]
    error = {"code": name, "message": english["title"], "hint": english["text"], "message_zh": chinese["title"]}
    return json.dumps({"error": error}, ensure_ascii=False) + " "


def archive(folder: str, files: Mapping[str, tuple[str, int]]) -> bytes:
    """A tar with a folder of files, owned by root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add_folders(tar, folder)
        for name, (text, mode) in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode, entry.mtime = len(data), mode, int(time.time())
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def skeleton() -> bytes:
    """A tar with the folders of the volume. Workers write only below ``temporary``, so that the container needs no CHOWN."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("base", "incoming", "check", "modes", "retired", "tenants", "versions", "temporary"):
            _add_folders(tar, folder)
        for name in TEMPORARY:
            _add_folders(tar, f"temporary/{name}", owner=WORKER, mode=0o700, parents=False)
    return buffer.getvalue()


def _add_folders(tar: tarfile.TarFile, folder: str, *, owner: int = 0, mode: int = 0o755, parents: bool = True) -> None:
    parts = folder.split("/")
    for depth in range(1 if parents else len(parts), len(parts) + 1):
        entry = tarfile.TarInfo("/".join(parts[:depth]))
        entry.type, entry.mode, entry.uid, entry.gid, entry.mtime = tarfile.DIRTYPE, mode, owner, owner, int(time.time())
        tar.addfile(entry)
