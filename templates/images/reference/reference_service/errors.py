"""Every way a request or a start can fail, each with the HTTP status and the JSON it is answered with."""

from typing import Any


class ServiceError(Exception):
    """Something that a client is told: `{"error": {"code", "message"}}` with `status`."""

    status = 500
    code = "internal"

    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": str(self)}}


class BadRequest(ServiceError):
    """The request is not what the contract says; nothing was touched."""

    status = 400
    code = "bad_request"


class BodyTooLarge(ServiceError):
    """The body is longer than any valid record can be."""

    status = 413
    code = "body_too_large"


class NotFound(ServiceError):
    """No such path, or no store has the key."""

    status = 404
    code = "not_found"


class MethodNotAllowed(ServiceError):
    """The path exists, but not with this method; `allowed` goes into the Allow header."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"only {allowed} is allowed here")
        self.allowed = allowed


class StoresUnavailable(ServiceError):
    """One or more datastores could not do their part. `reasons` maps the name of each to what went wrong."""

    status = 503
    code = "store_unavailable"

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(f"{store}: {reason}" for store, reason in reasons.items()))
        self.reasons = reasons

    def body(self) -> dict[str, Any]:
        answer = super().body()
        answer["error"]["stores"] = sorted(self.reasons)
        return answer


class StoreUnavailable(StoresUnavailable):
    """One datastore could not do its part; what the store adapters raise for every failure of their driver."""

    def __init__(self, store: str, reason: str) -> None:
        super().__init__({store: reason})
        self.reason = reason


class NoStores(ServiceError):
    """A record was sent to a service that was given no datastore: it could not be kept, so it is refused."""

    status = 503
    code = "no_datastore"

    def __init__(self) -> None:
        super().__init__("this service was given no datastore")


class ShuttingDown(ServiceError):
    """The request did not end in the time that a stopping service leaves it; its write may or may not have been kept."""

    status = 503
    code = "shutting_down"

    def __init__(self) -> None:
        super().__init__("the service is stopping")


class StoresDisagree(ServiceError):
    """The stores hold different values for one key, or some lack it: a write was lost somewhere."""

    status = 500
    code = "stores_disagree"

    def __init__(self, key: str, values: dict[str, str | None]) -> None:
        super().__init__("the datastores disagree about this key")
        self.key = key
        self.values = values

    def body(self) -> dict[str, Any]:
        return super().body() | {"key": self.key, "stores": self.values}


class ConfigurationError(Exception):
    """The environment is not usable; the service does not start (exit 2) and says which variable and why."""
