"""What is awkward about MySQL's data, as SQL for a fresh server of the tests."""

ALL_BYTES = "".join(f"{value:02x}" for value in range(256))

SCHEMAS = """
CREATE DATABASE `odd ``name``. of; it` CHARACTER SET latin1 COLLATE latin1_german1_ci;
CREATE DATABASE `-dashes` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE DATABASE `空的`;
"""

ROWS = """
USE looma;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+05:30';
CREATE TABLE people (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(200) NOT NULL, note LONGTEXT, born DATE NOT NULL DEFAULT '0000-00-00', seen DATETIME(6), at TIMESTAMP NULL,
  length INT GENERATED ALWAYS AS (CHAR_LENGTH(name)) VIRTUAL, upper_name VARCHAR(200) AS (UPPER(name)) STORED, INDEX (length),
  shy INT INVISIBLE DEFAULT 7, price DECIMAL(30, 10), ratio DOUBLE, kind ENUM('ä', 'b') , tags SET('x', 'y z') , year YEAR,
  CONSTRAINT fair CHECK (price >= 0), FULLTEXT (note)
) COMMENT='says ) ENGINE=InnoDB AUTO_INCREMENT=99';
INSERT INTO people (id, name, note, born, seen, at, price, ratio, kind, tags, year) VALUES
  (0, 'nobody', NULL, '0000-00-00', '0000-00-00 00:00:00', NULL, 0, 0, 'b', '', 0),
  (1, '李雷 👩‍👩‍👧 𠮷', 'line\\nfeed\\ttab\\\\back "double" ''single'' \\0nul \\Z', '2024-02-29', '9999-12-31 23:59:59.999999',
   '2001-09-09 01:46:40', 12345678901234567890.0123456789, 1e-300, 'ä', 'x,y z', 2155),
  (18446744073709551600, '', '', '1000-01-01', NULL, '1970-01-01 10:00:01', NULL, -0.1, NULL, NULL, NULL);
CREATE TABLE bytes (id INT PRIMARY KEY, data LONGBLOB, bits BIT(61), fixed BINARY(8), document JSON, place GEOMETRY NOT NULL,
  SPATIAL (place));
INSERT INTO bytes VALUES
  (1, X'%(bytes)s', b'1010101', X'00FF00', '{"a": ["\\\\u0000", "😀", null]}', ST_GeomFromText('POLYGON((0 0, 0 5, 5 5, 0 0))')),
  (2, '', NULL, '', '[]', ST_GeomFromText('POINT(1.5 -2.5)')), (3, REPEAT(X'%(bytes)s', 45000), b'0', NULL, NULL, Point(0, 0));
CREATE TABLE parents (id INT PRIMARY KEY, next INT, FOREIGN KEY (next) REFERENCES parents (id));
CREATE TABLE a_children (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE);
SET foreign_key_checks = 0;
INSERT INTO parents VALUES (1, 2), (2, 3), (3, 1);
INSERT INTO a_children VALUES (1, 1), (2, 3);
SET foreign_key_checks = 1;
CREATE TABLE keyless (word VARCHAR(9), number INT);
INSERT INTO keyless VALUES ('same', 1), ('same', 1), (NULL, NULL);
CREATE TABLE nothing (id INT);
CREATE TABLE parts (id INT, day DATE) PARTITION BY RANGE (YEAR(day))
  (PARTITION old VALUES LESS THAN (2020), PARTITION new VALUES LESS THAN MAXVALUE);
INSERT INTO parts VALUES (1, '2019-01-01'), (2, '2024-01-01');
CREATE TABLE history (id INT PRIMARY KEY, word TEXT) WITH SYSTEM VERSIONING;
INSERT INTO history VALUES (1, 'first'), (2, 'kept');
UPDATE history SET word = 'second' WHERE id = 1;
CREATE TABLE old_engine (id INT PRIMARY KEY, word TEXT) ENGINE=MyISAM;
INSERT INTO old_engine VALUES (1, 'no snapshot');
CREATE SEQUENCE tickets START WITH 100 INCREMENT BY 5 CACHE 10;
SELECT NEXT VALUE FOR tickets;
USE `odd ``name``. of; it`;
CREATE TABLE `a ``table``. with 'all'; "of"` (`sel``ect. it` INT PRIMARY KEY, `空` VARCHAR(20) CHARACTER SET ucs2);
INSERT INTO `a ``table``. with 'all'; "of"` VALUES (1, 'é'), (2, '字');
USE `-dashes`;
CREATE TABLE `--t` (id INT PRIMARY KEY, word VARCHAR(20));
INSERT INTO `--t` VALUES (1, 'a'), (2, 'A');
""".replace("%(bytes)s", ALL_BYTES)

PROGRAMS = """
USE looma;
DELIMITER ;;
CREATE DEFINER=`looma`@`%` FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2;;
CREATE PROCEDURE fill(IN n INT) COMMENT 'it''s ; here'
  BEGIN /* ;; */ DECLARE i INT DEFAULT 0; WHILE i < n DO SET i = i + 1; END WHILE; END;;
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT';;
CREATE PROCEDURE "quoted name"() SELECT 'a' || 'b' AS "x y";;
SET sql_mode = '';;
CREATE TRIGGER second_of_people BEFORE INSERT ON people FOR EACH ROW SET NEW.name = CONCAT(NEW.name, '!');;
CREATE TRIGGER a_first BEFORE INSERT ON people FOR EACH ROW PRECEDES second_of_people SET NEW.name = TRIM(NEW.name);;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' ON COMPLETION PRESERVE DISABLE
  COMMENT '清理' DO DELETE FROM nothing;;
CREATE EVENT often ON SCHEDULE EVERY 1 HOUR DO BEGIN DELETE FROM nothing; END;;
DELIMITER ;
CREATE DEFINER=`viewer`@`10.%%` SQL SECURITY DEFINER VIEW z_base AS SELECT id, name, looma.twice(length) AS doubled FROM people;
CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW a_on_view AS SELECT * FROM z_base WHERE id > 0 WITH CASCADED CHECK OPTION;
CREATE VIEW `-dashes`.across AS SELECT p.name, t.word FROM looma.a_on_view p JOIN `-dashes`.`--t` t;
""".replace("%%", "%")

ACCOUNTS = """
CREATE ROLE app_reader;
CREATE ROLE `odd role` WITH ADMIN root@'%';
CREATE ROLE nested;
GRANT app_reader TO nested WITH ADMIN OPTION;
CREATE USER reader@'10.%' IDENTIFIED BY 'p\\'w\\\\d;' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5 PASSWORD EXPIRE INTERVAL 30 DAY;
CREATE USER 'über o''brien; `x`'@'10.0.0.0/255.0.0.0' IDENTIFIED BY 'q' ACCOUNT LOCK;
CREATE USER two@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('y') OR unix_socket;
CREATE USER renewed@localhost IDENTIFIED BY 'z' PASSWORD EXPIRE;
CREATE USER ''@'10.9.9.9';
CREATE USER viewer@'10.%' IDENTIFIED BY 'v';
GRANT SELECT (id, name, length) ON looma.people TO viewer@'10.%';
GRANT EXECUTE ON *.* TO viewer@'10.%';
"""

GRANTS = """
GRANT SELECT ON looma.* TO app_reader;
GRANT SELECT ON `-dashes`.* TO PUBLIC;
GRANT SELECT (id, name, length), INSERT ON looma.people TO `odd role`;
GRANT EXECUTE ON FUNCTION looma.twice TO reader@'10.%';
GRANT ALL ON `odd ``name``. of; it`.* TO reader@'10.%' WITH GRANT OPTION;
GRANT nested TO reader@'10.%';
SET DEFAULT ROLE nested FOR reader@'10.%';
"""

AWKWARD = SCHEMAS + ROWS + ACCOUNTS + PROGRAMS + GRANTS
