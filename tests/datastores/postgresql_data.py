"""Awkward data for a PostgreSQL server, as SQL for ``psql``: what dumps and restores of others were seen to lose."""

from __future__ import annotations

from looma_cli.model.layer import Workload
from tests.datastores.servers import write_text

SECOND = "数据 \"库\" = 'x' %/"  # looks like a connection string, a path and a format at once
EMPTY = "empty"
LATIN = "latin"

ROLES = """
CREATE ROLE readers NOLOGIN;
CREATE ROLE "App User" LOGIN PASSWORD 'it''s a \\secret' CONNECTION LIMIT 7 VALID UNTIL '2099-01-01';
CREATE ROLE 管理员 LOGIN CREATEROLE CREATEDB BYPASSRLS NOINHERIT;
GRANT readers TO "App User" WITH ADMIN OPTION;
GRANT readers TO 管理员 GRANTED BY "App User";
GRANT pg_monitor TO 管理员;
ALTER ROLE "App User" SET search_path TO "$user", "Sales Dept", public, "a,b";
ALTER ROLE "App User" SET statement_timeout = '3s';
ALTER ROLE 管理员 SET my.custom TO 'a "quoted" value, with comma';
ALTER ROLE looma SET default_transaction_read_only = off;
ALTER ROLE ALL SET lock_timeout = '9s';
COMMENT ON ROLE readers IS '只读 and ''quoted''';
GRANT SET ON PARAMETER work_mem TO readers;
"""

TABLES = """
CREATE SCHEMA "Sales Dept" AUTHORIZATION "App User";
CREATE SCHEMA 销售;
CREATE EXTENSION vector;
CREATE EXTENSION hstore WITH SCHEMA "Sales Dept";
CREATE TYPE mood AS ENUM ('sad', 'ok', '快乐');
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0 OR VALUE = 'NaN');
CREATE TYPE pair AS (a int, "B" text);
CREATE TABLE "Sales Dept"."Order ""1"" x" (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY 5) PRIMARY KEY, t text, "T" varchar(20) DEFAULT 'new',
    status varchar(10) CHECK (status IN ('open', 'closed')), twice bigint GENERATED ALWAYS AS (id * 2) STORED,
    tags text[][], doc jsonb, raw bytea, amount numeric, ratio float8, small float4, at timestamptz, plain timestamp, span interval,
    feeling mood, price positive, both_ pair, ranges int4range, net inet, flag bool, day date, kind "char", fixed char(5), xmldoc xml,
    attributes "Sales Dept".hstore);
INSERT INTO "Sales Dept"."Order ""1"" x" (t, status, tags, doc, raw, amount, ratio, small, at, plain, span, feeling, price, both_,
    ranges, net, flag, day, kind, fixed, xmldoc, attributes) VALUES
    (E'line\\nbreak\\ttab \\\\ back "quote" 😀 汉字', 'open', '{{a,NULL},{"c,d","e\\"f"}}', '{"b": 1.00, "a": [null, "\\u4e2d"]}',
     '\\x00ff5c0a', 'NaN', 'NaN', '-0', 'infinity', '-infinity', '1 mon -2 days 03:04:05.000006', '快乐', 1.500, '(1,"x y")',
     '[1,5)', '10.0.0.1/8', true, 'infinity', 'x', 'ab', '<a>&lt;</a>', 'k=>v, "a b"=>NULL'),
    ('', 'closed', '{}', 'null', '', 'Infinity', '-Infinity', 1e-45, '0044-03-15 12:00:00 BC', '294276-12-31', '-178000000 years',
     'sad', 'NaN', NULL, 'empty', '::1', false, '4713-01-01 BC', '', '', NULL, ''),
    (NULL, NULL, NULL, NULL, NULL, 1.10, 0.1, 0.1, '2026-03-29 02:30:00+01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL);
CREATE TABLE 销售.没有列 ();
INSERT INTO 销售.没有列 DEFAULT VALUES;
CREATE UNLOGGED TABLE 销售.unlogged AS SELECT g AS id FROM generate_series(1, 10) g;
CREATE TABLE items (id serial PRIMARY KEY, embedding vector(3), half halfvec(2), label text COLLATE "C");
INSERT INTO items (embedding, half, label) SELECT ARRAY[random(), -random(), 1e-38 * g]::vector, ARRAY[g, 0.1]::halfvec, 'item ' || g
    FROM generate_series(1, 500) g;
CREATE INDEX items_hnsw ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32);
CREATE INDEX items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops) WITH (lists = 10);
CREATE INDEX items_partial ON items (lower(label)) INCLUDE (id) WHERE label IN ('a', 'b');
CREATE TABLE events (at date NOT NULL, id int NOT NULL, body text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (id);
CREATE TABLE events_2025_odd (body text, id int NOT NULL, at date NOT NULL);
ALTER TABLE events_2025 ATTACH PARTITION events_2025_odd FOR VALUES IN (1, 3, 5);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events VALUES ('2025-05-05', 3, 'in the middle'), ('2024-01-01', 2, 'rest'), ('2030-01-01', 9, NULL);
CREATE TABLE parent (a int, b text);
CREATE TABLE child (own text, a int, b text);
ALTER TABLE child INHERIT parent;
INSERT INTO parent VALUES (1, 'p');
INSERT INTO child VALUES ('own', 2, 'c');
CREATE TABLE husbands (id int PRIMARY KEY, wife int);
CREATE TABLE wives (id int PRIMARY KEY, husband int NOT NULL REFERENCES husbands DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE husbands ADD CONSTRAINT "his wife" FOREIGN KEY (wife) REFERENCES wives DEFERRABLE INITIALLY DEFERRED;
BEGIN; INSERT INTO husbands VALUES (1, 1); INSERT INTO wives VALUES (1, 1); COMMIT;
"""

OBJECTS = """
CREATE SEQUENCE down INCREMENT BY -3 MINVALUE -1000 MAXVALUE 50 START 40;
SELECT nextval('down'), nextval('down');
CREATE SEQUENCE untouched START 77;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN NEW.label := coalesce(NEW.label, $q$it's$q$);
RETURN NEW; END $body$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE OF label ON items FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION stamp();
ALTER TABLE items DISABLE TRIGGER stamp;
CREATE PROCEDURE 清空(INOUT n int) LANGUAGE sql BEGIN ATOMIC SELECT n + 1; END;
CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE VIEW "Open Orders" WITH (security_barrier) AS SELECT * FROM "Sales Dept"."Order ""1"" x" WHERE status IN ('open', 'closed');
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM items;
CREATE UNIQUE INDEX ON totals (n);
DELETE FROM items WHERE id = 500;
CREATE MATERIALIZED VIEW never AS SELECT 1 AS one WITH NO DATA;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE items FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON items FOR SELECT TO readers USING (label IN ('a', 'b') AND id < (SELECT max(id) FROM parent_ids()));
"""

PARENT_IDS = "CREATE FUNCTION parent_ids() RETURNS TABLE (id int) LANGUAGE sql STABLE AS 'SELECT 100';\n"

GRANTS = """
GRANT USAGE ON SCHEMA 销售 TO readers WITH GRANT OPTION;
GRANT SELECT (id, label), UPDATE (label) ON items TO "App User";
GRANT SELECT ON ALL TABLES IN SCHEMA public TO readers;
REVOKE EXECUTE ON FUNCTION stamp() FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA 销售 GRANT SELECT ON TABLES TO readers;
COMMENT ON COLUMN items.label IS 'a ''label''; 标签';
CREATE STATISTICS item_statistics ON id, label FROM items;
CREATE RULE nothing AS ON INSERT TO parent WHERE NEW.a < 0 DO INSTEAD NOTHING;
CREATE PUBLICATION all_items FOR TABLE items WHERE (id > 5);
SELECT lo_from_bytea(4242, '\\x00010203ff'), lo_from_bytea(4243, ''), lo_from_bytea(4244, convert_to(repeat('x', 5000), 'UTF8'));
SELECT lo_put(4245, 100000, '\\xff') FROM lo_create(4245);
ALTER LARGE OBJECT 4242 OWNER TO "App User";
GRANT SELECT ON LARGE OBJECT 4244 TO readers;
COMMENT ON LARGE OBJECT 4244 IS '大对象';
"""

DATABASES = f"""
CREATE DATABASE {EMPTY} OWNER "App User" CONNECTION LIMIT 3;
ALTER DATABASE {EMPTY} SET work_mem = '5MB';
ALTER DATABASE {EMPTY} SET default_transaction_read_only = on;
ALTER ROLE "App User" IN DATABASE {EMPTY} SET search_path TO "A", b;
COMMENT ON DATABASE {EMPTY} IS '空';
REVOKE CONNECT ON DATABASE {EMPTY} FROM PUBLIC;
CREATE DATABASE "{SECOND.replace('"', '""')}" TEMPLATE template0 LOCALE 'C' IS_TEMPLATE true;
CREATE DATABASE {LATIN} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
"""

IN_SECOND = """
CREATE TABLE accents (v text);
INSERT INTO accents VALUES (chr(233)), (chr(255));
"""


def sql(server: Workload, text: str, database: str = "looma") -> str:
    """What ``psql`` prints, unaligned; fails the test with the first statement that does."""
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")
    return write_text(server, ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "looma", "-d", f"dbname='{quoted}'"], text)


def fill(server: Workload) -> None:
    sql(server, ROLES)
    sql(server, TABLES)
    sql(server, PARENT_IDS + OBJECTS + GRANTS)
    sql(server, DATABASES)
    sql(server, IN_SECOND)
    sql(server, IN_SECOND, SECOND)
    sql(server, IN_SECOND, LATIN)
