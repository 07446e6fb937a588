"""The relay's container on the new host, as the engine's API wants it described: an nginx that passes bytes on, from ports to sockets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from looma_cli.model.layer import LABEL_COMPONENT, LABEL_GENERATION, LABEL_INSTALLATION, LABEL_KIND, LABEL_LAYER, LABEL_TENANT
from looma_cli.model.relay import KIND, RelayLine

LABEL_DIGEST = "looma.relay"  # of all that a running one cannot change
SOCKETS = "/relay"
# Debian has nginx's stream module in a file of its own, the official image inside of nginx. Workers stay root: the sockets are another
# user's, and without its capabilities root is nobody.
_START = """set -eu
module=/usr/lib/nginx/modules/ngx_stream_module.so
{ [ ! -e "$module" ] || echo "load_module $module;"; printf '%s\\n' "$LOOMA_RELAY"; } >/run/relay.conf
exec nginx -e stderr -c /run/relay.conf
"""
_MAIN = """user root;
worker_processes 1;
daemon off;
pid /run/relay.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
stream {{
    proxy_connect_timeout 10s;
    proxy_timeout 1h;
    proxy_socket_keepalive on;
{servers}
}}"""
_SERVER = "    server {{ listen {port}; proxy_pass unix:{sockets}/{port}; }}"


def configuration(ports: Sequence[int]) -> str:
    return _MAIN.format(servers="\n".join(_SERVER.format(port=port, sockets=SOCKETS) for port in ports))


def labels(installation: str, line: RelayLine) -> dict[str, str]:
    """As those of the layer on whose network it stands: whatever removes that removes it too."""
    return {
        LABEL_INSTALLATION: installation,
        LABEL_TENANT: line.layer.tenant,
        LABEL_LAYER: line.layer.layer,
        LABEL_GENERATION: str(line.layer.generation),
        LABEL_COMPONENT: line.component,
        LABEL_KIND: KIND,
    }


def request(installation: str, line: RelayLine, folder: str) -> dict[str, Any]:
    """The body of ``POST /containers/create``; the digest among its labels is of all else in it."""
    body: dict[str, Any] = {
        "Image": line.image,
        "User": "0:0",
        "Entrypoint": ["/bin/sh", "-c", _START],
        "Cmd": [],
        "Env": [f"LOOMA_RELAY={configuration(sorted({inside for _, _, inside in line.ports}))}"],
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "HostConfig": {
            "NetworkMode": line.layer.project,
            "ReadonlyRootfs": True,
            "Tmpfs": {"/run": "rw,nosuid,nodev,noexec,size=1m,mode=0755", "/var/lib/nginx": "rw,nosuid,nodev,noexec,size=1m"},
            "Binds": [f"{folder}:{SOCKETS}"],
            "CapDrop": ["ALL"],
            "CapAdd": ["DAC_OVERRIDE", "SETGID", "SETUID"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": 64 << 20,
            "PidsLimit": 64,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
        },
        "NetworkingConfig": {"EndpointsConfig": {line.layer.project: {"Aliases": [line.name]}}},
    }
    return {**body, "Labels": {**labels(installation, line), LABEL_DIGEST: digest(body)}}


def digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
