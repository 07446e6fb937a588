"""Users, roles and what they may do, as SQL that puts them back.

The account that restores is never dropped or revoked, only given what the dump has: a restore that is cut short leaves a server
into which the next one can still log in. Source: MariaDB's and MySQL's references, "SHOW CREATE USER", "SHOW GRANTS".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from looma_cli.adapters.datastores.mysql.definitions import part
from looma_cli.adapters.datastores.mysql.session import Session
from looma_cli.adapters.datastores.mysql.text import account, identifier
from looma_cli.errors import BackupFailed
from looma_cli.model.backup import FingerprintPart

SYSTEM_USERS = ("mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema")
FOLLOWER = "looma_follower"  # on a leader, while another server follows it: no part of what it holds
PUBLIC = "PUBLIC"  # MariaDB's grants to everybody look like a role, but it can be neither created nor dropped
_HEAD = "-- accounts "
_COLUMNS = re.compile(r"\(((?:`(?:[^`]|``)*`)(?:, `(?:[^`]|``)*`)+)\)")
_DEFAULT_ROLE = re.compile(r" DEFAULT ROLE (.+?)(?= REQUIRE )")


@dataclass(frozen=True, slots=True)
class Account:
    """``role``: one of MariaDB, where roles have no host; MySQL's are locked users. ``create`` as SHOW CREATE USER gives it."""

    user: str
    host: str
    role: bool
    create: str
    grants: tuple[str, ...]

    @property
    def name(self) -> str:
        return account(self.user, self.host)

    @property
    def definition(self) -> tuple[str, ...]:
        """For a fingerprint: servers list the columns of a grant in any order."""
        return (self.user, self.host, self.create, *sorted(_COLUMNS.sub(_sorted_columns, line) for line in self.grants))


def _sorted_columns(found: re.Match[str]) -> str:
    return f"({', '.join(sorted(found[1].split(', ')))})"


def accounts(session: Session) -> list[Account]:
    """All but those that the server has for itself or for a follower, roles first."""
    names = [row for row in _names(session) if row[0] not in (*SYSTEM_USERS, FOLLOWER)]
    users = [(user, host) for user, host, role in names if not role]
    created = dict(zip(users, session.each([f"SHOW CREATE USER {account(*user)}" for user in users]), strict=True))
    granted = session.each([f"SHOW GRANTS FOR {PUBLIC if user == PUBLIC and role else account(user, host)}" for user, host, role in names])
    return [
        Account(user, host, role, "" if role else created[user, host][0][0], tuple(line for (line,) in grants))
        for (user, host, role), grants in zip(names, granted, strict=True)
    ]


def account_part(found: list[Account]) -> FingerprintPart:
    """Passwords are in it only as part of a hash over all."""
    return part("accounts", (one.definition for one in found))


def _names(session: Session) -> list[tuple[str, str, bool]]:
    role = "is_role" if session.version.mariadb else "'N'"
    found = session.rows(f"SELECT user, host, {role} FROM mysql.user")
    return sorted(((user, host, role == "Y") for user, host, role in found), key=lambda name: (not name[2], name))


def as_sql(session: Session, found: list[Account]) -> str:
    """Begins with a line that names all of them, for ``superfluous``."""
    own = own_account(session)
    users = [one for one in found if not one.role]
    statements = [
        *(f"CREATE OR REPLACE ROLE {identifier(one.user)}" for one in found if one.role and one.user != PUBLIC),
        *(line for one in users for line in _created(session, one, (one.user, one.host) == own)),
        *(line for one in found for line in one.grants),
        *_roles_not_granted(session, own),
        *(line for one in sorted(users, key=lambda one: (one.user, one.host) == own) for line in _altered(session, one)),
    ]
    head = _HEAD + json.dumps([[one.user, one.host] for one in found])
    return "".join([head + "\n", *(f"{statement};\n" for statement in statements)])


def definers_as_sql(session: Session, found: list[Account]) -> str:
    """Comes before the dump: a view that reads another's is refused unless that one's definer is there and may read.

    Their own rights can come only after the tables; until then they may read everything, and nobody can log in as one who was not there.
    """
    own = own_account(session)
    named = {definer for (definer,) in session.rows(_DEFINERS)}
    wanted = [one for one in found if (one.user, one.host) != own and {f"{one.user}@{one.host}", one.user} & named]
    return "".join(line for one in wanted for line in (_present(one), f"GRANT SELECT, SHOW VIEW, EXECUTE ON *.* TO {one.name};\n"))


def _present(one: Account) -> str:
    if one.role:
        return f"CREATE ROLE IF NOT EXISTS {one.name};\n"
    return f"CREATE USER IF NOT EXISTS {one.name} ACCOUNT LOCK;\n"


def own_account(session: Session) -> tuple[str, str]:
    user, _, host = session.value("SELECT CURRENT_USER()").rpartition("@")
    return user, host


def superfluous(session: Session, sql: str) -> list[str]:
    """Statements that take away the accounts which the server has and the dump has not."""
    head, _, _ = sql.partition("\n")
    if not head.startswith(_HEAD):
        raise BackupFailed("the accounts in this backup are not what looma wrote", "restore another backup set")
    kept = {(user, host) for user, host in json.loads(head.removeprefix(_HEAD))} | {own_account(session)}
    others = [(user, host, role) for user, host, role in _names(session) if (user, host) not in kept and user not in SYSTEM_USERS]
    return [f"DROP {'ROLE' if role else 'USER'} {account(user, host)}" for user, host, role in others if not (role and user == PUBLIC)]


def _created(session: Session, one: Account, own: bool) -> list[str]:
    if own:
        return [f"CREATE USER IF NOT EXISTS {one.name}"]
    rest = _DEFAULT_ROLE.sub("", one.create).removeprefix("CREATE USER ")
    if session.version.mariadb:
        return [f"CREATE OR REPLACE USER {rest}"]
    return [f"DROP USER IF EXISTS {one.name}", f"CREATE USER {rest}"]


def _altered(session: Session, one: Account) -> list[str]:
    """Once more after the grants: MariaDB's repeat the password, and with that take back that it has expired."""
    roles = _DEFAULT_ROLE.search(one.create)
    rest = _DEFAULT_ROLE.sub("", one.create).removeprefix("CREATE USER ")
    return [f"ALTER USER {rest}", *([f"ALTER USER {one.name} DEFAULT ROLE {roles[1]}"] if roles else [])]


def _roles_not_granted(session: Session, own: tuple[str, str]) -> list[str]:
    """MariaDB makes the creator of a role its administrator, which the account may not have been on the source."""
    if not session.version.mariadb:
        return []
    administers = {(role, user, host) for user, host, role, admin in session.rows(_MAPPING) if admin == "Y"}
    belongs = {(role, user, host) for user, host, role, _ in session.rows(_MAPPING)}
    roles = [user for user, _, role in _names(session) if role and user != PUBLIC]
    revoked = [f"REVOKE {identifier(role)} FROM {account(*own)}" for role in roles if (role, *own) not in belongs]
    lessened = [role for role in roles if (role, *own) in belongs - administers]
    return revoked + [f"REVOKE ADMIN OPTION FOR {identifier(role)} FROM {account(*own)}" for role in lessened]


_DEFINERS = " UNION ".join(f"SELECT definer FROM information_schema.{kind}" for kind in ("views", "routines", "triggers", "events"))
_MAPPING = "SELECT user, host, role, admin_option FROM mysql.roles_mapping"
