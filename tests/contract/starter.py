"""Like a looma in the middle of a start: ``python -m tests.contract.starter INSTALLATION TENANT`` starts the manifest on stdin.

Prints the pid of each outside program, and ``started`` at the end. SIGINT is noted and the step finished, as looma's runner does.
"""

from __future__ import annotations

import signal
import sys

from looma_cli.adapters.engine import ComposeEngine
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.tenant import LayerReference

if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: None)
    engine = ComposeEngine(None, sys.argv[1], lambda pid: print(pid, flush=True))
    engine.start(RenderedLayer(LayerReference(sys.argv[2], "data", 1), sys.stdin.read()))
    print("started", flush=True)
