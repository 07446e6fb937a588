"""``python -m tests.rig``: a rig by hand. Prints its hosts and what to put first on PATH, and ends with Ctrl-C or with its input."""

import contextlib
import json
import os
import sys

from looma_cli.adapters.engine import EngineApi
from looma_cli.adapters.engine.endpoint import resolve
from tests.rig import open_rig
from tests.rig.images import needed_images

with contextlib.suppress(KeyboardInterrupt), open_rig(EngineApi(resolve(None, os.environ), os.environ), needed_images()) as rig:
    shown = {"path": str(rig.folder / "bin"), "gateway": rig.gateway, "hosts": [{"name": h.name, "url": h.url} for h in rig.hosts]}
    print(json.dumps(shown, indent=2), flush=True)
    sys.stdin.read()
