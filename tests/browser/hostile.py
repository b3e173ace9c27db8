"""A table whose file, columns and classes have names that would do harm as HTML, Markdown or a path."""

from pathlib import Path

import numpy as np
import pandas as pd

INJECTED = ".injected"
_HTML = '<img class="injected" src="x" onerror="alert(1)">'
_SCRIPT = "</td></table><script>alert(2)</script>"
_MARKDOWN = '[click](javascript:alert(3)) ![](x" class="injected") **bold**'
_LONG = "long " * 60
_CONTROL = "bell\x07 and\x1b[31m red\u202e"
FILE = f"{_HTML.replace('/', '')} & '\U0001f600'.csv"
TARGET = f'target {_HTML} "{_MARKDOWN}"'
COLUMNS = (f"first {_HTML}", f"second {_MARKDOWN}", f"{_SCRIPT} third", _LONG.strip(), _CONTROL)
LEFT_OUT = "constant <b class=injected>"
CLASSES = (f"no {_HTML}", f"\U0001f600 'yes' {_MARKDOWN}")


def write(folder: Path, n_rows: int = 240) -> Path:
    """A table in which the first column tells the target, with a column that is left out."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(n_rows, len(COLUMNS))), columns=list(COLUMNS)).round(4)
    is_yes = frame[COLUMNS[0]] + 0.5 * random.normal(size=n_rows) > 0
    frame[LEFT_OUT] = 1
    frame[TARGET] = np.where(is_yes, CLASSES[1], CLASSES[0])
    frame.to_csv(folder / FILE, index=False)
    return folder / FILE
