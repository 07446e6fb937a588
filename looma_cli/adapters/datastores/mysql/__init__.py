"""MySQL and MariaDB: dump, fingerprint and restore by the server's own client programs inside its container."""

from looma_cli.adapters.datastores.mysql.driver import MysqlDatastore

__all__ = ["MysqlDatastore"]
