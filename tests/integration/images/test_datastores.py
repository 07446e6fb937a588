"""MySQL, PostgreSQL and Redis of the local set, as hardened as looma runs them: what they answer, refuse and keep."""

from __future__ import annotations

import pytest
from docker.models.containers import Container

from tests.integration.images.containers import SECRETS, Containers, output, run, wait_healthy

pytestmark = pytest.mark.engine

PASSWORD = "p\"w\\ '$x;é -- 密"


# --- mysql -----------------------------------------------------------------------------------------------------------

MYSQL = {
    "MYSQL_ROOT_PASSWORD_FILE": f"{SECRETS}/root",
    "MYSQL_DATABASE": "look_ma",
    "MYSQL_USER": "loo'ma",
    "MYSQL_PASSWORD_FILE": f"{SECRETS}/user",
}


def start_mysql(containers: Containers, **options: object) -> Container:
    secrets = {"root": PASSWORD, "user": "user's"}
    return containers.start("looma/mysql:10.11", 192, secrets=secrets, environment=MYSQL, **options)


def mysql(container: Container, statement: str, user: str = "root", password: str = PASSWORD) -> tuple[int, str]:
    command = ("mariadb", "--protocol=tcp", "-h127.0.0.1", f"-u{user}", "-N", "-B", "-e", statement)
    return run(container, *command, environment={"MYSQL_PWD": password})


@pytest.fixture(scope="module")
def mysql_server(shared: Containers) -> Container:
    return start_mysql(shared)


def test_mysql_answers_with_the_password_of_a_file_and_in_utf8mb4(mysql_server: Container) -> None:
    assert mysql(mysql_server, "SELECT 1") == (0, "1\n")
    assert mysql(mysql_server, "SELECT @@character_set_server, @@character_set_connection") == (0, "utf8mb4\tutf8mb4\n")
    assert mysql(mysql_server, "SELECT '职位🙂'") == (0, "职位🙂\n")


@pytest.mark.parametrize(("user", "password"), [("root", ""), ("root", "wrong"), ("mysql", ""), ("", ""), ("loo'ma", "")])
def test_mysql_refuses_whoever_lacks_the_password(mysql_server: Container, user: str, password: str) -> None:
    code, text = mysql(mysql_server, "SELECT 1", user, password)
    assert code == 1
    assert "Access denied" in text
    code, text = run(mysql_server, "mariadb", f"-u{user or 'nobody'}", "-e", "SHOW DATABASES")  # over the socket: no other way in either
    assert ("Access denied" in text) is (user != "mysql")
    assert "look_ma" not in text


def test_mysql_user_has_all_of_the_database_and_nothing_else(mysql_server: Container) -> None:
    own = "CREATE TABLE look_ma.t (i INT); INSERT INTO look_ma.t VALUES (7); SELECT i FROM look_ma.t"
    assert mysql(mysql_server, own, "loo'ma", "user's") == (0, "7\n")
    assert mysql(mysql_server, "CREATE DATABASE lookXma")[0] == 0
    assert "denied" in mysql(mysql_server, "CREATE TABLE lookXma.t (i INT)", "loo'ma", "user's")[1]  # _ is no wildcard
    accounts = mysql(mysql_server, "SELECT CONCAT(User, '@', Host) FROM mysql.user ORDER BY 1")[1].split()
    assert accounts == ["loo'ma@%", "mariadb.sys@localhost", "mysql@localhost", "root@%", "root@localhost"]


def test_mysql_keeps_data_and_first_password_over_a_new_container(containers: Containers) -> None:
    data = containers.volume()
    first = start_mysql(containers, volumes={data.name: "/var/lib/mysql"})
    assert mysql(first, "CREATE TABLE look_ma.t (i INT); INSERT INTO look_ma.t VALUES (7)")[0] == 0
    first.remove(force=True)  # as a power cut
    environment = {"MYSQL_ROOT_PASSWORD": "another"}
    second = containers.start("looma/mysql:10.11", 192, environment=environment, volumes={data.name: "/var/lib/mysql"})
    assert mysql(second, "SELECT i FROM look_ma.t") == (0, "7\n")
    assert mysql(second, "SELECT 1", password="another")[0] == 1


def test_mysql_makes_an_interrupted_first_start_again(containers: Containers) -> None:
    for milliseconds in (100, 400):
        container = containers.create("looma/mysql:10.11", 192, environment=MYSQL, secrets={"root": PASSWORD, "user": "u"})
        container.start()
        container.exec_run(["sleep", str(milliseconds / 1000)])
        container.kill()
        container.start()
        wait_healthy(container)
        assert mysql(container, "SELECT 1") == (0, "1\n")
        assert mysql(container, "SELECT 1", password="")[0] == 1
        container.remove(force=True, v=True)


def test_mysql_writes_the_binary_log_that_its_command_asks_for(containers: Containers) -> None:
    container = start_mysql(containers, command=["--server-id=7", "--log-bin=binlog", "--binlog-format=ROW"])
    assert mysql(container, "SELECT @@server_id, @@binlog_format") == (0, "7\tROW\n")
    assert mysql(container, "SHOW MASTER STATUS")[1].startswith("binlog.00000")


def test_mysql_without_a_password_does_not_start(containers: Containers) -> None:
    container = containers.create("looma/mysql:10.11", 192)
    container.start()
    assert container.wait()["StatusCode"] == 1
    assert container.logs().decode() == "entrypoint: MYSQL_ROOT_PASSWORD or MYSQL_ROOT_PASSWORD_FILE must be set at the first start\n"


# --- postgresql ------------------------------------------------------------------------------------------------------

POSTGRES = {"POSTGRES_PASSWORD_FILE": f"{SECRETS}/password", "POSTGRES_USER": "o'wn\"er", "POSTGRES_DB": 'da"ta'}


def start_postgresql(containers: Containers, **options: object) -> Container:
    return containers.start("looma/postgresql:15-pgvector", 96, secrets={"password": PASSWORD}, environment=POSTGRES, **options)


def psql(container: Container, *statements: str, user: str = POSTGRES["POSTGRES_USER"], password: str = PASSWORD) -> tuple[int, str]:
    options = [option for statement in statements for option in ("-c", statement)]
    connection = ("-h", "127.0.0.1", "-U", user, "-d", POSTGRES["POSTGRES_DB"])
    return run(container, "psql", "-qtA", *connection, *options, environment={"PGPASSWORD": password})


@pytest.fixture(scope="module")
def postgresql_server(shared: Containers) -> Container:
    return start_postgresql(shared)


def test_postgresql_has_vectors(postgresql_server: Container) -> None:
    answer = psql(
        postgresql_server,
        "CREATE EXTENSION vector",
        "CREATE TABLE item (id int, embedding vector(3))",
        "INSERT INTO item VALUES (1, '[1,2,3]'), (2, '[4,5,6]')",
        "CREATE INDEX ON item USING hnsw (embedding vector_l2_ops)",
        "SELECT id, embedding <-> '[4,5,7]' FROM item ORDER BY 2",
    )
    assert answer == (0, "2|1\n1|5.830951894845301\n")
    assert psql(postgresql_server, "SELECT extversion FROM pg_extension WHERE extname = 'vector'") == (0, "0.8.0\n")


@pytest.mark.parametrize(
    ("user", "password"), [(POSTGRES["POSTGRES_USER"], ""), (POSTGRES["POSTGRES_USER"], "wrong"), ("postgres", PASSWORD)]
)
def test_postgresql_refuses_whoever_lacks_the_password(containers: Containers, user: str, password: str) -> None:
    code, text = psql(start_postgresql(containers), "SELECT 1", user=user, password=password)
    assert code == 2
    assert "password authentication failed" in text or "no password supplied" in text


def test_postgresql_keeps_data_and_first_password_over_a_new_container(containers: Containers) -> None:
    data = containers.volume()
    first = start_postgresql(containers, volumes={data.name: "/var/lib/postgresql/data"})
    assert psql(first, "CREATE TABLE t AS SELECT 7 AS i")[0] == 0
    first.remove(force=True)
    environment = {**POSTGRES, "POSTGRES_PASSWORD_FILE": f"{SECRETS}/other"}
    volumes = {data.name: "/var/lib/postgresql/data"}
    second = containers.start("looma/postgresql:15-pgvector", 96, secrets={"other": "another"}, environment=environment, volumes=volumes)
    assert psql(second, "SELECT i FROM t") == (0, "7\n")
    assert psql(second, "SELECT 1", password="another")[0] == 2


def test_postgresql_makes_an_interrupted_first_start_again(containers: Containers) -> None:
    for milliseconds in (50, 150):
        container = containers.create("looma/postgresql:15-pgvector", 96, environment=POSTGRES, secrets={"password": PASSWORD})
        container.start()
        container.exec_run(["sleep", str(milliseconds / 1000)])
        container.kill()
        container.start()
        wait_healthy(container)
        assert psql(container, "SELECT current_user") == (0, "o'wn\"er\n")
        container.remove(force=True, v=True)


# --- redis -----------------------------------------------------------------------------------------------------------


def test_redis_takes_its_configuration_with_the_password_through_stdin(containers: Containers) -> None:
    script = f'password="$(cat {SECRETS}/password)"\nexec redis-server - <<END\nappendonly yes\nrequirepass $password\nEND\n'
    options = {
        "command": ["sh", "-c", script],
        "secrets": {"password": "s3cret"},
        "environment": {"REDIS_PASSWORD_FILE": f"{SECRETS}/password"},
    }
    container = containers.start("looma/redis:7.0", 64, **options)
    assert output(container, "redis-cli", "ping") == "NOAUTH Authentication required."
    answered = {"REDISCLI_AUTH": "s3cret"}
    assert output(container, "redis-cli", "set", "key", "值", environment=answered) == "OK"
    assert "s3cret" not in output(container, "cat", "/proc/1/cmdline")
    container.restart(timeout=10)
    wait_healthy(container)
    assert output(container, "redis-cli", "--raw", "get", "key", environment=answered) == "值"


def test_redis_with_the_wrong_password_is_not_healthy(containers: Containers) -> None:
    environment = {"REDIS_PASSWORD_FILE": f"{SECRETS}/password"}
    container = containers.create(
        "looma/redis:7.0", 64, command=["--requirepass", "right"], secrets={"password": "wrong"}, environment=environment
    )
    container.start()
    code, text = run(container, "healthcheck")
    assert code != 0
    assert "WRONGPASS" in text
