"""A job's model in MLflow: kept with its run, and registered where that was asked for or where it beats the champion.

The champion of an experiment is the model with that alias. Two models are compared on the same holdout alone (the same
receipt key), by their scores there with the intervals. The newcomer has opened that holdout after others had: it takes
the title only by a lead that is beyond noise, however often somebody has looked.
"""

from math import hypot, isfinite
from pathlib import Path
from statistics import NormalDist
from typing import final

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from autoproc.tracking import names
from autoproc.tracking.entries import ModelEntry, Standing
from autoproc.tracking.failures import EXISTS, MISSING, upload_errors

MODEL = "network"
"""The model's name among the job's; not that of a folder among its files, with which MLflow would mix it up."""
_METRIC, _HIGHER = "autoproc.holdout.metric", "autoproc.holdout.higher_is_better"
_SCORE, _LOW, _HIGH = "autoproc.holdout.score", "autoproc.holdout.low", "autoproc.holdout.high"


def beats(newcomer: Standing, champion: Standing) -> bool:
    """Whether the newcomer is better beyond noise, on the same holdout.

    Both intervals together bound the difference (the root of the summed squares of the sides that face each other: Zou
    and Donner, Statistics in Medicine 27, 2008). Scores on the same rows vary together, so that this is rather too
    wide. It is widened for each opening after the first, for the best of many looks is the best partly by luck.
    """
    better, worse = (newcomer, champion) if newcomer.higher_is_better else (champion, newcomer)
    noise = hypot(better.score - better.low, worse.high - worse.score)
    lead = (newcomer.score - champion.score) * (1 if newcomer.higher_is_better else -1)
    return isfinite(noise) and lead > noise * _widened(newcomer.opening)


def _widened(opening: int) -> float:
    """How much wider 95 % intervals are that hold for all of so many comparisons at once (Bonferroni)."""
    n_comparisons = max(opening - 1, 1)
    return NormalDist().inv_cdf(1 - 0.025 / n_comparisons) / NormalDist().inv_cdf(0.975)


@final
class Registry:
    """The models of one job's experiment."""

    def __init__(self, client: MlflowClient, experiment_id: str, run_id: str) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._run_id = run_id

    def keep(self, path: Path, entry: ModelEntry) -> str | None:
        """Keep the model in the folder `path` with the job, and register it where it should be: what came of that, or
        None where it was neither asked for nor to be decided. May be called again. Raises what MLflow raises."""
        model = self._logged(path)
        champion = self._champion(entry.name)
        if champion and champion.run_id == self._run_id:  # an earlier try came so far
            return self._tell(f"version {champion.version} of '{entry.name}' is the champion")
        title, why = _title(entry, champion)
        if not (entry.asked or title):
            return self._tell(f"not registered as '{entry.name}': {why}") if champion else None
        version = self._registered(model, entry)
        if title:
            self._client.set_registered_model_alias(entry.name, names.CHAMPION, version.version)
        told = f"version {version.version} of '{entry.name}'"
        return self._tell(f"{told} is the champion: {why}" if title else f"{told} is registered; {why}")

    def _tell(self, told: str) -> str:
        self._client.set_tag(self._run_id, names.REGISTERED, told)
        return told

    def _logged(self, path: Path) -> LoggedModel:
        """The job's model as MLflow's, whole."""
        found = self._client.search_logged_models([self._experiment_id], f"source_run_id = '{self._run_id}'")
        model = next((model for model in found if model.name == MODEL), None) or self._create(path)
        if str(model.status) != "READY":
            _require(path)
            with upload_errors():
                self._client.log_model_artifacts(model.model_id, str(path))
            model = self._client.finalize_logged_model(model.model_id, "READY")
        outputs = self._client.get_run(self._run_id).outputs
        if model.model_id not in [output.model_id for output in (outputs.model_outputs if outputs else [])]:
            self._client.log_outputs(self._run_id, [LoggedModelOutput(model.model_id, 0)])
        return model

    def _create(self, path: Path) -> LoggedModel:
        _require(path)
        return self._client.create_logged_model(
            self._experiment_id, MODEL, self._run_id, {names.ENTRY: self._run_id}, model_type="autoproc"
        )

    def _champion(self, name: str) -> ModelVersion | None:
        try:
            version = self._client.get_registered_model(name).aliases.get(names.CHAMPION)
        except MlflowException as error:
            if error.error_code == MISSING:
                return None
            raise
        return version and self._client.get_model_version(name, version)

    def _registered(self, model: LoggedModel, entry: ModelEntry) -> ModelVersion:
        found = self._client.search_model_versions(f"run_id = '{self._run_id}'")
        if versions := [version for version in found if version.name == entry.name]:
            return versions[0]
        try:
            self._client.create_registered_model(entry.name)
        except MlflowException as error:
            if error.error_code != EXISTS:
                raise
        return self._client.create_model_version(
            entry.name,
            model.artifact_location,
            run_id=self._run_id,
            tags=_tags(entry.standing),
            description=" ".join(filter(None, (_description(entry.standing), entry.note))),
            await_creation_for=0,
            model_id=model.model_id,
        )


def _require(path: Path) -> None:
    """Raises FileNotFoundError, at which the entry is given up."""
    if not path.exists():
        raise FileNotFoundError(f"there is no {path} any more")


def _title(entry: ModelEntry, champion: ModelVersion | None) -> tuple[bool, str]:
    """Whether the model becomes the champion, and why."""
    if champion is None:
        return entry.asked, "it is the first"
    standing, other, of = entry.standing, _standing(champion), f"version {champion.version}"
    if other is None or (other.key, other.metric) != (standing.key, standing.metric):
        return entry.asked, f"{of} was scored on another holdout or by another metric, and cannot be compared"
    both = f"{standing.score:.4g} against {other.score:.4g} on the same holdout"
    scores = f"{both}, which is a re-use: opening {standing.opening}"
    if beats(standing, other):
        return True, f"it beats {of} beyond noise, so many looks allowed for ({scores})"
    return False, f"{of} stays the champion, as it is not beaten beyond noise ({scores})"


def _tags(standing: Standing) -> dict[str, str]:
    re_use = {names.STATE: "re-use"} if standing.opening > 1 else {}
    return re_use | {
        _METRIC: standing.metric,
        _HIGHER: str(standing.higher_is_better),
        _SCORE: repr(standing.score),
        _LOW: repr(standing.low),
        _HIGH: repr(standing.high),
        names.RECEIPT_KEY: standing.key,
        names.RECEIPT_OPENING: str(standing.opening),
    }


def _standing(version: ModelVersion) -> Standing | None:
    """What a registered model's tags say; None for a model of somebody else's."""
    tags = version.tags
    try:
        score, low, high = (float(tags[name]) for name in (_SCORE, _LOW, _HIGH))
        opening = int(tags[names.RECEIPT_OPENING])
        return Standing(tags[_METRIC], tags[_HIGHER] == "True", score, low, high, tags[names.RECEIPT_KEY], opening)
    except (KeyError, ValueError):
        return None


def _description(standing: Standing) -> str:
    told = f"{standing.metric} {standing.score:.4g} (95 %: {standing.low:.4g} to {standing.high:.4g}) on the holdout"
    if standing.opening > 1:
        return f"{told}. **Re-use:** it was opened before (opening {standing.opening}); the score may be too good."
    return f"{told}, opened once."
