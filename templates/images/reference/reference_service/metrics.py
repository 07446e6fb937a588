"""What Prometheus reads from `GET /metrics`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from .settings import Settings

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Requests by route, method and status; their time; failures and health of each store."""

    def __init__(self, settings: Settings) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = self._counter("requests", "Requests answered", "route", "method", "status")
        self._failures = self._counter("store_failures", "Requests and probes that a store failed", "store")
        self._seconds = Histogram("looma_reference_request_seconds", "Time to answer", ["route"], buckets=BUCKETS, registry=self._registry)
        self._healthy = self._gauge("store_healthy", "1 if the store answered the last health check", "store")
        identity = self._gauge("info", "Always 1", "tenant", "edition", "service", "release")
        identity.labels(settings.tenant, settings.edition, settings.service, settings.release).set(1)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def store_failed(self, store: str) -> None:
        self._failures.labels(store).inc()

    def store_checked(self, store: str, healthy: bool) -> None:
        self._healthy.labels(store).set(healthy)

    def page(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type, in the format that the scraper asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"looma_reference_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"looma_reference_{name}", text, labels, registry=self._registry)
