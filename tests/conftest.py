"""A strict, quiet and repeatable environment for every test.

The environment is set before torch, MLflow or rich are imported; nothing heavy is imported here.
"""

import os

from hypothesis import settings

os.environ.update(
    {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
)
os.environ.pop("MLFLOW_TRACKING_URI", None)

# Tests assert no times, and fail or pass alike in every run.
settings.register_profile("autoproc", deadline=None, derandomize=True, max_examples=50, print_blob=True)
settings.load_profile("autoproc")
