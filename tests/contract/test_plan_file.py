"""The file of a saved plan: what goes in comes out, whole or not at all, and no file of somebody's is lost for it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from looma_cli.adapters.plan_file import JsonPlanFiles
from looma_cli.errors import AlreadyExists, InvalidValue, NotAllowed, NotFound
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.saved_plan import SavedPlan
from looma_cli.plan.saved import digest_of

STEPS = (
    PlannedStep("reserve-generation", {"layers": [["data", 2]], "allocations": [], "keep": 1.5, "none": None, "on": True}, "a reason"),
    PlannedStep("change-generation", {"changes": {"edition": "pro"}}),
)
PLAN = Plan("edition.switch", "acme", STEPS, 1, ("~ acme: basic -> pro", "- 中文"), ("some writes wait",))
SAVED = SavedPlan("local", datetime(2026, 1, 31, 8, 0, 0, 123, tzinfo=UTC), "looma 1.0", PLAN, {"release": "1.4.1"})
FILES = JsonPlanFiles()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    FILES.write(str(path), SAVED)
    return path


def test_what_goes_in_comes_out(file: Path) -> None:
    assert FILES.read(str(file)) == SAVED
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == ["plan.json"]
    assert "中文" in file.read_text(encoding="utf-8")


def test_its_digest_is_of_all_but_digest_and_seal(file: Path) -> None:
    assert digest_of(FILES.read(str(file))) == digest_of(SAVED) == digest_of(replace(SAVED, digest="ab", seal="cd"))
    others = [replace(SAVED, host="other"), replace(SAVED, basis={}), replace(SAVED, plan=replace(PLAN, pivot=0))]
    assert len({digest_of(one) for one in [SAVED, *others]}) == 4


def test_an_earlier_plan_is_replaced_and_nothing_else(file: Path) -> None:
    file.write_text(json.dumps({"looma_plan": 9, "made_by": "looma 9"}))
    FILES.write(str(file), SAVED)
    assert FILES.read(str(file)) == SAVED
    for content in ("", "mine", '{"looma_plan": 0}', '{"looma_plan": true}'):
        file.write_text(content)
        with pytest.raises(AlreadyExists):
            FILES.write(str(file), SAVED)
        assert file.read_text() == content
    assert os.listdir(file.parent) == ["plan.json"]


def test_links_folders_and_devices(file: Path, tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.symlink_to(tmp_path / "nowhere")
    for path in (loose, tmp_path, Path("/dev/null")):
        with pytest.raises(AlreadyExists):
            FILES.refuse(str(path))
    with pytest.raises(NotFound):
        FILES.refuse(str(tmp_path / "nowhere" / "plan.json"))
    with pytest.raises(InvalidValue):
        FILES.read("/dev/zero")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(steps=[]),
        lambda found: found.update(steps={}),
        lambda found: found.update(steps=[1]),
        lambda found: found["steps"][0].pop("reason"),
        lambda found: found["steps"][0].update(more=1),
        lambda found: found["steps"][0].update(params=[]),
        lambda found: found["steps"][0].update(name=None),
        lambda found: found.update(pivot=3),
        lambda found: found.update(pivot=-1),
        lambda found: found.update(pivot=True),
        lambda found: found.update(tenant=7),
        lambda found: found.update(made_at="yesterday"),
        lambda found: found.update(changes=[1]),
        lambda found: found.update(basis={"release": 1}),
        lambda found: found.update(more=1),
        lambda found: found.pop("host"),
    ],
)
def test_another_shape(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    with pytest.raises(InvalidValue, match=r"is no saved plan"):
        FILES.read(str(file))


def test_a_newer_version_says_so_whatever_its_shape(file: Path) -> None:
    file.write_text(json.dumps({"looma_plan": 2, "made_by": "looma 9"}))
    with pytest.raises(NotAllowed, match="newer looma"):
        FILES.read(str(file))
