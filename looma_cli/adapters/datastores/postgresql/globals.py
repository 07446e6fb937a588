"""What belongs to the whole server, as SQL made within the moment's own snapshot: roles with their passwords, settings, memberships.

``pg_dumpall --globals-only`` would see another moment. The statements may be run again, and over roles that are there already.
"""

from __future__ import annotations

import hashlib

from looma_cli.adapters.datastores.postgresql.catalogue import FOLLOWER
from looma_cli.adapters.datastores.postgresql.session import Session
from looma_cli.model.backup import FingerprintPart

COMPLETE = "looma: globals complete"
_OWN = f"rolname !~ '^pg_' AND rolname <> '{FOLLOWER}'"  # a follower's access is nobody's data

# A list's elements must be quoted one by one. The names are those with GUC_LIST_QUOTE in PostgreSQL's guc tables.
_VALUE = """CASE WHEN name IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
    THEN coalesce((SELECT string_agg(quote_literal(coalesce(replace(m[1], '""', '"'), m[2])), ', ')
        FROM regexp_matches(value, '"((?:[^"]|"")*)"|([^",[:space:]]+)', 'g') m), '''''')
    ELSE quote_literal(value) END"""

# Since PostgreSQL 16 who grants a membership must have been given it before; until 15 the columns of its options do not exist.
_LEVELS = """
WITH RECURSIVE levels(roleid, member, level) AS (
    SELECT roleid, member, 0 FROM pg_auth_members WHERE grantor = 10
    UNION SELECT m.roleid, m.member, l.level + 1 FROM pg_auth_members m JOIN levels l ON m.roleid = l.roleid AND m.grantor = l.member
    WHERE l.level < 64
)"""

_STATEMENTS = f"""
{_LEVELS}
SELECT 0 AS step, 0 AS level, format('SELECT format(''CREATE ROLE %%I'', %1$L) WHERE NOT EXISTS '
    '(SELECT FROM pg_catalog.pg_roles WHERE rolname = %1$L) \\gexec', rolname) AS statement
FROM pg_authid WHERE {_OWN}
UNION ALL
SELECT 1, 0, format('ALTER ROLE %I WITH %s CONNECTION LIMIT %s%s PASSWORD %L;', rolname, concat_ws(' ',
    CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
    CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
    CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
    CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END), rolconnlimit,
    ' VALID UNTIL ' || quote_literal(rolvaliduntil), rolpassword)
FROM pg_authid WHERE {_OWN}
UNION ALL
SELECT 2, 0, format('ALTER ROLE %s SET %I TO %s;', coalesce(quote_ident(r.rolname), 'ALL'), name, {_VALUE})
FROM pg_db_role_setting s LEFT JOIN pg_authid r ON r.oid = s.setrole CROSS JOIN unnest(s.setconfig) AS setting
    CROSS JOIN LATERAL (SELECT split_part(setting, '=', 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value) AS parts
WHERE s.setdatabase = 0
UNION ALL
SELECT 3, coalesce((SELECT min(l.level) FROM levels l WHERE l.roleid = m.roleid AND l.member = m.member), 0),
    format('GRANT %I TO %I%s%s;', pg_get_userbyid(m.roleid), pg_get_userbyid(m.member),
        CASE WHEN to_jsonb(m) ? 'inherit_option' THEN format(' WITH ADMIN %s, INHERIT %s, SET %s', m.admin_option,
                to_jsonb(m) ->> 'inherit_option', to_jsonb(m) ->> 'set_option')
            WHEN m.admin_option THEN ' WITH ADMIN OPTION' END,
        (SELECT format(' GRANTED BY %I', g.rolname) FROM pg_authid g WHERE g.oid = m.grantor))
FROM pg_auth_members m WHERE pg_get_userbyid(m.member) !~ '^pg_'
UNION ALL
SELECT 4, 0, format('GRANT %s ON PARAMETER %I TO %s%s;', privilege_type, parname,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)
FROM pg_parameter_acl CROSS JOIN aclexplode(paracl) WHERE grantee <> 10
UNION ALL
SELECT 5, 0, format('COMMENT ON ROLE %I IS %L;', r.rolname, d.description)
FROM pg_shdescription d JOIN pg_authid r ON d.classoid = 'pg_authid'::regclass AND d.objoid = r.oid
"""
STATEMENTS = f'SELECT statement FROM (\n{_STATEMENTS}\n) AS one ORDER BY step, level, statement COLLATE "C"'


def read_globals(session: Session) -> list[str]:
    return [row["statement"] for row in session.rows(STATEMENTS)]


def script(statements: list[str]) -> bytes:
    """As ``psql`` takes it; what it prints last shows that it came to the end."""
    return "\n".join([*statements, f"\\echo '{COMPLETE}'", ""]).encode()


def roles_part(statements: list[str]) -> FingerprintPart:
    return FingerprintPart("roles", len(statements), hashlib.sha256("\n".join(statements).encode()).hexdigest()[:16], definition=True)
