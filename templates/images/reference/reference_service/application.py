"""The service's HTTP interface, as an ASGI application."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import quote

from .errors import BadRequest, MethodNotAllowed, NotFound, ServiceError, ShuttingDown, StoresUnavailable
from .http import Receive, Request, Response, Scope, Send, error_response, json_response
from .metrics import Metrics
from .records import Records
from .settings import Settings
from .validation import MAX_BODY_BYTES, key_from_path, parse_record

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """One path, as metrics name it, and what answers each method on it."""

    name: str
    methods: dict[str, Callable[[Request], Awaitable[Response]]]

    async def answer(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method not in self.methods:
            raise MethodNotAllowed(", ".join(sorted(self.methods)))
        return await self.methods[method](request)


class Application:
    """`cut_off` counts the requests that a shutdown did not let finish."""

    def __init__(self, settings: Settings, records: Records, metrics: Metrics) -> None:
        self._settings = settings
        self._records = records
        self._metrics = metrics
        self._record = Route("/records/{key}", {"GET": self.read})
        self._unknown = Route("unknown", {})
        self._routes = {
            b"/health": Route("/health", {"GET": self.health}),
            b"/info": Route("/info", {"GET": self.info}),
            b"/metrics": Route("/metrics", {"GET": self.metrics}),
            b"/records": Route("/records", {"GET": self.count, "POST": self.write}),
        }
        self._reported: dict[str, str] = {}
        self.cut_off = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        request = Request(scope, receive)
        route = self._route(request.path)
        response = await self._answer(route, request)
        await response.send(send)
        method = request.method if request.method in METHODS else "other"
        self._metrics.answered(route.name, method, response.status, perf_counter() - started)

    async def health(self, request: Request) -> Response:
        """200 when every datastore answers, else 503 naming those that do not."""
        answers = await self._records.check()
        for store, reason in answers.items():
            self._metrics.store_checked(store, reason is None)
            if reason is None and self._reported.pop(store, None):
                logger.info("%s: answers again", store)
        failed = {store: reason for store, reason in answers.items() if reason}
        if failed:
            raise StoresUnavailable(failed)
        return json_response(200, {"status": "ok", "stores": dict.fromkeys(answers, "ok")})

    async def info(self, request: Request) -> Response:
        names = ("tenant", "edition", "service", "release")
        return json_response(200, {name: getattr(self._settings, name) for name in names})

    async def metrics(self, request: Request) -> Response:
        page, content_type = self._metrics.page(request.header(b"accept"))
        return Response(200, page, content_type)

    async def write(self, request: Request) -> Response:
        record = parse_record(await request.body(MAX_BODY_BYTES))
        stores = await self._records.write(record)
        location = f"/records/{quote(record.key, safe='')}"
        return json_response(201, {"key": record.key, "stores": stores}, location=location)

    async def count(self, request: Request) -> Response:
        if request.query not in {b"count", b"count="}:
            raise BadRequest("expected /records?count or /records/{key}")
        return json_response(200, {"counts": await self._records.count()})

    async def read(self, request: Request) -> Response:
        key = key_from_path(request.path.removeprefix(b"/records/"))
        values = await self._records.read(key)
        return json_response(200, {"key": key, "value": next(iter(values.values())), "stores": values})

    def _route(self, path: bytes) -> Route:
        if path.startswith(b"/records/"):
            return self._record
        return self._routes.get(path, self._unknown)

    async def _answer(self, route: Route, request: Request) -> Response:
        try:
            if route is self._unknown:
                raise NotFound("no such path")
            return await route.answer(request)
        except StoresUnavailable as error:
            self._report(error)
            return error_response(error)
        except ServiceError as error:
            return error_response(error)
        except asyncio.CancelledError:
            # Nothing but the end of the drain cancels a request; the client still gets its answer.
            self.cut_off += 1
            return error_response(ShuttingDown())
        except Exception:
            logger.exception("%s %s", request.method, route.name)
            return error_response(ServiceError("internal error"))

    def _report(self, error: StoresUnavailable) -> None:
        """Count every failure; log only what is new, not each probe of a store that is down."""
        for store, reason in error.reasons.items():
            self._metrics.store_failed(store)
            if self._reported.get(store) != reason:
                logger.warning("%s: %s", store, reason)
            self._reported[store] = reason
