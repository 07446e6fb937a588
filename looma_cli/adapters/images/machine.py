"""What a build takes from this machine and leaves no trace of: apt's mirror and settings, certificate authorities, proxies.

They enter the builds as BuildKit secrets, not as arguments: arguments stay readable in an image's history.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from looma_cli.adapters.images.docker import SETUP_HINT
from looma_cli.errors import ImageUnavailable

BUNDLE_HINT = "build where Debian's apt works, then carry the images over: looma image bundle, looma image load"
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# docker build knows these arguments by itself and keeps them out of the history
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
APT_SETTINGS = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date")


@dataclass(frozen=True, slots=True)
class Apt:
    """A Debian mirror, the one of security updates (may be empty), and further settings as lines of an apt.conf."""

    mirror: str
    security_mirror: str
    settings: str

    @property
    def secret(self) -> str:
        """The secret ``apt`` of a build."""
        return f'Looma::Mirror "{self.mirror}";\nLooma::Security "{self.security_mirror}";\n{self.settings}'


def read_apt(environment: Mapping[str, str]) -> Apt:
    """What this machine's own apt uses. Raises ImageUnavailable where that is not Debian's."""
    if not shutil.which("apt-get", path=environment.get("PATH")):
        raise ImageUnavailable("local images are built from Debian's packages, and there is no apt-get here", BUNDLE_HINT)
    listed = ("apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages", "Component: main")
    rows = [line.split("|", 2) for line in _output(listed, environment).splitlines()]
    uris = {label: uri for origin, label, uri in reversed(rows) if origin == "Debian"}
    if "Debian" not in uris:
        raise ImageUnavailable("this machine's apt has no package lists of a Debian mirror", f"run: apt-get update; or {BUNDLE_HINT}")
    return Apt(uris["Debian"], uris.get("Debian-Security", ""), _settings(environment))


def require_mmdebstrap(environment: Mapping[str, str]) -> None:
    """Raises ImageUnavailable where the base image cannot be made."""
    if not shutil.which("mmdebstrap", path=environment.get("PATH")):
        raise ImageUnavailable("the base image is made with Debian's mmdebstrap, which is not installed", SETUP_HINT)


def certificates(environment: Mapping[str, str]) -> Path | None:
    """The bundle of certificate authorities that this machine trusts, for pip and npm inside a build."""
    named = (environment.get(variable) for variable in CERTIFICATE_VARIABLES)
    return next((Path(path) for path in (*named, CERTIFICATES) if path and Path(path).is_file()), None)


def proxy_arguments(environment: Mapping[str, str]) -> list[str]:
    """Options of docker build for an ordinary proxied machine; their values stay in the environment."""
    return [option for name in PROXY_VARIABLES if environment.get(name) for option in ("--build-arg", name)]


def _settings(environment: Mapping[str, str]) -> str:
    return _output(("apt-config", "dump", "--no-empty", "--format", '%f "%v";%n', *APT_SETTINGS), environment)


def _output(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    answer = subprocess.run(arguments, env=dict(environment), capture_output=True, text=True, check=False, timeout=60)
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:] or [f"exit code {answer.returncode}"]
        raise ImageUnavailable(f"{arguments[0]} {arguments[1]}: {last[0]}", f"mend apt's sources; or {BUNDLE_HINT}")
    return answer.stdout
