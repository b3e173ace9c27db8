"""Paths as a user types them, those that no machine can have included."""

from pathlib import Path

import pytest

from autoproc.errors import BundleError, PlanError
from autoproc.export.bundle import load
from autoproc.paths import possible_path, user_path, why_impossible
from autoproc.plan import make_plan
from autoproc.space_file import load_space
from autoproc.tracking.home import open_home

IMPOSSIBLE = {"~nobody-is-called-so/x": "no such user", "a\0b": "no name can have", "x" * 5_000: "too long"}
impossible = pytest.mark.parametrize(("name", "why"), IMPOSSIBLE.items(), ids=["user", "nul", "long"])


def test_a_users_folder_is_meant_by_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x") == possible_path("~/x", "It") == tmp_path / "x"
    assert user_path("~nobody-is-called-so/x") == Path("~nobody-is-called-so/x")


@pytest.mark.parametrize("name", ["", ".", "not/there", "größe", "/", "a b%?\n"])
def test_what_may_be_there_or_not_is_possible(name: str) -> None:
    assert why_impossible(name) is None
    assert possible_path(name, "It") == Path(name)


@impossible
def test_what_cannot_be_there_is_refused_wherever_a_path_may_stand(name: str, why: str, tmp_path: Path) -> None:
    for refused, error in (
        (lambda: possible_path(name, "It"), PlanError),
        (lambda: make_plan(overrides={"home": name}), PlanError),
        (lambda: load_space(name), PlanError),
        (lambda: open_home(name), PlanError),
        (lambda: load(name), BundleError),
    ):
        with pytest.raises(error, match=why) as told:
            refused()  # type: ignore[no-untyped-call]
        assert len(str(told.value)) < 300
