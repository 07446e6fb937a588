"""Writing to the engine: docker compose, with the manifest on standard input and the secrets in its environment only.

The plugin's binary is run directly rather than through ``docker compose``: one process instead of two, so that the kernel can end
it together with looma and the lease can name it, and 50 ms less per call.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from looma_cli.adapters.children import Outcome
from looma_cli.adapters.engine.child import Children
from looma_cli.adapters.engine.endpoint import configuration_directory
from looma_cli.adapters.engine.way import Direct, Way, way_to
from looma_cli.errors import ComposeUnavailable
from looma_cli.model.layer import RenderedLayer

SETUP = Path(__file__).resolve().parents[2] / "setup" / "engine.sh"
PLUGIN = "docker-compose"
# Where the docker command looks for plugins (docker/cli: cli-plugins/manager), the user's own directory first.
PLUGIN_DIRECTORIES = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
# Nothing else of the caller's environment may reach a manifest's ${...} or change what compose does (COMPOSE_FILE and so on).
PASSED_ON = (
    *("PATH", "HOME", "USER", "TERM", "TMPDIR", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"),
    *("DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "ALL_PROXY"),
)
# How the engine at this machine's DOCKER_HOST is spoken to: a socket that is forwarded speaks no TLS.
OF_TCP = ("DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
# Calls to the engine at once. Unlimited ones make a small machine slower and, over ssh, exceed sshd's sessions.
PARALLEL_LIMIT = 12


class Compose:
    """One compose project at a time, on the engine at a URL or over a ``Way``."""

    def __init__(self, engine: str | Way, environment: Mapping[str, str], children: Children, limit_seconds: float = 900.0) -> None:
        self._way = way_to(engine)
        self._given = environment
        self._children = children
        self._limit = limit_seconds

    @property
    def environment(self) -> dict[str, str]:
        """What every docker program is given: the same engine as the API client's, English messages, no surprises."""
        passed = PASSED_ON if isinstance(self._way, Direct) else [name for name in PASSED_ON if name not in OF_TCP]
        kept = {name: self._given[name] for name in passed if name in self._given}
        return {"PATH": os.defpath, "HOME": "/", **kept, "DOCKER_HOST": self._way.engine_url, "LC_ALL": "C.UTF-8"}

    def connected(self) -> dict[str, str]:
        """The environment, once the way to the engine is open. Raises HostUnreachable."""
        self._way.open()
        return self.environment

    @cached_property
    def program(self) -> str:
        """Path of compose v2. Raises ComposeUnavailable."""
        for path in self._candidates():
            if path and os.access(path, os.X_OK):
                return path
        raise ComposeUnavailable("docker compose (v2) is not installed", mend_hint())

    def _candidates(self) -> Iterator[str | None]:
        yield str(configuration_directory(self._given) / "cli-plugins" / PLUGIN)
        yield from (f"{directory}/{PLUGIN}" for directory in PLUGIN_DIRECTORIES)
        yield self._named_by_docker()

    def _named_by_docker(self) -> str | None:
        """The docker command knows further directories (its configuration's cliPluginsExtraDirs)."""
        docker = shutil.which("docker", path=self.environment["PATH"])
        if not docker:
            return None
        asked = [docker, "info", "--format", "{{json .ClientInfo.Plugins}}"]
        answer = subprocess.run(asked, env=self.environment, capture_output=True, text=True, timeout=30, check=False)
        plugins = json.loads(answer.stdout) if answer.returncode == 0 else []
        return next((plugin.get("Path") for plugin in plugins or [] if plugin.get("Name") == "compose"), None)

    def version(self) -> str:
        """For instance ``2.26.1``. Raises ComposeUnavailable, for a version 1 too."""
        answer = subprocess.run(
            [self.program, "version", "--short"], env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )
        version = answer.stdout.strip().removeprefix("v")
        if answer.returncode or not version[:1].isdigit() or version.startswith("1."):
            raise ComposeUnavailable(f"{self.program} is not docker compose v2", mend_hint())
        return version

    def run(self, layer: RenderedLayer, *arguments: str, limit_seconds: float | None = None) -> Outcome:
        """Runs compose on the layer's manifest; the outcome is the caller's to judge. Raises ComposeUnavailable, TimedOut, and
        HostUnreachable where the way to the engine broke meanwhile."""
        # No .env file of the directory in which looma happens to run may be read: hence the last two options.
        options = ["--ansi", "never", "--progress", "plain", "--env-file", os.devnull, "--project-directory", "/"]
        opened = self._way.open()
        outcome = self._children.run(
            [self.program, *options, "-f", "-", "-p", layer.reference.project, *arguments],
            environment={**self.connected(), "COMPOSE_PARALLEL_LIMIT": str(PARALLEL_LIMIT), **layer.secrets},
            text=layer.manifest,
            limit_seconds=limit_seconds or self._limit,
        )
        if outcome.code:
            self._way.check(opened, failed=True)
        return outcome


def mend_hint() -> str:
    return f"run: sh {SETUP} (Debian), or install Docker's compose plugin"
