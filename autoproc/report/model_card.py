"""The model card: what a bundle's card says, as a page for people, with the front matter that model hubs read.

A pure function of the card and of the schema. Everything that came from the data is escaped: for Markdown as in the
story of a job, for YAML by its own writer.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from autoproc.data.drift import LEVELS
from autoproc.data.encoders import CategoryColumn, DateColumn, Encoder, day_of
from autoproc.data.vectorize import Schema
from autoproc.format import format_count, format_estimate, format_mean, format_score
from autoproc.outcomes import Estimate, ReferenceVerdict, Resamples
from autoproc.report import phrases
from autoproc.report.text import MAX_SENTENCE, escaped, listed, one_line, table

_CLASSIFICATION = ("binary", "multiclass")
_MADE = {
    "ensemble": "fold networks of several configurations, averaged by shares",
    "folds": "the fold networks of one configuration, averaged",
    "refit": "one network, trained on all development rows",
    "refits": "networks of one configuration, trained on all development rows and averaged",
}
_HOLDS = {"numeric": "numbers", "boolean": "yes or no", "categorical": "categories", "datetime": "dates"}
_COLUMNS_SHOWN = 100
_CATEGORIES_SHOWN = 8


def model_card(card: Mapping[str, Any], schema: Schema) -> str:
    """The page of a model whose bundle has the `card` and reads its columns by the `schema`."""
    front = yaml.safe_dump(_front_matter(card), sort_keys=False, allow_unicode=True, width=1_000)
    return f"---\n{front}---\n\n" + "\n\n".join(_blocks(card, schema)) + "\n"


def _front_matter(card: Mapping[str, Any]) -> dict[str, Any]:
    """Keys and values as the Hugging Face Hub's model cards have them."""
    kind = "tabular-classification" if card["task"] in _CLASSIFICATION else "tabular-regression"
    verdict = card.get("verdict")
    front = {"library_name": "autoproc", "pipeline_tag": kind, "tags": ["tabular", kind, "pytorch", "autoproc"]}
    if not verdict:
        return front
    scores = {verdict["metric"]: verdict["score"]}
    scores |= {name: estimate["score"] for name, estimate in verdict["beside"].items()}
    known = {name: score for name, score in scores.items() if score is not None and math.isfinite(score)}
    result = {
        "task": {"type": kind, "name": card["task"].replace("_", " ")},
        "dataset": {"type": "tabular", "name": one_line(card["data"]["name"]), "split": "holdout"},
        "metrics": [{"type": name, "name": name.replace("_", " "), "value": score} for name, score in known.items()],
    }
    index = [{"name": _name(card), "results": [result]}]
    return {**front, "metrics": list(known), "model-index": index}


def _name(card: Mapping[str, Any]) -> str:
    return f"{one_line(', '.join(card['targets']))} of {one_line(card['data']['name'])}"


def _blocks(card: Mapping[str, Any], schema: Schema) -> Iterator[str]:
    yield f"# {escaped(', '.join(card['targets']))} of {escaped(card['data']['name'])}"
    yield _what(card, schema)
    yield "## Scores"
    yield from _scores(card)
    yield "## Data, metric and protocol"
    yield "\n".join(f"- {line}" for line in _made(card))
    yield "## Limits"
    yield "\n".join(f"- {line}" for line in _limits(card))
    yield "## Columns"
    yield from _columns(card, schema)
    yield "## How to load it"
    yield from _loading(card)


def _what(card: Mapping[str, Any], schema: Schema) -> str:
    targets = listed([f"**{escaped(name)}**" for name in card["targets"]])
    classes = listed([escaped(name) for name in card["classes"]])
    positive_last = "; the last is the positive one" if card["task"] == "binary" else ""
    what = f" (classes {classes}{positive_last})" if classes else ""
    label = ""
    if card["threshold"] is not None:
        positive = escaped(card["classes"][-1])
        label = f" The label is {positive} from a probability of {card['threshold']:.3g} on."
    return (
        f"Predicts {targets}{what} from {format_count(len(schema.columns))} columns of a table: {_MADE[card['final']]}."
        f" Made by autoproc {escaped(card['versions']['autoproc'])}.{label}"
    )


def _scores(card: Mapping[str, Any]) -> Iterator[str]:
    verdict = card.get("verdict")
    if not verdict:
        yield "**This model has no score on a holdout (yet)**, and what its folds said flatters it."
        yield f"Cross-validated: {_mean(card['winner'])} ({_title(card)})."
        return
    mark = " (re-use)" if verdict["receipt"]["opening"] > 1 else ""
    fresh = verdict["fresh"]
    cross_validated = {"score": verdict["cross_validated"], "standard_error": verdict["cross_validated_standard_error"]}
    beside = [(phrases.metric_title(name), _estimate(each)) for name, each in verdict["beside"].items()]
    rows = [
        (f"**this model, on the holdout{mark}**", f"**{_estimate(verdict)}**"),
        ("a dummy, on the holdout", format_score(_number(verdict["dummy"]))),
        *((f"{each['name']}, on the holdout{mark}", _estimate(each)) for each in verdict["references"]),
        ("the winning configuration, cross-validated (the search chose by it)", _mean(cross_validated)),
        *([("the same on fresh folds, which chose nothing", _mean(fresh))] if fresh else []),
        (f"its networks one by one, on the holdout{mark}", _estimate(verdict["single"])),
        *((f"{title}, on the holdout{mark}", text) for title, text in beside),
    ]
    better = "higher" if card["metric"]["direction"] == "maximize" else "lower"
    yield table((f"{_title(card)} ({better} is better)", "score"), rows)
    yield "In brackets stand 95 % intervals; ± is the standard error over folds."
    yield _optimism(verdict["optimism"])
    if verdict["references"]:
        yield "Beside simpler models, on the same holdout:"
        yield "\n".join(f"- {escaped(each['name'])}: {_standing(each)}" for each in verdict["references"])


def _optimism(optimism: Mapping[str, Any]) -> str:
    score, (low, high) = _number(optimism["score"]), _interval(optimism)
    if math.isnan(score):
        return "Optimism: how far validation flattered the networks is not known."
    flattered = score > 0
    by = format_estimate(abs(score), (low, high) if flattered else (-high, -low))
    noise = "" if math.isnan(low) else ", within noise" if low <= 0 <= high else ", beyond noise"
    side = "better" if flattered else "worse"
    return f"Optimism: its networks did {side} on their folds than on the holdout{noise}: by {by}."


def _standing(reference: Mapping[str, Any]) -> str:
    lead = reference["network_better_by"]
    estimates = (Estimate(_number(each["score"]), _interval(each)) for each in (reference, lead))
    return escaped(phrases.standing_text(ReferenceVerdict(reference["name"], *estimates)), MAX_SENTENCE)


def _made(card: Mapping[str, Any]) -> Iterator[str]:
    protocol, calibration = card["protocol"], card["decision"]["calibration"]
    n_development, n_holdout = (format_count(protocol[name]) for name in ("n_development", "n_holdout"))
    rows = f"{n_development} rows for development, {n_holdout} sealed"
    yield f"**Data:** {escaped(card['data']['name'])}: {rows}; fingerprint {escaped(card['data']['fingerprint'][:16])}"
    yield f"**Metric:** {_title(card)}, as {_sentence(card['metric']['reason'])}"
    yield f"**Protocol:** {_sentence(protocol['reason'])}"
    if card["trained_on"] != "development rows":
        yield f"**Trained on {escaped(card['trained_on'])}.** {_sentence(card.get('scored', ''))}."
    if calibration:
        used = f"temperature {calibration['temperature']:.3g}" if calibration["used"] else "none needed beyond noise"
        leaning = card["decision"].get("class_weights")
        yield f"**Calibration:** {used}" + (f"; {phrases.leaning_text(leaning)}" if leaning else "")
    threshold = card["decision"]["threshold"]
    if threshold:
        yield f"**Threshold:** {threshold['value']:.3g}, {_sentence(threshold['reason'])}"
    if receipt := (card.get("verdict") or {}).get("receipt"):
        yield f"**Holdout:** opened at {escaped(receipt['opened_at'])}, opening {receipt['opening']}"


def _limits(card: Mapping[str, Any]) -> Iterator[str]:
    protocol, splits, verdict = card["protocol"], card.get("splits", {}), card.get("verdict")
    yield (
        f"It knows {format_count(protocol['n_development'])} rows, and is scored on "
        f"{format_count(protocol['n_holdout'])}: the interval says how little that tells."
    )
    time, group = splits.get("time"), splits.get("group")
    if time:
        yield f"Rows were split by time ({escaped(time)}): the score is that of the last stretch, and ages with it."
    else:
        yield "Rows were not split by time: on rows that come later than the table's it may be worse than its score."
    if group:
        yield f"No group ({escaped(group)}) was on both sides of a split: the score is that of groups it has not seen."
    else:
        yield "Rows were not split by group: on people, machines or places that are new to it it may be worse."
    if not card.get("beats_dummy", True):
        yield "**No signal:** its baseline did not beat the dummy beyond noise. What it predicts may mean nothing."
    if verdict and verdict["receipt"]["opening"] > 1:
        n_openings, reason = verdict["receipt"]["opening"], _sentence(verdict["receipt"]["reason"] or "none")
        yield (
            f"**Re-use:** the holdout was opened {n_openings} times (reason given: {reason}). The score may be too "
            "good."
        )
    if verdict and verdict["resamples"]:
        told = phrases.resamples_text(Resamples(**verdict["resamples"]))
        yield from [f"About its {_sentence(told)}."] if told else []
    yield (
        "It has learned what goes together in this table, and not what causes what. On rows unlike these its "
        "predictions may be wrong without a sign; `autoproc predict` says where columns are far outside of what "
        "training saw."
    )


def _columns(card: Mapping[str, Any], schema: Schema) -> Iterator[str]:
    seen = {column["name"]: column for column in card.get("seen", {}).get("columns", [])}
    n_rows = card.get("seen", {}).get("n_rows", 0)
    yield (
        "In any order; further columns are ignored, and a missing one is an error. Missing cells and unknown "
        "categories are fine."
    )
    rows = [_column(encoder, seen.get(encoder.name, {}), n_rows) for encoder in schema.encoders[:_COLUMNS_SHOWN]]
    yield table(("column", "holds", "in training", "missing"), rows)
    if len(schema.encoders) > _COLUMNS_SHOWN:
        yield f"And {format_count(len(schema.encoders) - _COLUMNS_SHOWN)} more."


def _column(encoder: Encoder, seen: Mapping[str, Any], n_rows: int) -> tuple[str, str, str, str]:
    range_ = ""
    if isinstance(encoder, CategoryColumn):
        range_ = listed([escaped(name, 30) for name in encoder.categories], _CATEGORIES_SHOWN)
    elif quantiles := seen.get("quantiles"):
        is_date = isinstance(encoder, DateColumn)
        low, few, many, high = (
            str(day_of(quantiles[place])) if is_date else f"{quantiles[place]:,.5g}"
            for place in (0, LEVELS.index(0.01), LEVELS.index(0.99), -1)
        )
        range_ = f"{low} to {high}; 98 % from {few} to {many}"
    missing = f"{100 * seen['n_missing'] / n_rows:.2g} %" if n_rows and "n_missing" in seen else ""
    return escaped(encoder.name), _HOLDS[encoder.kind], range_, missing


def _loading(card: Mapping[str, Any]) -> Iterator[str]:
    yield "With autoproc; `model` is this folder, or a zip file of it. Nothing in it is code, and loading runs none."
    yield '```python\nimport autoproc\n\nmodel = autoproc.load("model")\npredictions = model.predict(frame)\n```'
    yield "```\nautoproc predict model new.csv --out predictions.csv\n```"
    yield "With MLflow, where it was registered (`--register`); NAME is the experiment's:"
    yield (
        "```python\nimport mlflow.pyfunc\n\n"
        'predictions = mlflow.pyfunc.load_model("models:/NAME@champion").predict(frame)\n```'
    )
    run = f"{card['run_id'][:8]}" if str(card.get("run_id", "")).isalnum() else "RUN"
    yield "As ONNX, with all of its preparation inside, for whatever reads that:"
    yield f"```\nautoproc export {run} model.onnx\n```"


def _title(card: Mapping[str, Any]) -> str:
    return phrases.metric_title(card["metric"]["name"], card["threshold"])


def _mean(score: Mapping[str, Any]) -> str:
    return format_mean(_number(score["score"]), _number(score["standard_error"]))


def _estimate(estimate: Mapping[str, Any]) -> str:
    return format_estimate(_number(estimate["score"]), _interval(estimate))


def _interval(estimate: Mapping[str, Any]) -> tuple[float, float]:
    low, high = estimate["interval"]
    return _number(low), _number(high)


def _number(value: float | None) -> float:
    """What JSON has null for."""
    return math.nan if value is None else value


def _sentence(text: str) -> str:
    return escaped(text.rstrip("."), MAX_SENTENCE)
