"""Start, serve, drain."""

import asyncio
import logging
import signal

import uvicorn

from .application import Application
from .metrics import Metrics
from .records import Records
from .settings import Settings
from .stores import open_stores

# Longer than the 60 s for which Nginx keeps an idle upstream connection, so that the side that reuses it closes it.
KEEP_ALIVE_SECONDS = 75
logger = logging.getLogger(__name__)


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT. 0 if all requests were answered, 1 if some had to be cut off.

    The port is open at once; until the datastores are there and migrated, `/health` answers 503 and says why.
    """
    records = await open_records(settings)
    application = Application(settings, records, Metrics(settings))
    server = uvicorn.Server(server_config(settings, application))
    handle_signals(server)
    preparing = asyncio.create_task(records.prepare())
    try:
        await server.serve()
    finally:
        preparing.cancel()
        await asyncio.gather(preparing, return_exceptions=True)
        await records.close()
    if application.cut_off:
        logger.error("%d requests were cut off after %g s", application.cut_off, settings.drain_seconds)
    return min(application.cut_off, 1)


async def migrate(settings: Settings) -> int:
    """Create the tables; waits for the datastores as long as DB_CONNECTION_TIMEOUT says. 1 if they did not come."""
    records = await open_records(settings)
    try:
        async with asyncio.timeout(settings.pool.connection_timeout):
            await records.prepare()
    except TimeoutError:
        for store, reason in records.pending.items():
            logger.error("%s: not migrated: %s", store, reason)
        return 1
    finally:
        await records.close()
    return 0


async def open_records(settings: Settings) -> Records:
    stores = await open_stores(settings.addresses, settings.pool)
    return Records(stores, retries=settings.pool.retries, patience=settings.pool.connection_timeout)


def server_config(settings: Settings, application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        interface="asgi3",
        loop="asyncio",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


def handle_signals(server: uvicorn.Server) -> None:
    """Uvicorn drains, then puts these handlers back and raises the signal again: by then it must not end the process,
    whose pools are still to be closed."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
