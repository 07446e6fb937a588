"""A plan that was saved to be applied later, with what it was decided from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from looma_cli.model.operation import Plan


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """``basis`` has what the plan was decided from: name -> value, or a short digest ``sha256:…`` of what is long or not for every eye.
    ``digest`` is over everything else (64 hex digits), ``seal`` the digest sealed under the home's key: nobody else can make one."""

    host: str
    made_at: datetime
    made_by: str
    plan: Plan
    basis: Mapping[str, str]
    digest: str = ""
    seal: str = ""
