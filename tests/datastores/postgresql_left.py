"""A looma that has a moment of the container in its argument, says so, and stays like that until it is killed."""

from __future__ import annotations

import sys
import time

from looma_cli.model.layer import Workload
from tests.datastores.postgresql_servers import store

if __name__ == "__main__":
    id, image = sys.argv[1:]
    with store(Workload(id, id[:12], "postgresql", None, "running", "none", image)).moment() as moment:
        moment.release()
        print("taken", flush=True)
        time.sleep(600)
