"""Where things live and the few knobs: flag, then ``LOOMA_…`` in the environment, then ``config.toml``, then the default.

Read by wiring only. ``looma doctor --settings`` shows each value with its source. ``home()`` is apart and imports nothing heavy,
because shell completion needs it within milliseconds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from looma_cli.errors import InvalidValue

PACKAGE = Path(__file__).resolve().parent
OUTPUTS = ("table", "json", "yaml")
_MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_RANGE = re.compile(r"^\s*(\d{1,5})\s*-\s*(\d{1,5})\s*$")


def checkout() -> Path | None:
    """The source checkout that this package runs from, or None when it is installed."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "editions").is_dir() else None


def data_directory(name: str) -> Path:
    """Folder of shipped data (``templates`` or ``editions``): in the checkout, else inside the wheel."""
    root = checkout()
    return root / name if root else PACKAGE / "_data" / name


def home(environment: Mapping[str, str] | None = None) -> Path:
    """``LOOMA_HOME``: the variable, else ``state/`` in a checkout, else the platform's user data directory."""
    given = (os.environ if environment is None else environment).get("LOOMA_HOME")
    if given:
        return Path(given).expanduser().absolute()
    root = checkout()
    if root:
        return root / "state"
    import platformdirs

    return Path(platformdirs.user_data_dir("looma"))


def port_range(text: str) -> tuple[int, int]:
    """``"20000-29999"`` as an inclusive pair. Raises InvalidValue."""
    match = _RANGE.match(text)
    low, high = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= low <= high <= 65535:
        raise InvalidValue(f"{text!r} is not a port range", "write it as LOW-HIGH, for instance 20000-29999")
    return low, high


def subnet_pool(text: str) -> IPv4Network:
    """A private IPv4 network of /26 or larger. Raises InvalidValue."""
    try:
        pool = IPv4Network(text.strip())
    except ValueError as error:
        raise InvalidValue(f"{text!r} is not an IPv4 network: {error}", "write it as 10.192.0.0/10") from error
    if pool.prefixlen > 26:
        raise InvalidValue(f"the subnet pool {pool} is smaller than one /26", "choose a larger pool, for instance 10.192.0.0/10")
    return pool


@cache
def _model() -> Any:
    """The pydantic model, built on first use: importing pydantic costs 100 ms that ``--help`` must not pay."""
    from pydantic import BaseModel, Field, field_validator

    class Settings(BaseModel, frozen=True):
        database_url: str | None = Field(None, description="state in PostgreSQL instead of looma.db")
        output: str = Field("table", description="table, json or yaml")
        images: str = Field("registry", description="registry (pull) or local (built here)")
        registry: str = Field("registry.looma.example", description="where the provider's own images are pulled from")
        port_range: str = Field("20000-29999", description="blocks of tenants' stacks")
        public_port_range: str = Field("30000-31999", description="tenants' public ports at the edge")
        subnet_pool: str = Field("10.192.0.0/10", description="a /26 for each layer")
        edge_http_port: int = Field(80, ge=1, le=65535, description="routes by hostname")
        edge_https_port: int = Field(443, ge=1, le=65535, description="routes by hostname, TLS 1.3")
        address: str = Field("127.0.0.1", description="public address of the local host, as shown in URLs")
        placement: str = Field("spread", description="where tenants go that are given no host: spread or pack")
        docker_host: str | None = Field(None, description="the local engine's socket; DOCKER_HOST is honoured too")
        secret_key_file: Path | None = Field(None, description="instead of LOOMA_HOME/secret.key")
        backup_repository: str | None = Field(None, description="where backups go: a folder, sftp:… or s3:…; else LOOMA_HOME/backups")
        backup_copy: str | None = Field(None, description="a second such place, off the machine, for `backup run` to copy to")
        backup_copy_prune: bool = Field(True, description="whether the policy holds there too; no for a place that only takes more")
        backup_passphrase_file: Path | None = Field(None, description="opens the backups; else LOOMA_HOME/backup.passphrase")
        log_format: str = Field("text", description="text or json")
        lease_seconds: float = Field(30.0, ge=1, le=3600, description="a silent holder on another machine is dead after so long")
        machine: str | None = Field(None, description="this machine's name in leases; else its host name")
        health_timeout: float = Field(180.0, gt=0, description="seconds until a starting layer counts as failed")

        @field_validator("output")
        @classmethod
        def _output(cls, value: str) -> str:
            return _one_of(value, OUTPUTS)

        @field_validator("images")
        @classmethod
        def _images(cls, value: str) -> str:
            return _one_of(value, ("registry", "local"))

        @field_validator("placement")
        @classmethod
        def _placement(cls, value: str) -> str:
            return _one_of(value, ("spread", "pack"))

        @field_validator("machine")
        @classmethod
        def _machine(cls, value: str | None) -> str | None:
            if value is not None and not _MACHINE.fullmatch(value):
                raise ValueError("is not 1 to 63 letters, digits, dots, hyphens and underscores")
            return value

        @field_validator("log_format")
        @classmethod
        def _log_format(cls, value: str) -> str:
            return _one_of(value, ("text", "json"))

    return Settings


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"is not one of {', '.join(allowed)}")
    return value


class Settings:
    """Resolved settings. Attributes are those of the table in ``docs/reference/settings.md``; ``sources`` maps each to
    ``flag``, ``environment``, ``config.toml`` or ``default``."""

    def __init__(self, values: Any, home: Path, sources: Mapping[str, str]) -> None:
        self._values = values
        self.home = home
        self.sources = dict(sources)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._values, name)

    def items(self) -> list[tuple[str, Any, str]]:
        """(name, value, source) of every setting, ``home`` first."""
        rows = [(name, getattr(self._values, name), self.sources[name]) for name in type(self._values).model_fields]
        return [("home", str(self.home), self.sources["home"]), *rows]


def load(flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Resolve all settings. Raises InvalidValue naming the setting and where the bad value came from."""
    environment = os.environ if environment is None else environment
    where = home(environment)
    flags = {name: value for name, value in (flags or {}).items() if value is not None}
    names = list(_model().model_fields)
    from_file = {k: v for k, v in _read_file(where / "config.toml").items() if k in names}
    from_environment = {n: environment[f"LOOMA_{n.upper()}"] for n in names if environment.get(f"LOOMA_{n.upper()}")}
    sources = dict.fromkeys(names, "default")
    sources |= dict.fromkeys(from_file, "config.toml") | dict.fromkeys(from_environment, "environment") | dict.fromkeys(flags, "flag")
    sources["home"] = "environment" if environment.get("LOOMA_HOME") else "default"
    values = _validated(from_file | from_environment | flags, sources)
    port_range(values.port_range), port_range(values.public_port_range), subnet_pool(values.subnet_pool)
    return Settings(values, where, sources)


def _validated(given: Mapping[str, Any], sources: Mapping[str, str]) -> Any:
    from pydantic import ValidationError

    model = _model()
    base = {name: field.default for name, field in model.model_fields.items()}
    try:
        return model.model_validate(base | dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidValue(
            f"setting {name} (from {sources.get(name, 'default')}): {given.get(name)!r} {message}",
            "looma doctor --settings shows every setting and where it comes from",
        ) from error


def _read_file(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidValue(f"{path.name} in LOOMA_HOME cannot be read: {error}", f"mend or remove {path}") from error
