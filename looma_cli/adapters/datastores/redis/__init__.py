"""Redis: a moment is a short pause of its writers, a dump the RDB stream that a replica gets, a restore the stream that a primary sends."""

from looma_cli.adapters.datastores.redis.driver import RedisDatastore

__all__ = ["RedisDatastore"]
