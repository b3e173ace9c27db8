"""The names of metrics, parameters and tags in the record; nobody else spells them.

A prefix makes one section of charts in the MLflow UI. A curve and a final value never share a name, for
MLflow shows a metric's last step.
"""

import hashlib
import re
import unicodedata

# Curves: one value an epoch, mean over folds, in the metric's units.
SCORE_VALIDATION = "curves/validation_score"
SCORE_TRAIN = "curves/train_score"
LOSS_VALIDATION = "curves/validation_loss"
LOSS_TRAIN = "curves/train_loss"
LEARNING_RATE = "curves/learning_rate"

# Final values of one training.
SCORE = "final/score"
STANDARD_ERROR = "final/standard_error"
TRAIN_SCORE = "final/train_score"
EPOCHS = "final/epochs"
SECONDS = "final/seconds"

# Of a trial alone, so that the search's charts show no other training.
TRIAL_NUMBER = "trial/number"
TRIAL_SCORE = "trial/score"

# Curves of the job's overview: one value a trial, in the order in which they ended, or a rung.
SEARCH_SCORE = "search/score"
SEARCH_BEST = "search/best so far"
GROWTH_VALIDATION = "growth/validation"
GROWTH_TRAIN = "growth/training"
# ... and of the best trials: one value an epoch, as their own curves.
LEADER_VALIDATION = "best trials/validation"
LEADER_TRAIN = "best trials/training"

# The job's own values.
PEAK_MEMORY = "job/peak_memory_mb"
DUMMY = "dummy/score"
FRESH = "fresh/score"
FRESH_ERROR = "fresh/standard_error"
OPTIMISM_SEARCH = "optimism/search"
OPTIMISM_HOLDOUT = "optimism/holdout"
HOLDOUT = "holdout/score"
HOLDOUT_SINGLE = "holdout/single networks"
HOLDOUT_LOWER = "holdout/lower"
HOLDOUT_UPPER = "holdout/upper"

TEMPERATURE = "calibration/temperature"
LOG_LOSS_BEFORE = "calibration/log_loss_before"
LOG_LOSS_AFTER = "calibration/log_loss_after"
THRESHOLD = "job/threshold"
SAVING = "saving"  # of costs, out of fold and on the holdout

STAGE = "autoproc.stage"
STATE = "autoproc.state"
REASON = "autoproc.reason"
VERSION = "autoproc.version"
DATA = "autoproc.data"
TASK = "autoproc.task"
ENTRY = "autoproc.entry"
"""The key of what a job has handed over: what has it as a tag is not made again."""
SPLITS = "autoproc.splits"
TABLE = "autoproc.table"
VERSIONS = "autoproc.versions"
HARDWARE = "autoproc.hardware"
REGISTERED = "autoproc.registered"
RECEIPT_KEY = "autoproc.receipt.key"
RECEIPT_OPENED = "autoproc.receipt.opened_at"
RECEIPT_OPENING = "autoproc.receipt.opening"
RECEIPT_REASON = "autoproc.receipt.reason"
JOB_STAGE = "job"
OVERVIEW_STAGE = "overview"

# The folder of the receipt among a job's files.
RECEIPT_FOLDER = "receipt"

# Tags that MLflow itself reads.
PARENT = "mlflow.parentRunId"
DESCRIPTION = "mlflow.note.content"
COLOR = "mlflow.runColor"
SOURCE_NAME = "mlflow.source.name"
SOURCE_TYPE = "mlflow.source.type"
USER = "mlflow.user"
COMMIT = "mlflow.source.git.commit"

# The alias of the registered model that is to be used.
CHAMPION = "champion"

CUT_SHORT, TAKEN_BACK = "cut short", "taken back"
STATE_COLORS = {"complete": "#2e7d32", CUT_SHORT: "#81c784", "pruned": "#9e9e9e", "failed": "#c62828"}

MAX_KEY = 250
MAX_PARAMETER = 6_000
MAX_TAG = 8_000
MAX_TITLE = 120


def fold_score(number: int) -> str:
    """The final score of fold `number`, counted from 1."""
    return f"fold/{number}"


def holdout_measure(measure: str) -> str:
    """A further measure of the holdout, such as `holdout/recall`."""
    return f"holdout/{as_key(measure)}"


def out_of_fold(measure: str) -> str:
    """A measure of the best trial's out-of-fold predictions, such as `out_of_fold/f1`."""
    return f"out_of_fold/{as_key(measure)}"


def as_key(text: str, limit: int = 100) -> str:
    """`text` as one part of the name of a metric or parameter: legal in MLflow, without '/'.

    Text that had to change ends in a short hash, so that different texts stay different.

    >>> as_key("machine failure"), as_key("a/b")
    ('machine failure', 'a_b-c14cdd')
    """
    kept = re.sub(r"[^\w.\- ]", "_", text).strip(" ")
    if kept == text and len(kept) <= limit and kept not in ("", ".", ".."):
        return kept
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{kept[: limit - 7].strip(' .') or '_'}-{digest}"


def legal_key(name: str) -> str:
    """`name` as MLflow takes it for a metric, parameter or tag on every system; sections stay apart by '/'.

    >>> legal_key("curves/validation_score"), legal_key("r²/größe")
    ('curves/validation_score', 'r²/größe')
    """
    parts = [as_key(part) for part in name.split("/") if part]
    key = "/".join(parts) or as_key(name)
    return key if len(key) <= MAX_KEY else as_key(name.replace("/", "."), MAX_KEY)


def as_title(text: str, limit: int = MAX_TITLE) -> str:
    """`text` as the name of an experiment or run: one line of printable characters, never empty.

    >>> as_title("  two\\nlines\\x00 ")
    'two lines'
    """
    spaced = "".join(" " if char.isspace() else char for char in text)
    shown = " ".join("".join(char for char in spaced if unicodedata.category(char)[0] != "C").split())
    return (shown if len(shown) <= limit else f"{shown[: limit - 1].rstrip()}…") or "unnamed"


def model_name(experiment: str) -> str:
    """The registered model of an experiment: its name, without what MLflow refuses in a model's.

    >>> model_name("churn: left")
    'churn, left'
    """
    plain = as_title(experiment).replace(": ", ", ").replace(":", "-").replace("/", "-")
    return plain if plain.strip(".") else f"model {plain}"


def as_value(value: object, limit: int) -> str:
    """A parameter's or tag's value that every database takes: valid Unicode, no NUL, at most `limit` characters."""
    text = str(value).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
