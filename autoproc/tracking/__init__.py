"""The record of a job.

MLflow reads these settings from the environment, the first when it is imported; what the user has set goes first.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# After each run it would print the server's address, with the password in it; and its bars would break our display.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# A job never waits minutes for a server that is away: the tracker itself tries again later.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
