"""What the system catalogues tell: databases, tables with the text that hashes a row of theirs, sequences, large objects.

Every query names things in an order and a form that do not depend on object ids, so that it reads the same on a restored server.
"""

from __future__ import annotations

# template0 never changes; template1 is a mould for new databases, and one who reads it long would keep anybody from using it.
DATABASES = """
SELECT datname AS name, datallowconn AS open FROM pg_database
WHERE datname NOT IN ('template0', 'template1') AND datconnlimit <> -2 ORDER BY datname COLLATE "C"
"""

FOLLOWER = "looma_follower"  # role and slot of one that follows this server, and the name by which it shows

_OF_USERS = """n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp_)' AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"""
# An unlogged table is not in the log: a standby has its name, and nothing that could be read.
_READABLE = "(c.relpersistence <> 'u' OR NOT pg_is_in_recovery())"
_LOCKABLE = f"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND {_OF_USERS}"

# \gset makes a psql variable of the one row: the locks must be had before the transaction's first query takes its snapshot.
LOCK_STATEMENT = rf"""
SELECT coalesce('LOCK TABLE ' || string_agg(format('ONLY %I.%I', n.nspname, c.relname), ', ') || ' IN ACCESS SHARE MODE',
    'SET lock_timeout = 0') AS lock_tables {_LOCKABLE} \gset
"""

# Who writes rows, defines tables or roles, or opens a large object (the server locks them for reading as for writing), waits; other
# readers go on.
_HELD_CATALOGUES = "pg_class, pg_largeobject, pg_largeobject_metadata, pg_authid, pg_database"
HOLD_STATEMENT = rf"""
SELECT 'LOCK TABLE ' || concat_ws(', ', string_agg(format('ONLY %I.%I', n.nspname, c.relname), ', '), '{_HELD_CATALOGUES}')
    || ' IN SHARE MODE' AS hold_tables {_LOCKABLE} \gset
"""

UNLOGGED = f"""
SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND {_OF_USERS} ORDER BY 1
"""

HAS_TABLES = f"SELECT EXISTS (SELECT {_LOCKABLE}) AS tables"

UNLOCKED = f"""
SELECT n.nspname AS schema, c.relname AS name {_LOCKABLE}
    AND c.oid NOT IN (SELECT relation FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL)
"""

# Types whose hash is equal only for equal bytes are hashed as they are (an enum's is that of an object id, a numeric's and a float's
# forget digits after the point and the sign of zero); vectors by the bytes that go over the wire, all others as their exact text.
_COLUMN = """CASE
    WHEN y.typnamespace = 'pg_catalog'::regnamespace AND y.typname IN ('int2', 'int4', 'int8', 'oid', 'bool', 'bytea', 'uuid', 'date',
        'time', 'timestamp', 'timestamptz', 'inet', 'cidr', 'macaddr') THEN format('t.%I', a.attname)
    WHEN y.typnamespace = 'pg_catalog'::regnamespace AND y.typname IN ('text', 'varchar', 'bpchar')
        THEN format('t.%I COLLATE "C"', a.attname)
    WHEN y.typname IN ('vector', 'halfvec', 'sparsevec') AND y.typtype = 'b' THEN format('%s(t.%I)', y.typsend::regproc, a.attname)
    ELSE format('t.%I::text COLLATE "C"', a.attname) END"""

# Partitions count as their root: what a row's partition is called is a definition. Columns by name: a child that was made to inherit
# afterwards has them in another order once it is restored.
TABLES = f"""
SELECT format('%I.%I', n.nspname, c.relname) AS relation,
    (SELECT format('%I.%I', rn.nspname, r.relname) FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace
        WHERE r.oid = coalesce(pg_partition_root(c.oid), c.oid)) AS name,
    (SELECT string_agg({_COLUMN}, ', ' ORDER BY a.attname) FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT (c.relkind = 'p' AND c.relispartition) AND {_READABLE} AND {_OF_USERS} ORDER BY 1
"""

# Steps from the start of the range, whichever way it counts: that never shrinks, but where it may begin anew. A standby is some steps
# ahead of its leader, whose log notes 32 at once.
SEQUENCES = f"""
SELECT format('%I.%I', n.nspname, c.relname) AS name,
    CASE WHEN s.seqcycle OR last IS NULL THEN 0
        WHEN s.seqincrement > 0 THEN last::numeric - s.seqmin + 1 ELSE s.seqmax::numeric - last + 1 END AS steps,
    concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle) AS definition
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (SELECT CASE WHEN {_READABLE} THEN pg_sequence_last_value(c.oid) END AS last) AS at
WHERE {_OF_USERS} ORDER BY 1
"""

# Pages are compared without the zeros that a hole reads as: a restored object has none.
LARGE_OBJECTS = """
SELECT (SELECT count(*) FROM pg_largeobject_metadata) AS rows, (
    SELECT coalesce(sum(hashint4extended(1, hash_record_extended(ROW(loid, pageno, rtrim(data, '\\x00')), 0))), 0)
    FROM pg_largeobject WHERE rtrim(data, '\\x00') <> '' ) AS content, (
    SELECT coalesce(sum(hashtextextended(concat_ws(' ', m.oid, pg_get_userbyid(m.lomowner), obj_description(m.oid, 'pg_largeobject'),
        (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(coalesce(m.lomacl, acldefault('L', m.lomowner))) a),
        (SELECT p.pageno::bigint * 2048 + length(p.data) FROM pg_largeobject p WHERE p.loid = m.oid ORDER BY p.pageno DESC LIMIT 1)
        ), 0)), 0) FROM pg_largeobject_metadata m) AS objects
"""

# Their rows are made anew from the tables, as pg_dump has it; whether there are any is all that is kept of them.
POPULATED_VIEWS = f"""
SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND {_OF_USERS} ORDER BY 1
"""

_OF_SERVER = """(SELECT timeline_id::text FROM pg_control_checkpoint()) AS timeline,
    (SELECT system_identifier::text FROM pg_control_system()) AS system"""
POSITION = f"""
SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS lsn, {_OF_SERVER}
"""

# What was acknowledged may be in memory only (synchronous_commit = off), and a standby gets what is on the disk: the commit of a message
# brings all before it there. Nothing is written where nothing is behind; an end that lies on a page's border is behind by that page's head.
LEADER_POSITION = f"""
SELECT (CASE WHEN inserted <= pg_current_wal_flush_lsn() THEN inserted ELSE pg_logical_emit_message(true, 'looma', '') END)::text AS lsn,
    {_OF_SERVER} FROM (SELECT pg_current_wal_insert_lsn() AS inserted OFFSET 0) AS now
"""


def row_hashes(relation: str, columns: str | None) -> str:
    """Rows and the sum of their hashes. The outer hash is there because that of a record is a linear sum of those of its columns:
    two rows that swapped a value would go unnoticed."""
    record = f"hash_record_extended(ROW({columns or ''}), 0)"
    return f"SELECT count(*) AS rows, coalesce(sum(hashint4extended(1, {record})), 0)::text AS checksum FROM ONLY {relation} AS t"
