"""MLflow's client for a server or a home's database."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from sqlalchemy.engine import make_url

from autoproc.errors import PlanError
from autoproc.tracking.addresses import check_address, public_address
from autoproc.tracking.database import await_unlocked, unusable
from autoproc.tracking.failures import UNREACHABLE, cause
from autoproc.tracking.home import Home
from autoproc.tracking.schema import check_schema

# MLflow logs each database error with its traceback; the user gets one warning of ours instead.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

UNUSABLE = (*UNREACHABLE, sqlite3.Error, ImportError, ValueError)


def connect(uri: str) -> MlflowClient:
    """A client that uses nothing but `uri`. Raises one of UNUSABLE, at the latest when it is used; HomeError for a
    database of another MLflow, and PlanError for an address that might give a password away."""
    check_address(uri)
    if uri.startswith("sqlite:") and (place := make_url(uri).database):
        await_unlocked(Path(place))
        check_schema(Path(place))
    # The registry's address too: without it MLflow takes a global one.
    return MlflowClient(uri, registry_uri=uri)


@contextmanager
def connection_errors(home: Home, tracking_uri: str | None) -> Iterator[None]:
    """Turn what goes wrong with a server, or with the home's database, into a PlanError or HomeError."""
    try:
        yield
    except UNUSABLE as error:
        if not tracking_uri:
            raise unusable(home.database, cause(error)) from None
        raise PlanError(
            f"The record cannot be kept at {public_address(tracking_uri)!r}: {cause(error)}. It must be the address of "
            "an MLflow server that answers, or of its database. Start the server, or leave out --tracking-uri to keep "
            "the record in the home folder."
        ) from None
