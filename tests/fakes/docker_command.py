"""A `docker` command that only keeps a record, beside itself: which images were built, when, and with which options.

Run as a program (the directory of its link is its home). The file `down` there means an engine that does not answer, `broken` holds
the name of an image whose build fails, and BUILD_SECONDS in the environment is how long a build takes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import pairwise
from pathlib import Path


def option_values(arguments: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(arguments) if name == option]


def inspect(home: Path, references: list[str]) -> int:
    built = {path.read_text(): json.loads(path.with_suffix(".labels").read_text()) for path in home.glob("*.built")}
    found = [{"RepoTags": [name], "Config": {"Labels": built[name]}} for name in references if name in built]
    print(json.dumps(found))
    return int(len(found) < len(references))


def build(home: Path, arguments: list[str]) -> int:
    name = Path(arguments[-1]).name
    note(home, f"start {name}")
    print(f"#5 [stage-0 2/2] RUN --mount=type=secret,id=apt install-packages {name}", flush=True)
    broken = home / "broken"
    if broken.exists() and broken.read_text() == name:
        print(f"#5 1.234 E: Unable to locate package {name}\nERROR: failed to solve")
        return 1
    time.sleep(float(os.environ.get("BUILD_SECONDS", "0")))
    note(home, f"end {name}")
    apt = next(secret for secret in option_values(arguments, "--secret") if secret.startswith("id=apt,"))
    (home / "apt").write_text(Path(apt.partition("src=")[2]).read_text())
    (home / f"{name}.command").write_text(json.dumps(arguments))
    (home / f"{name}.labels").write_text(json.dumps(dict(label.split("=", 1) for label in option_values(arguments, "--label"))))
    (home / f"{name}.id").write_text(f"sha256:{name}-{time.monotonic_ns()}")
    (home / f"{name}.built").write_text(option_values(arguments, "--tag")[0])
    return 0


def note(home: Path, line: str) -> None:
    with (home / "log").open("a") as log:
        log.write(f"{line}\n")


def main(home: Path, arguments: list[str]) -> int | str:
    if (home / "down").exists():
        return "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
    match arguments:
        case ["context", "show"]:
            print("default")
            return 0
        case ["image", "inspect", *references]:
            return inspect(home, references)
        case ["image", "ls", "--quiet", "--no-trunc", reference]:
            print("\n".join(path.with_suffix(".id").read_text() for path in home.glob("*.built") if path.read_text() == reference))
            return 0
        case ["image", "rm", id]:
            note(home, f"remove {id}")
            return 0
        case ["buildx", "build", *_]:
            return build(home, arguments)
    return f"unexpected: {' '.join(arguments)}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[0]).parent, sys.argv[1:]))
