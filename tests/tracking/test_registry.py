"""Who is the champion: asked for, or better beyond noise on the same holdout, which is then a re-use and says so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND, TEMPORARILY_UNAVAILABLE

from autoproc.tracking import names
from autoproc.tracking.delivery import Delivery
from autoproc.tracking.entries import ModelEntry, Standing
from autoproc.tracking.failures import UploadError
from autoproc.tracking.outbox import Address
from autoproc.tracking.registry import Registry, beats
from tests.tracking.flaky_client import FlakyClient

FIRST = Standing("roc_auc", True, 0.90, 0.88, 0.92, "key", 1)
BETTER = replace(FIRST, score=0.95, low=0.94, high=0.96, opening=2)
WITHIN_NOISE = replace(FIRST, score=0.91, low=0.89, high=0.93, opening=2)
NAME = "table, y"
scores = st.floats(-100, 100)
sides = st.floats(0, 10)


def test_a_lead_beyond_noise_wins_in_either_direction() -> None:
    assert beats(BETTER, FIRST)
    assert not beats(FIRST, BETTER)
    error, lower_error = Standing("rmse", False, 10, 9, 11, "k", 1), Standing("rmse", False, 7, 6.5, 7.5, "k", 2)
    assert beats(lower_error, error)
    assert not beats(error, lower_error)


@given(scores, sides, scores, sides, st.integers(1, 50), st.booleans())
def test_within_noise_or_without_a_known_interval_nobody_is_dethroned(
    one: float, side: float, other: float, far: float, opening: int, higher: bool
) -> None:
    newcomer = Standing("m", higher, one, one - side, one + side, "k", opening)
    champion = Standing("m", higher, other, other - far, other + far, "k", 1)
    if abs(one - other) <= max(side, far):
        assert not beats(newcomer, champion)
    assert not (beats(newcomer, champion) and beats(champion, newcomer))
    assert not beats(replace(newcomer, low=float("nan"), high=float("nan")), champion)


def test_each_further_look_at_the_holdout_asks_for_a_larger_lead() -> None:
    lead = replace(FIRST, score=0.9295, low=0.91, high=0.95)
    assert beats(replace(lead, opening=2), FIRST)
    assert not beats(replace(lead, opening=12), FIRST)


@pytest.fixture
def keep(client: MlflowClient, tmp_path: Path) -> Callable[..., tuple[str, str | None]]:
    """Keeps a job's model and returns the job's run and what was told."""
    folder = tmp_path / "mlflow-model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    experiment_id = client.create_experiment("table: y", artifact_location=(tmp_path / "artifacts").as_uri())

    def one(standing: Standing, asked: bool = False, client: MlflowClient = client) -> tuple[str, str | None]:
        run_id = client.create_run(experiment_id).info.run_id
        entry = ModelEntry(str(folder), NAME, asked, standing, "The score is a sibling's.")
        return run_id, Registry(client, experiment_id, run_id).keep(folder, entry)

    return one


def champion(client: MlflowClient) -> str:
    return str(client.get_model_version_by_alias(NAME, names.CHAMPION).run_id)


def test_a_model_is_kept_and_nothing_registered_unless_asked(
    keep: Callable[..., tuple[str, str | None]], client: MlflowClient
) -> None:
    run_id, told = keep(FIRST)
    assert told is None
    assert client.search_registered_models() == []
    [output] = client.get_run(run_id).outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert (model.source_run_id, str(model.status)) == (run_id, "READY")
    assert [file.path for file in client.list_logged_model_artifacts(model.model_id)] == ["MLmodel"]


def test_the_title_changes_hands_only_for_what_is_better_beyond_noise(
    keep: Callable[..., tuple[str, str | None]], client: MlflowClient
) -> None:
    first, told = keep(FIRST, asked=True)
    assert (champion(client), told) == (first, "version 1 of 'table, y' is the champion: it is the first")
    _, told = keep(WITHIN_NOISE)
    assert champion(client) == first
    assert told and "not registered" in told and "version 1 stays the champion" in told and "re-use" in told
    _, told = keep(WITHIN_NOISE, asked=True)
    assert champion(client) == first
    assert told and told.startswith("version 2 of 'table, y' is registered; version 1 stays the champion")
    better, told = keep(BETTER)
    assert champion(client) == better
    assert told and "beats version 1 beyond noise" in told and "re-use: opening 2" in told
    version = client.get_model_version_by_alias(NAME, names.CHAMPION)
    assert version.tags[names.RECEIPT_OPENING] == "2" and version.tags[names.STATE] == "re-use"
    assert "Re-use" in version.description and version.description.endswith("The score is a sibling's.")
    assert client.get_run(better).data.tags[names.REGISTERED] == told


@pytest.mark.parametrize("change", [{"key": "another holdout"}, {"metric": "accuracy"}])
def test_scores_of_another_holdout_or_metric_are_not_compared(
    keep: Callable[..., tuple[str, str | None]], client: MlflowClient, change: dict[str, str]
) -> None:
    first, _ = keep(FIRST, asked=True)
    other = replace(BETTER, **change)
    _, told = keep(other)
    assert champion(client) == first
    assert told and "cannot be compared" in told
    asked, told = keep(other, asked=True)
    assert champion(client) == asked
    assert told and "cannot be compared" in told


def test_a_champion_of_somebody_elses_is_not_compared(
    keep: Callable[..., tuple[str, str | None]], client: MlflowClient
) -> None:
    client.create_registered_model(NAME)
    version = client.create_model_version(NAME, "/somewhere", await_creation_for=0).version
    client.set_registered_model_alias(NAME, names.CHAMPION, version)
    _, told = keep(BETTER)
    assert told and "cannot be compared" in told


@pytest.mark.parametrize(
    "lost",
    [
        "create_logged_model",
        "log_model_artifacts",
        "finalize_logged_model",
        "log_outputs",
        "create_registered_model",
        "create_model_version",
        "set_registered_model_alias",
        "set_tag",
    ],
)
def test_whatever_answer_is_lost_the_model_is_there_once(
    client: MlflowClient, tmp_path: Path, lost: str, unavailable: MlflowException
) -> None:
    folder = tmp_path / "mlflow-model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    experiment_id = client.create_experiment("e", artifact_location=(tmp_path / "artifacts").as_uri())
    run_id = client.create_run(experiment_id).info.run_id
    flaky = FlakyClient(client)
    flaky.error, flaky.failing, flaky.loses_answers = unavailable, frozenset({lost}), True
    registry, entry = Registry(flaky, experiment_id, run_id), ModelEntry(str(folder), NAME, True, FIRST)
    with pytest.raises((MlflowException, OSError)):
        registry.keep(folder, entry)
    flaky.error = None
    told = registry.keep(folder, entry)
    assert told and "version 1 of 'table, y' is the champion" in told
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1
    assert len(client.search_logged_models([experiment_id])) == 1
    assert len(client.get_run(run_id).outputs.model_outputs) == 1


def test_a_server_without_a_place_for_models_is_not_asked_again(client: MlflowClient, tmp_path: Path) -> None:
    folder = tmp_path / "mlflow-model"
    folder.mkdir()
    flaky, told = FlakyClient(client), list[str]()
    run_id = client.create_run(client.create_experiment("table: y")).info.run_id
    flaky.error = MlflowException("no such page", ENDPOINT_NOT_FOUND)
    delivery = Delivery(flaky, Address(run_id, "1", None), tmp_path, told.append)  # type: ignore[arg-type]
    delivery.deliver(ModelEntry(str(folder), NAME, True, FIRST))
    assert told == ["MLflow does not take the model: no such page"] and not folder.exists()
    flaky.error = MlflowException("come back later", TEMPORARILY_UNAVAILABLE)
    with pytest.raises(UploadError, match="come back later"):
        delivery.deliver(ModelEntry(str(folder), NAME, True, FIRST))
