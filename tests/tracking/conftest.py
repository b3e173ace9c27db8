"""Homes with a database, made once and copied, and trackers on them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from autoproc.tracking.home import Home, open_home
from autoproc.tracking.mlflow_tracker import MlflowTracker, open_tracker
from autoproc.tracking.outbox import Address
from autoproc.tracking.tracker import Child
from tests.tracking.flaky_client import FlakyClient

EXPERIMENT = "table.csv: y"


# MLflow's own use of SQLAlchemy, which we cannot mend.
MLFLOWS_WARNING = "ignore:The ``noload`` loader strategy:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(MLFLOWS_WARNING))


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: making one takes seconds."""
    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    MlflowClient(f"sqlite:///{path.as_posix()}").search_experiments()
    return path


@pytest.fixture
def home(tmp_path: Path, database: Path) -> Home:
    home = open_home(tmp_path / "home")
    shutil.copy(database, home.database)
    return home


@pytest.fixture
def client(home: Home) -> MlflowClient:
    return MlflowClient(home.tracking_uri)


@pytest.fixture
def warnings_told() -> list[str]:
    return []


@pytest.fixture
def tracker(home: Home, warnings_told: list[str]) -> MlflowTracker:
    return open_tracker(home, None, EXPERIMENT, "job", {"autoproc.task": "binary"}, warn=warnings_told.append)


@pytest.fixture
def flaky(home: Home, client: MlflowClient) -> FlakyClient:
    return FlakyClient(client)


def tracker_on(flaky: FlakyClient, home: Home, warn: Callable[[str], None]) -> MlflowTracker:
    """A tracker whose client is `flaky`; its experiment and run are made while that still works."""
    found = flaky.get_experiment_by_name(EXPERIMENT)
    location = home.artifacts.as_uri()
    experiment_id = found.experiment_id if found else flaky.create_experiment(EXPERIMENT, artifact_location=location)
    address = Address(flaky.create_run(experiment_id).info.run_id, experiment_id, None)
    flaky.calls.clear()
    # After a failure nothing is tried again before the end, so that nothing hangs on time.
    return MlflowTracker(flaky, address, home, warn, pause=lambda n_failures: 3_600.0)


@pytest.fixture
def flaky_tracker(home: Home, flaky: FlakyClient, warnings_told: list[str]) -> MlflowTracker:
    return tracker_on(flaky, home, warnings_told.append)


@pytest.fixture
def child() -> Child:
    return Child(
        name="trial 7",
        stage="trial",
        state="pruned",
        started_at=1_000.0,
        ended_at=1_010.0,
        parameters={"depth": 2, "learning_rate": 0.1, "scheduler": "none", "nested": True},
        metrics={"final/score": 0.75, "final/standard_error": float("nan")},
        curves={"score/validation": [0.5, 0.7, float("nan"), 0.75], "loss/train": [1.0, float("inf"), 0.25, 0.125]},
        tags={"autoproc.reason": "behind the better half"},
    )


@pytest.fixture
def unavailable() -> MlflowException:
    return MlflowException("API request failed with error code 500")
