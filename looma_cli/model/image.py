"""Images on their way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SentImage:
    """One that went to a host, and how many bytes of it had to."""

    reference: str
    sent_bytes: int
