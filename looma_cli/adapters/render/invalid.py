"""What the generated validator raises, with the signature that fastjsonschema writes into it: no need to import it at run time."""

from __future__ import annotations

from typing import Any


class Invalid(Exception):
    """A document breaks the schema; the message names the place as ``data.services.web.ports``."""

    def __init__(self, message: str, *_: Any, **__: Any) -> None:
        super().__init__(message)
