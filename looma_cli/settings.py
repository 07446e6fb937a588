"""Where things live and the few knobs: flag, then ``LOOMA_…`` in the environment, then ``config.toml``, then the default.

Read by wiring only. ``looma doctor --settings`` shows each value with its source. ``home()`` is apart and imports nothing heavy,
because shell completion needs it within milliseconds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Annotated, Any, NamedTuple

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


class Setting(NamedTuple):
    """``kind`` is what pydantic makes of a text; ``limits`` are its own (``ge``, ``le``, ``gt``); ``check`` raises ValueError."""

    kind: Any
    default: Any
    description: str
    limits: Mapping[str, float] = MappingProxyType({})
    check: Callable[[Any], Any] | None = None


def _one_of(*allowed: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"is not one of {', '.join(allowed)}")
        return value

    return check


def _machine(value: str | None) -> str | None:
    if value is not None and not _MACHINE.fullmatch(value):
        raise ValueError("is not 1 to 63 letters, digits, dots, hyphens and underscores")
    return value


_PORT = {"ge": 1, "le": 65535}
SETTINGS = {
    "database_url": Setting(str | None, None, "state in PostgreSQL instead of looma.db"),
    "output": Setting(str, "table", "table, json or yaml", check=_one_of(*OUTPUTS)),
    "images": Setting(str, "registry", "registry (pull) or local (built here)", check=_one_of("registry", "local")),
    "registry": Setting(str, "registry.looma.example", "where the provider's own images are pulled from"),
    "port_range": Setting(str, "20000-29999", "blocks of tenants' stacks"),
    "public_port_range": Setting(str, "30000-31999", "tenants' public ports at the edge"),
    "subnet_pool": Setting(str, "10.192.0.0/10", "a /26 for each layer"),
    "edge_http_port": Setting(int, 80, "routes by hostname", _PORT),
    "edge_https_port": Setting(int, 443, "routes by hostname, TLS 1.3", _PORT),
    "address": Setting(str, "127.0.0.1", "public address of the local host, as shown in URLs"),
    "placement": Setting(str, "spread", "where tenants go that are given no host: spread or pack", check=_one_of("spread", "pack")),
    "docker_host": Setting(str | None, None, "the local engine's socket; DOCKER_HOST is honoured too"),
    "secret_key_file": Setting(Path | None, None, "instead of LOOMA_HOME/secret.key"),
    "backup_repository": Setting(str | None, None, "where backups go: a folder, sftp:… or s3:…; else LOOMA_HOME/backups"),
    "backup_copy": Setting(str | None, None, "a second such place, off the machine, for `backup run` to copy to"),
    "backup_copy_prune": Setting(bool, True, "whether the policy holds there too; no for a place that only takes more"),
    "backup_passphrase_file": Setting(Path | None, None, "opens the backups; else LOOMA_HOME/backup.passphrase"),
    "log_format": Setting(str, "text", "text or json", check=_one_of("text", "json")),
    "lease_seconds": Setting(float, 30.0, "a silent holder on another machine is dead after so long", {"ge": 1, "le": 3600}),
    "machine": Setting(str | None, None, "this machine's name in leases; else its host name", check=_machine),
    "health_timeout": Setting(float, 180.0, "seconds until a starting layer counts as failed", {"gt": 0}),
}


@cache
def _model() -> Any:
    """The pydantic model, built when something was set: importing pydantic costs 100 ms that ``--help``, and defaults, must not pay."""
    from pydantic import AfterValidator, Field, create_model

    def field(one: Setting) -> Any:
        kind = Annotated[one.kind, AfterValidator(one.check)] if one.check else one.kind
        return kind, Field(one.default, description=one.description, **one.limits)

    return create_model("Settings", **{name: field(one) for name, one in SETTINGS.items()})


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
        rows = [(name, getattr(self._values, name), self.sources[name]) for name in SETTINGS]
        return [("home", str(self.home), self.sources["home"]), *rows]


def load(flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Resolve all settings. Raises InvalidValue naming the setting and where the bad value came from."""
    environment = os.environ if environment is None else environment
    where = home(environment)
    flags = {name: value for name, value in (flags or {}).items() if value is not None}
    names = list(SETTINGS)
    from_file = {k: v for k, v in _read_file(where / "config.toml").items() if k in names}
    from_environment = {n: environment[f"LOOMA_{n.upper()}"] for n in names if environment.get(f"LOOMA_{n.upper()}")}
    sources = dict.fromkeys(names, "default")
    sources |= dict.fromkeys(from_file, "config.toml") | dict.fromkeys(from_environment, "environment") | dict.fromkeys(flags, "flag")
    sources["home"] = "environment" if environment.get("LOOMA_HOME") else "default"
    given = from_file | from_environment | flags
    values = _validated(given, sources) if given else SimpleNamespace(**_defaults())
    port_range(values.port_range), port_range(values.public_port_range), subnet_pool(values.subnet_pool)
    return Settings(values, where, sources)


def _defaults() -> dict[str, Any]:
    return {name: one.default for name, one in SETTINGS.items()}


def _validated(given: dict[str, Any], sources: Mapping[str, str]) -> Any:
    from pydantic import ValidationError

    try:
        return _model().model_validate(_defaults() | given)
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
