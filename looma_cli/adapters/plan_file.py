"""A saved plan as a JSON file that people may read, and that nobody may edit."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from looma_cli.adapters.new_file import give_name
from looma_cli.errors import AlreadyExists, CommandFailed, InvalidValue, LoomaError, NotAllowed, NotFound, NotPermitted
from looma_cli.model.codec import encode
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.saved_plan import SavedPlan

FORMAT = 1
MOST_BYTES = 16 << 20
VERSION = "looma_plan"
FIELDS = (VERSION, "kind", "tenant", "host", "made_at", "made_by", "steps", "pivot", "changes", "warnings", "basis", "digest", "seal")
MAKES_ONE = "looma edition switch TENANT EDITION --plan-out FILE makes one"


class JsonPlanFiles:
    """Implements ``PlanFiles``."""

    def refuse(self, file: str) -> None:
        path = Path(file)
        if not path.parent.is_dir():
            raise NotFound(f"there is no folder {path.parent}", "make it first")
        if os.path.lexists(path):
            self._refuse_other(path)
        if not os.access(path.parent, os.W_OK):
            raise NotPermitted(f"{path.parent} cannot be written to", "choose a folder that you may write to")

    def _refuse_other(self, path: Path) -> None:
        """An earlier plan may be replaced, of whichever release; nothing else."""
        try:
            _version(_document(path), path)
        except LoomaError as error:
            raise AlreadyExists(f"{path} exists and is no saved plan", "choose another name") from error

    def write(self, file: str, saved: SavedPlan) -> None:
        path = Path(file)
        self.refuse(file)
        text = json.dumps(_said(saved), indent=1, ensure_ascii=False) + "\n"
        part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
        with _told(path):
            replace = os.path.lexists(path)
            try:
                _write_new(part, text.encode("utf-8", "surrogateescape"))
                give_name(part, path, replace=replace, hint="choose another name")
            finally:
                part.unlink(missing_ok=True)

    def read(self, file: str) -> SavedPlan:
        path = Path(file)
        document = _document(path)
        version = _version(document, path)
        if version > FORMAT:
            made_by = str(document.get("made_by"))[:60]
            raise NotAllowed(f"{file} was written by a newer looma ({made_by})", "use that release, or make the plan anew")
        if set(document) != set(FIELDS):
            raise _not_ours(path)
        try:
            return _read(document)
        except (KeyError, TypeError, ValueError) as error:
            raise _not_ours(path) from error


def _document(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise NotFound(f"there is no file {path}", "look at its name")
    if not path.is_file():
        raise _not_ours(path)
    with _told(path), path.open("rb") as opened:
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _not_ours(path)
    try:
        document = json.loads(content.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise _not_ours(path) from error
    if not isinstance(document, dict):
        raise _not_ours(path)
    return document


def _version(document: Mapping[str, Any], path: Path) -> int:
    version = document.get(VERSION)
    if type(version) is not int or version < 1:
        raise _not_ours(path)
    return version


def _not_ours(path: Path) -> InvalidValue:
    return InvalidValue(f"{path} is no saved plan", MAKES_ONE)


def _said(saved: SavedPlan) -> dict[str, Any]:
    values = {VERSION: FORMAT, **encode(saved.plan), **{name: value for name, value in encode(saved).items() if name != "plan"}}
    return {name: values[name] for name in FIELDS}


def _read(document: Mapping[str, Any]) -> SavedPlan:
    """Raises KeyError, TypeError, ValueError for what has another shape."""
    steps = tuple(_step(one) for one in _of(document["steps"], list))
    pivot = _of(document["pivot"], int)
    if not steps or not 0 <= pivot <= len(steps):
        raise ValueError("pivot")
    plan = Plan(
        _of(document["kind"], str), _of(document["tenant"], str), steps, pivot, _texts(document["changes"]), _texts(document["warnings"])
    )
    made_at = datetime.fromisoformat(_of(document["made_at"], str))
    basis = {name: _of(value, str) for name, value in _of(document["basis"], dict).items()}
    plain = {name: _of(document[name], str) for name in ("host", "made_by", "digest", "seal")}
    return SavedPlan(plan=plan, made_at=made_at, basis=basis, **plain)


def _step(found: Any) -> PlannedStep:
    if set(_of(found, dict)) != {"name", "params", "reason"}:
        raise ValueError("step")
    return PlannedStep(_of(found["name"], str), _of(found["params"], dict), _of(found["reason"], str))


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(_of(one, str) for one in _of(found, list))


def _of(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(kind.__name__)
    return value


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise NotPermitted(f"{path} is not yours: {error.strerror}", "look at its permissions") from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise CommandFailed(f"{path}: {error.strerror or error}", "free some disk there" if full else "choose another file") from error
