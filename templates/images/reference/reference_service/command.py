"""Read the command line and the environment, and run what they ask for."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping

from . import __version__
from .errors import ConfigurationError
from .settings import Settings


def run(arguments: list[str], environment: Mapping[str, str] = os.environ) -> int:
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    try:
        return execute(options.command, Settings.from_environment(environment))
    except ConfigurationError as error:
        print(f"reference-service: {error}", file=sys.stderr)
        return 2


def execute(command: str, settings: Settings) -> int:
    from . import server

    return asyncio.run(server.serve(settings) if command == "serve" else server.migrate(settings))


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="reference-service", description="A small real service over the datastores of a tenant.")
    result.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = result.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="migrate, then answer requests until SIGTERM")
    commands.add_parser("migrate", help="create the tables in every datastore that was given, and end")
    return result
