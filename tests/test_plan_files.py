"""Whatever a plan file holds: a plan that can be carried out as far as it says, or an error with a name."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings

from autoproc.errors import AutoprocError, PlanError
from autoproc.plan import Plan, make_plan
from autoproc.process import prepare
from autoproc.space_file import load_space
from tests.end_to_end import tables
from tests.plan_files import damaged_plan_files, plan_files

FRAME = tables.table(n_rows=60)
SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def read(values: dict[Any, Any], folder: Path) -> Plan | None:
    """The plan of a file with these values; none where they are refused."""
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    try:
        return make_plan(path)
    except PlanError as error:
        assert "\n" not in str(error).replace(str(path), "") and len(str(error)) < 2_000
        return None


@SHARED_FOLDER
@given(values=damaged_plan_files())
def test_what_is_no_plan_is_refused_by_a_named_error(values: dict[Any, Any], tmp_path: Path) -> None:
    plan = read(values, tmp_path)
    assert plan is None or make_plan(overrides=yaml.safe_load(plan.to_yaml())) == plan


@SHARED_FOLDER
@given(values=plan_files())
def test_a_plan_that_is_read_can_be_prepared_or_fails_by_a_named_error(values: dict[str, Any], tmp_path: Path) -> None:
    plan = read(values, tmp_path)
    if plan is None:
        return
    try:
        plan = load_space(plan.space).complete(plan)
        prepared, holdout = prepare(plan, FRAME)
    except AutoprocError:
        return
    assert prepared.development.n_rows + holdout.n_rows <= len(FRAME)
