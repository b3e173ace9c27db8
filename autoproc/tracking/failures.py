"""What goes wrong between a job and MLflow, and how it is told: in one line, without secrets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from autoproc import durable
from autoproc.tracking.addresses import without_secrets

MISSING = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"
NO_PLACE = ("ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED", "PERMISSION_DENIED")
"""What a server says that lacks a part of MLflow, or keeps it from us."""
MAX_CAUSE = 300

_DRIVER = re.compile(r"^.*\((sqlite3|psycopg\w*)\.[\w.]*\)\s*", re.DOTALL)  # who raised what follows
_REFUSED = "INVALID_PARAMETER_VALUE"
_REQUEST = "API request to "
_STATUS = re.compile(r"too many (\d+) error responses")  # of one, as nothing is asked twice
_ERROR_PAGE = re.compile(r"\.? Response body: '\s*<.*", re.DOTALL)


class UploadError(OSError):
    """A file or a model could not be kept, though what else a job tells may be: each kind of store (disk, S3, a server,
    a registry, ...) has errors of its own."""


@contextmanager
def upload_errors() -> Iterator[None]:
    """Turn whatever a store raises while it is given a file into an UploadError."""
    try:
        yield
    except Exception as error:  # no list of them would be whole
        raise UploadError(cause(error)) from error


UNREACHABLE = (MlflowException, OSError, SQLAlchemyError)
"""What is raised where MLflow does not take an entry now, and may take it later."""


def cause(error: BaseException) -> str:
    """What went wrong, in one line.

    >>> cause(OSError(28, "No space left on device"))
    'the disk is full'
    >>> cause(MlflowException("(as a result of a flush) (sqlite3.OperationalError) database is locked [SQL: SELECT]"))
    'database is locked'
    """
    told = _DRIVER.sub("", _text(_root(error)).partition("[SQL:")[0])  # MLflow adds the statement that failed
    line = without_secrets(" ".join(told.split())).rstrip(".") or type(error).__name__
    return line if len(line) <= MAX_CAUSE else f"{line[: MAX_CAUSE - 1]}…"


def _root(error: BaseException) -> BaseException:
    """What a request failed for: MLflow tells it as three libraries' words for it, one in the other."""
    if not (isinstance(error, MlflowException) and str(error).startswith(_REQUEST)):
        return error
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    return error


def _text(error: BaseException) -> str:
    original = error.orig if isinstance(error, SQLAlchemyError) and hasattr(error, "orig") else None
    text = durable.cause(error) if isinstance(error, OSError) else str(original or error)
    return _ERROR_PAGE.sub("", _STATUS.sub(r"it answers with error \1", text))


def is_refused(error: Exception) -> bool:
    """Whether trying again is of no use: a value that MLflow does not take, or a file to keep that is gone."""
    refused = isinstance(error, MlflowException) and error.error_code == _REFUSED
    return refused or isinstance(error, FileNotFoundError)
