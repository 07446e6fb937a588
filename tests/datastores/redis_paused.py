"""A looma that holds back the writers of the container in its argument, says so, and stays like that until it is killed."""

from __future__ import annotations

import sys
import time

from looma_cli.adapters.datastores.redis import RedisDatastore
from looma_cli.model.layer import Workload
from tests.datastores.redis_data import SETTINGS
from tests.datastores.servers import engine

if __name__ == "__main__":
    workload = Workload(sys.argv[1], "paused", "redis", None, "running", "none", "")
    with RedisDatastore(engine(), workload, SETTINGS).moment():
        print("held", flush=True)
        time.sleep(60)
