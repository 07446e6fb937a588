"""What the environment tells the service: who it is, where its datastores are, how many connections it may open.

Connections come as URLs without passwords (`MYSQL_URL=mysql://user@host:3306/db`); the password of each store is in
the file that `MYSQL_PASSWORD_FILE` and so on name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from .errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of datastore: how its URL looks and which variables bring it."""

    name: str
    variable: str
    schemes: tuple[str, ...]
    port: int
    user: str | None = None
    user_required: bool = False
    database_required: bool = False

    @property
    def password_variable(self) -> str:
        return self.variable.replace("_URL", "_PASSWORD_FILE")

    @property
    def example(self) -> str:
        user = "user@" if self.user_required else ""
        database = "/database" if self.database_required else ""
        return f"{self.schemes[0]}://{user}host:{self.port}{database}"


# The order is the order of writing: see records.py.
KINDS = (
    Kind("mysql", "MYSQL_URL", ("mysql",), 3306, user_required=True, database_required=True),
    Kind("postgresql", "POSTGRES_URL", ("postgresql", "postgres"), 5432, user_required=True, database_required=True),
    Kind("neo4j", "NEO4J_URL", ("bolt", "neo4j"), 7687, user="neo4j"),
    Kind("elasticsearch", "ELASTICSEARCH_URL", ("http", "https"), 9200, user="elastic"),
    Kind("weaviate", "WEAVIATE_URL", ("http", "https"), 8080),
    Kind("redis", "REDIS_URL", ("redis",), 6379),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where one datastore is and how to log in."""

    store: str
    variable: str
    scheme: str
    host: str
    port: int
    user: str | None
    database: str
    password: str | None = field(repr=False)

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Pool:
    """How one service uses one datastore. Times are in seconds.

    The seeds give each edition's database a pool of 50 and at most 100 connections, for all of its services together.
    Ten services (twenty during a release upgrade) share a server that allows 100, so one service takes no more than
    `DB_SERVICE_CONNECTIONS` (4) of them; connections are opened when they are needed, none in advance.
    """

    connections: int = 4
    connection_timeout: float = 30.0
    idle_timeout: float = 300.0
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """`drain_seconds` is how long requests may go on after SIGTERM. Closing the pools may take 1.5 s more, and an engine
    waits 10 s before it kills."""

    tenant: str
    edition: str
    service: str
    release: str
    host: str
    port: int
    drain_seconds: float
    pool: Pool
    addresses: tuple[Address, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises ConfigurationError naming the variable that is wrong."""
        return cls(
            tenant=environment.get("LOOMA_TENANT", ""),
            edition=environment.get("LOOMA_EDITION", ""),
            service=environment.get("LOOMA_SERVICE", ""),
            release=environment.get("LOOMA_RELEASE", ""),
            host=environment.get("HOST") or "0.0.0.0",
            port=whole_number(environment, "PORT", 8000, least=1, most=65535),
            drain_seconds=seconds(environment, "DRAIN_SECONDS", 8),
            pool=pool_from(environment),
            addresses=tuple(address_from(kind, environment) for kind in KINDS if environment.get(kind.variable)),
        )


def pool_from(environment: Mapping[str, str]) -> Pool:
    size = whole_number(environment, "DB_POOL_SIZE", 50, least=1)
    most = whole_number(environment, "DB_MAX_CONNECTIONS", 100, least=1)
    share = whole_number(environment, "DB_SERVICE_CONNECTIONS", 4, least=1)
    return Pool(
        connections=min(size, most, share),
        connection_timeout=seconds(environment, "DB_CONNECTION_TIMEOUT", 30),
        idle_timeout=seconds(environment, "DB_IDLE_TIMEOUT", 300),
        retries=whole_number(environment, "DB_RETRIES", 3, least=0),
    )


def whole_number(environment: Mapping[str, str], name: str, default: int, *, least: int, most: int = 100_000) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ConfigurationError(f"{name}: expected a whole number from {least} to {most}, got {text!r}")
    return int(text)


def seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 86_400:
        raise ConfigurationError(f"{name}: expected a number of seconds, got {text!r}")
    return value


def address_from(kind: Kind, environment: Mapping[str, str]) -> Address:
    url = split(kind, environment[kind.variable])
    user = unquote(url.username) if url.username else kind.user
    if kind.user_required and not user:
        raise ConfigurationError(f"{kind.variable}: no user in it; expected {kind.example}")
    database = unquote(url.path.strip("/"))
    if kind.database_required and not database:
        raise ConfigurationError(f"{kind.variable}: no database in it; expected {kind.example}")
    if kind.name == "redis" and not (database or "0").isdigit():
        raise ConfigurationError(f"{kind.variable}: the database of Redis is a number, got {database!r}")
    return Address(
        store=kind.name,
        variable=kind.variable,
        scheme=url.scheme,
        host=url.hostname or "",
        port=url.port or kind.port,
        user=user,
        database=database,
        password=password_from(kind.password_variable, environment),
    )


def split(kind: Kind, text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        usable = url.scheme in kind.schemes and url.hostname and url.port != 0 and not (url.query or url.fragment)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(f"{kind.variable}: expected {kind.example}")
    if url.password is not None:
        raise ConfigurationError(f"{kind.variable}: no password belongs in it; name its file in {kind.password_variable}")
    return url


def password_from(variable: str, environment: Mapping[str, str]) -> str | None:
    """The file's text without the newline that editors and `echo` leave at its end."""
    path = environment.get(variable)
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{variable}: cannot read {path}: {error}") from error
