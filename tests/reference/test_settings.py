"""What is read from the environment, and how a wrong one is named."""

from pathlib import Path

import pytest
from reference_service.errors import ConfigurationError
from reference_service.settings import Pool, Settings

from .service import SOURCE, run


def read(**environment: str) -> Settings:
    return Settings.from_environment(environment)


def test_without_anything_there_are_the_documented_defaults() -> None:
    settings = read()
    assert (settings.host, settings.port, settings.drain_seconds) == ("0.0.0.0", 8000, 8)
    assert settings.pool == Pool(connections=4, connection_timeout=30, idle_timeout=300, retries=3)
    assert settings.addresses == ()


def test_the_identity_is_what_looma_says() -> None:
    settings = read(LOOMA_TENANT="acme", LOOMA_EDITION="pro", LOOMA_SERVICE="api-gateway", LOOMA_RELEASE="2.0.1")
    assert (settings.tenant, settings.edition, settings.service, settings.release) == (
        "acme",
        "pro",
        "api-gateway",
        "2.0.1",
    )


def test_every_store_is_read_from_its_url_in_the_order_of_writing() -> None:
    settings = read(
        REDIS_URL="redis://cache:6380/2",
        WEAVIATE_URL="http://vectors:8080",
        ELASTICSEARCH_URL="http://search:9200",
        NEO4J_URL="bolt://neo4j@graph:7687",
        POSTGRES_URL="postgresql://app@pg/crm",
        MYSQL_URL="mysql://us%40er@[::1]:3307/crm",
    )
    shown = [(a.store, a.scheme, a.host, a.port, a.user, a.database) for a in settings.addresses]
    assert shown == [
        ("mysql", "mysql", "::1", 3307, "us@er", "crm"),
        ("postgresql", "postgresql", "pg", 5432, "app", "crm"),
        ("neo4j", "bolt", "graph", 7687, "neo4j", ""),
        ("elasticsearch", "http", "search", 9200, "elastic", ""),
        ("weaviate", "http", "vectors", 8080, None, ""),
        ("redis", "redis", "cache", 6380, None, "2"),
    ]


def test_a_password_is_the_text_of_its_file_without_the_last_newline(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(" p:ass/w@rd \n")
    (address,) = read(REDIS_URL="redis://h", REDIS_PASSWORD_FILE=str(secret)).addresses
    assert address.password == " p:ass/w@rd "
    assert "p:ass" not in repr(address)


@pytest.mark.parametrize(
    ("given", "connections"),
    [
        ({"DB_POOL_SIZE": "50", "DB_MAX_CONNECTIONS": "100"}, 4),
        ({"DB_POOL_SIZE": "2", "DB_MAX_CONNECTIONS": "100"}, 2),
        ({"DB_POOL_SIZE": "50", "DB_MAX_CONNECTIONS": "3"}, 3),
        ({"DB_POOL_SIZE": "50", "DB_MAX_CONNECTIONS": "100", "DB_SERVICE_CONNECTIONS": "20"}, 20),
    ],
)
def test_one_service_takes_the_smallest_of_the_limits(given: dict[str, str], connections: int) -> None:
    assert read(**given).pool.connections == connections


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "8O00"),
        ("DB_POOL_SIZE", "0"),
        ("DB_POOL_SIZE", "-1"),
        ("DB_MAX_CONNECTIONS", "1.5"),
        ("DB_RETRIES", "many"),
        ("DB_CONNECTION_TIMEOUT", "30s"),
        ("DB_CONNECTION_TIMEOUT", "nan"),
        ("DB_IDLE_TIMEOUT", "0"),
        ("DRAIN_SECONDS", "inf"),
        ("MYSQL_URL", "mysql://host/db"),
        ("MYSQL_URL", "mysql://user@host"),
        ("MYSQL_URL", "postgresql://user@host/db"),
        ("MYSQL_URL", "mysql://user@host:port/db"),
        ("MYSQL_URL", "mysql://user@host:0/db"),
        ("MYSQL_URL", "mysql://user@host/db?ssl=1"),
        ("MYSQL_URL", "mysql://user:secret@host/db"),
        ("POSTGRES_URL", "postgresql:///db"),
        ("REDIS_URL", "host:6379"),
        ("REDIS_URL", "redis://host/cache"),
        ("ELASTICSEARCH_URL", "search:9200"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: ") as refused:
        read(**{name: value})
    assert "secret" not in str(refused.value)


def test_a_password_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"REDIS_PASSWORD_FILE: cannot read .*nowhere"):
        read(REDIS_URL="redis://host", REDIS_PASSWORD_FILE=str(tmp_path / "nowhere"))


def test_a_wrong_environment_ends_the_start_with_one_line() -> None:
    ended = run(["serve"], {"MYSQL_URL": "mysql://user:secret@host/db"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == ("reference-service: MYSQL_URL: no password belongs in it; name its file in MYSQL_PASSWORD_FILE\n")


def test_a_store_whose_driver_is_absent_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "neo4j.py").write_text("raise ModuleNotFoundError(\"No module named 'neo4j'\")\n")
    ended = run(["serve"], {"NEO4J_URL": "bolt://neo4j@host", "PYTHONPATH": f"{tmp_path}:{SOURCE}"})
    assert ended.returncode == 2
    assert ended.stderr.startswith("reference-service: NEO4J_URL is given, but this image has no driver for neo4j: ")


def test_the_version_and_wrong_usage() -> None:
    assert run(["--version"], {}).stdout == "reference-service 1.0.0\n"
    assert run([], {}).returncode == 2
    assert run(["destroy"], {}).returncode == 2
