"""What is secret in a server's address, or in the environment, is in no file of a home and in nothing that is told."""

import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from autoproc.tracking import mlflow_tracker
from autoproc.tracking.listening import any_free_port
from autoproc.tracking.outbox import ENTRIES
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended
from tests.tracking.flaky_client import FlakyClient

USER, PASSWORD, TOKEN = "ann-lovelace", "p@ss/w0rd#x?y&z=%é", "tok-3n-of-ann"
ENVIRONMENT = {
    "MLFLOW_TRACKING_USERNAME": "bob-of-the-environment",
    "MLFLOW_TRACKING_PASSWORD": "pa55-of-the-environment",
    "MLFLOW_TRACKING_TOKEN": "t0ken-of-the-environment",
}
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (USER, PASSWORD, quote(PASSWORD, safe=""), TOKEN, BASIC, *ENVIRONMENT.values())


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a server that is not there."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    credentials = f"{USER}:{quote(PASSWORD, safe='')}"
    return f"http://{credentials}@127.0.0.1:{any_free_port()}/team?api_token={TOKEN}&x=1"


@pytest.fixture
def tune(here: Callable[..., Ended], folder: Path) -> Callable[[str], Ended]:
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder, trials=1)
    options = ["table.csv", "--target", "failed", "--config", "small.yaml", "--verbose", "--json"]
    return lambda address: here("tune", *options, "--tracking-uri", address)


def assert_no_secret(folder: Path, *told: str) -> None:
    for secret in SECRETS:
        holding = [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert not holding, secret
        assert not [text for text in told if secret in text], secret


def test_a_server_that_is_not_there(
    address: str, tune: Callable[[str], Ended], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = tune(address)
    assert ended.code == 2 and "The record cannot be kept at 'http://127.0.0.1:" in ended.err
    assert_no_secret(folder, ended.out, ended.err, *capfd.readouterr())


@pytest.fixture
def quoting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes a job's run, goes away, and then quotes what it was asked."""
    database = f"sqlite:///{(folder / 'mlruns' / 'mlflow.db').as_posix()}"

    def connect(uri: str) -> FlakyClient:
        client = FlakyClient(MlflowClient(database))
        client.error = MlflowException(f"API request to {uri} failed with HTTPConnectionPool(url: {uri}&token={TOKEN})")
        client.failing = frozenset({"log_batch", "log_inputs", "log_artifact", "set_experiment_tag", "set_terminated"})
        return client

    monkeypatch.setattr(mlflow_tracker, "connect", connect)


def test_a_server_that_goes_away_and_quotes_what_it_was_asked(
    address: str,
    tune: Callable[[str], Ended],
    here: Callable[..., Ended],
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    quoting: None,
) -> None:
    ended = tune(address)
    assert ended.code == 0, ended.err
    assert "MLflow could not be written to: API request to http://127.0.0.1:" in ended.err
    [job] = (folder / "mlruns" / "jobs").iterdir()
    assert (job / ENTRIES).exists() and "tracking_uri: http://127.0.0.1:" in (job / "plan.yaml").read_text()
    synced = here("sync", "last", "--tracking-uri", address)
    assert synced.code == 2 and "is not complete: http://127.0.0.1:" in synced.err
    assert_no_secret(folder, ended.out, ended.err, synced.out, synced.err, *capfd.readouterr())


def test_an_error_of_ours_that_quotes_the_address(
    address: str,
    tune: Callable[[str], Ended],
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    quoting: None,
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError(f"no answer from {address}&token={TOKEN}")

    monkeypatch.setattr("autoproc.steps.search.search_regularisation", broken)
    ended = tune(address)
    assert ended.code == 1 and "ZeroDivisionError: no answer from http://127.0.0.1:" in ended.err
    [job] = (folder / "mlruns" / "jobs").iterdir()
    assert "ZeroDivisionError: no answer from http://127.0.0.1:" in (job / "job.log").read_text()
    assert (job / "journal" / "job.json").exists()
    assert_no_secret(folder, ended.out, ended.err, *capfd.readouterr())
