"""The command line: `reference-service serve` and `reference-service migrate`."""

import signal
import sys


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 failed or requests cut off, 2 wrong usage or environment."""
    # As the first process of a container: without a handler SIGTERM is ignored, even while the modules are loaded.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from .command import run

    return run(sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
