"""What jobs keep for their reports, made by hand."""

from dataclasses import replace
from typing import Any

from autoproc.report.evidence import (
    Card,
    ClassPredictions,
    ColumnFacts,
    ColumnImportance,
    Curve,
    DataFacts,
    Evidence,
    FoldScores,
    Histogram,
    Importance,
    Line,
    Point,
    Reliability,
    Remark,
    RungFacts,
    SearchFacts,
    TargetPredictions,
    TrainingFacts,
    TrialFacts,
    ValuePredictions,
)
from tests.report import facts_data

HTML = "<img class='injected' src=x onerror=alert(1)>"
SCRIPT = "</td></script><script>alert(2)</script>"
LONG = "a long name " * 25
NAMES = (
    HTML,
    SCRIPT,
    "\"quoted\" & 'so' %{x} $x$",
    "\U0001f469\u200d\U0001f52c lab",
    LONG,
    "bell\x07 red\x1b[31m\u202eback",
    "12",
)

PLACES = ("search's folds", "fresh folds", "holdout")
STORY = """# failed of machines.csv

Took 12 s.

## Holdout

| average precision | score |
| --- | --- |
| **holdout** | **0.728 (95 %: 0.640 to 0.800)** |

## Data

10,000 rows.

## Reference models

scikit-learn's.

## Growth until it overfits

2 x 64 overfits.

## Search

4 trials.

## Out of fold

Calibration: none.
"""


def curve(n_epochs: int = 12) -> Curve:
    training = [0.5 + 0.04 * epoch for epoch in range(n_epochs)]
    validation = [0.5 + 0.02 * min(epoch, 12 - epoch) for epoch in range(n_epochs)]
    return Curve([*training], [*validation], [0.01] * n_epochs)


def rungs() -> list[RungFacts]:
    calm = RungFacts("1 x 32", 0.6, 0.02, 0.65, False, False, 12, "average_precision", "does not overfit", curve())
    wild = RungFacts("2 x 64", 0.7, 0.02, 0.95, True, True, 6, "loss", "overfits", curve())
    return [calm, wild]


def trials(n: int = 24) -> list[TrialFacts]:
    """Trials in which a high learning rate is good and nothing else matters; a third is pruned, and one has failed."""
    made = []
    for number in range(n):
        rate = float(f"{10 ** (-4 + 2 * ((7 * number) % n) / n):.5g}")
        values: dict[str, str | int | float] = {
            "depth": 2,
            "width": 64 * (1 + number % 2),
            "optimizer": ("adam", "adamw", "rmsprop")[number % 3],
            "learning_rate": rate,
            "scheduler": ("none", "StepLR")[number % 2],
            "dropout": (0.0, 0.1, 0.2, 0.3)[number % 4],
            "l1": 0.0 if number % 3 else 1e-6 * 10 ** (number % 4),
            "weight_decay": 1e-4 * (1 + number % 5),
            "batch_size": 256,
        }
        if number % 2:
            values["scheduler.step_size"] = 5 + number
        state = "failed" if number == 3 and n > 3 else "pruned" if number % 3 == 1 and number > 1 else "complete"
        score = None if state == "failed" else round(0.6 + 0.05 * (4 + number % 2 / 50) + rate, 5)
        made.append(TrialFacts(number, state, score, 0.02, 20, "", values))  # type: ignore[arg-type]
    return made


def data(names: tuple[str, ...] = ("torque", "type"), classes: tuple[str, ...] = ("no", "yes")) -> DataFacts:
    columns = [ColumnFacts(name, "numeric", True, "", 3 * k) for k, name in enumerate(names)]
    columns.append(ColumnFacts("serial", "id", False, "a value of its own in each row", None))
    return DataFacts(800, 200, [(name, 100 + 7 * k) for k, name in enumerate(classes)], [], columns)


def class_predictions(n_classes: int = 2) -> ClassPredictions:
    confusion = [[90 if i == j else 1 for j in range(n_classes)] for i in range(n_classes)]
    n_drawn = 1 if n_classes == 2 else min(n_classes, 8)
    lines = [Line(f"class {k}", [0.0, 0.1, 1.0], [0.0, 0.8, 1.0], 0.9) for k in range(n_drawn)]
    groups = Reliability([0.1, 0.9], [0.12, 0.85], [0.05, 0.7], [0.2, 0.95], [400, 400])
    two = n_classes == 2
    return ClassPredictions(
        "classes",
        sum(map(sum, confusion)),
        0.3 if two else None,
        confusion,
        lines,
        lines,
        0.4 if two else None,
        groups,
        n_drawn,
    )


def value_predictions(names: tuple[str, ...] = ("price",)) -> TargetPredictions:
    residuals = Histogram("", [-1.0, 0.0, 1.0], [30, 50])
    return TargetPredictions(
        "values", 80, [ValuePredictions(n, [0.0, 1.0, 2.0], [[30, 5], [5, 40]], residuals, 0) for n in names]
    )


def importance(names: tuple[str, ...] = ("torque", "type")) -> Importance:
    columns = [ColumnImportance(name, 0.1 / (k + 1), 0.05 / (k + 1), 0.2 / (k + 1)) for k, name in enumerate(names)]
    return Importance(columns, len(names), 500, 800, 5)


def evidence(**changes: Any) -> Evidence:
    """A finished binary job."""
    training = TrainingFacts(
        "Trial 2, the search's best", "StepLR(step_size 5)", curve(), 6.0, [[0.1] * 5 + [0.01] * 7] * 3
    )
    made = Evidence(
        run_id="3f2a0123456789abcdef",
        finished="2031-05-06 10:41",
        table="machines.csv",
        targets=["failed"],
        task="binary",
        metric="average_precision",
        direction="maximize",
        story=STORY,
        cards=[Card("average precision on the holdout", "0.728", "95 %: 0.640 to 0.800")],
        remarks=[Remark("good", "The holdout was opened once."), Remark("bad", "A warning.")],
        data=data(),
        settings={"seed": 0, "trials": 4},
        seconds=12.0,
        folds=[FoldScores("dummy", [0.03, 0.04, 0.03]), FoldScores("network", [0.6, 0.7, None])],
        rungs=rungs(),
        search=SearchFacts(trials(), 2, 0),
        trainings=[training],
        worth=[
            Point("search's folds", 0.74, 0.7, 0.78),
            Point("fresh folds", 0.73, 0.69, 0.77),
            Point("holdout", 0.71, 0.6, 0.8),
        ],
        exported=Point("exported model", 0.728, 0.64, 0.8),
        others=[Point("boosted trees", 0.75, None, None)],
        receipt="opened once, 2031-05-06T10:41:00+00:00",
        predictions=class_predictions(),
        importance=importance(),
    )
    return replace(made, **changes)


def story_of_facts() -> str:
    """The real story of a finished job, of which the headings are those that a page knows."""
    from autoproc.report.story import story

    return story(
        replace(
            facts_data.start(),
            baseline=facts_data.baseline(),
            references=facts_data.references(),
            growth=facts_data.growth(),
            search=facts_data.search(),
            selection=facts_data.selection(),
            decision=facts_data.decision(),
            verdict=facts_data.verdict(),
        )
    )
