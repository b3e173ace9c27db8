"""What the terminal says: the figures in it, and that none stands without its error or interval."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from autoproc.outcomes import (
    CUT_SHORT,
    DecisionCosts,
    Estimate,
    ReferenceVerdict,
    Resamples,
    Saving,
    Selection,
    SingleNetworks,
)
from autoproc.report import lines, phrases
from autoproc.results import Reference, Score
from tests.report import facts_data as data

NAN = float("nan")


def test_the_start_names_table_problem_metric_and_protocol() -> None:
    told = dict(lines.start_lines(data.start()))
    assert list(told) == ["table", "problem", "metric", "protocol", "note"]
    assert told["note"] == data.start().notices[0]
    assert told["table"].splitlines() == [
        "machines.csv: 10,000 rows (8,000 for development, 2,000 sealed); columns: 1 numeric, 1 categorical",
        "left out: serial (a value of its own in each row)",
    ]
    assert told["problem"] == "binary: 'failed' holds two values"
    assert told["metric"].startswith("average precision: the positive class")
    assert told["protocol"].startswith("2,000 rows sealed; 5 stratified folds")


def test_a_column_name_cannot_write_control_codes_to_the_terminal() -> None:
    columns = (replace(data.problem().columns[2], name="a\x1b[2Jb\nc"), data.problem().columns[0])
    facts = replace(data.start(), problem=data.problem(columns=columns), table_name="x\x07y")
    told = lines.table_line(facts)
    assert "\x1b" not in told
    assert told.startswith("xy: ")
    assert told.count("\n") == 1


def test_the_baseline_stands_beside_the_dummy() -> None:
    first, second = lines.baseline_line(data.baseline()).splitlines()
    assert re.fullmatch(r"dummy 0\.0340 ± 0\.00058, network 1 x 16: 0\.550 ± 0\.023", first)
    assert second == data.baseline().reason


def test_growth_is_a_line_a_rung_and_the_reason() -> None:
    small, large, reason = lines.growth_line(data.growth()).splitlines()
    assert small == "1 x 32   0.610 ± 0.023"
    assert large == "2 x 64   0.700 ± 0.023   chosen, overfits from epoch 31"
    assert reason == data.growth().reason


def test_a_rung_that_diverged_has_no_score() -> None:
    growth = data.growth()
    broken = replace(growth.rungs[0], trained=data.trained(1, 32, 0.6, failed="not finite"))
    assert "1 x 32   failed, not finite" in lines.growth_line(replace(growth, rungs=(broken, growth.rungs[1])))


def test_the_search_counts_its_trials_and_tells_the_best_configuration() -> None:
    first, second = lines.search_line(data.search()).splitlines()
    assert first == "4 trials, 1 pruned, 1 failed (stopped by the time limit): 0.742 ± 0.021"
    assert second == (
        "2 x 64, adamw, StepLR(step_size 12, gamma 0.4), learning rate 0.002, dropout 0.12, L1 off, L2 off, "
        "averaging off, batch size 256"
    )


def test_trials_that_the_time_limit_ended_are_counted() -> None:
    search = data.search()
    trials = (replace(search.trials[0], reason=CUT_SHORT["time limit"]), *search.trials[1:])
    cut_short = replace(search, trials=trials)
    assert phrases.search_counts(cut_short) == "4 trials, 1 pruned, 1 failed, 1 cut short by the time limit"
    assert phrases.search_counts(replace(search, stopped_by="trials")) == "4 trials, 1 pruned, 1 failed"


def test_a_search_without_a_trial_of_its_own_is_told() -> None:
    search = data.search()
    alone = replace(search, trials=search.trials[:1])
    told = "1 trial, the grown network: nothing was searched (stopped by the time limit)"
    assert phrases.search_counts(alone) == told


def test_no_scheduler_is_said() -> None:
    parameters = {"depth": 1, "width": 8, "optimizer": "adam", "scheduler": "none", "l1": 3e-6}
    assert phrases.configuration_text(parameters) == "1 x 8, adam, scheduler none, L1 3e-06"


def test_the_verdict_has_its_interval_and_what_to_compare_it_with() -> None:
    told = lines.verdict_line(data.verdict()).splitlines()
    assert told == [
        "opened once, 2031-05-06T10:41:00+00:00: average precision 0.728 (95 %: 0.640 to 0.800) on 2,000 rows; "
        "dummy 0.0340 on the same rows",
        "the winner alone: cross-validated 0.742 ± 0.023 (the search chose by it), 0.731 ± 0.023 on fresh folds; on "
        "the holdout the same networks one by one 0.719 (95 %: 0.630 to 0.790)",
        "boosted trees 0.780 (95 %: 0.700 to 0.850): it is better by 0.0520 (95 %: 0.0100 to 0.0900); the network is "
        "not the best choice for this table",
        "roc auc: 0.950 (95 %: 0.930 to 0.970)",
        "recall at threshold 0.31: 0.600 (95 %: 0.500 to 0.700)",
    ]


def test_the_winner_stands_with_its_reason_and_with_how_far_the_search_flattered_itself() -> None:
    first, why, configuration, optimism = lines.selection_line(data.selection()).splitlines()
    assert first == "trial 0 (the grown network) wins: 0.710 ± 0.023"
    assert why == "best of both scores, of 2 finalists; the search had preferred another"
    assert configuration.startswith("2 x 64, adamw")
    assert optimism == (
        "the score that chose trial 3 and its epochs flattered it by 0.0820 (95 %: -0.0100 to 0.170): not beyond noise"
    )


def test_where_there_are_no_fresh_folds_the_searchs_best_wins() -> None:
    best = data.search().finalists[0]
    told = lines.selection_line(Selection((best,), best, "the search's best, which was not scored", None))
    assert told == "trial 3 wins\nthe search's best, which was not scored"


@pytest.mark.parametrize(
    ("score", "interval", "told"),
    [
        (0.08, (0.02, 0.14), "flattered it by 0.0800 (95 %: 0.0200 to 0.140): beyond noise"),
        (-0.08, (-0.14, -0.02), "did not flatter it: it is better on fresh folds, by 0.0800 (95 %: 0.0200 to 0.140)"),
        (0.08, (data.NAN, data.NAN), "flattered it by 0.0800 (no interval: one split)"),
    ],
)
def test_optimism_in_words(score: float, interval: tuple[float, float], told: str) -> None:
    assert phrases.optimism_text(7, Estimate(score, interval)) == f"the score that chose trial 7 and its epochs {told}"


def test_the_references_stand_in_one_line() -> None:
    told = lines.references_line([Reference("ridge regression", data.score(0.5), 0.1), data.references()[0]])
    assert told == "ridge regression 0.500 ± 0.023, boosted trees 0.800 ± 0.023"


@pytest.mark.parametrize(
    ("lead", "told"),
    [
        (Estimate(0.02, (-0.01, 0.05)), "0.750 (95 %: 0.700 to 0.800): no difference beyond noise"),
        (
            Estimate(0.02, (0.01, 0.03)),
            "0.750 (95 %: 0.700 to 0.800): the network is better by 0.0200 (95 %: 0.0100 to 0.0300)",
        ),
        (
            Estimate(-0.02, (-0.03, -0.01)),
            "0.750 (95 %: 0.700 to 0.800): it is better by 0.0200 (95 %: 0.0100 to 0.0300); the network is not the "
            "best choice for this table",
        ),
    ],
)
def test_a_reference_is_compared_in_plain_words(lead: Estimate, told: str) -> None:
    reference = ReferenceVerdict("boosted trees", Estimate(0.75, (0.7, 0.8)), lead)
    assert phrases.reference_text(reference) == told
    verdict = replace(data.verdict(), references=(reference,))
    assert f"boosted trees {told}" in lines.verdict_line(verdict).splitlines()


def test_a_re_use_is_marked_with_its_reason() -> None:
    told = lines.verdict_line(data.verdict(opening=3, reason="a bug\nwas mended"))
    assert told.startswith("RE-USED, opening 3, 2031-05-06T10:41:00+00:00 (reason given: a bug was mended): average")


def test_a_single_split_says_why_it_has_no_error() -> None:
    assert phrases.score_text(Score(0.7, float("nan"), (0.7,))) == "0.700 (one split)"


def test_an_estimate_that_is_not_defined_is_not_called_nan() -> None:
    nan = float("nan")
    assert phrases.estimate_text(Estimate(nan, (nan, nan))) == "not known"
    assert phrases.estimate_text(Estimate(0.5, (nan, nan))) == "0.500 (no interval)"


def test_a_model_without_a_score_says_how_it_comes_to_one() -> None:
    paths = Path("my jobs") / "model", Path("my jobs") / "plan.yaml"
    told = lines.unscored_line(*paths, opened=True)
    assert "without a holdout score: 'my jobs/model'. `autoproc tune --config 'my jobs/plan.yaml' --reopen" in told
    assert "plan.yaml" not in lines.unscored_line(*paths, opened=False), "the same job can be resumed"


def test_the_model_is_shown_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "weights").write_bytes(b"x" * 30_000)
    (tmp_path / "card.json").write_bytes(b"x" * 1_000)
    assert lines.model_line(tmp_path) == f"{tmp_path}, 31 kB"


def test_the_commands_that_come_next_name_the_home_only_where_they_must(tmp_path: Path) -> None:
    here = lines.next_line(Path("mlruns").absolute()).splitlines()
    assert here[0] == "autoproc ui                         all trials, in the browser"
    assert [line.split("   ")[0] for line in here[1:]] == [
        "autoproc show",
        "autoproc predict last new.csv",
        "autoproc export last my-model.zip",
    ]
    elsewhere = lines.next_line(tmp_path / "my jobs").splitlines()
    assert all(f" --home '{tmp_path / 'my jobs'}'   " in line for line in elsewhere)


def test_the_result_is_a_table_of_the_network_and_its_rivals() -> None:
    facts = replace(data.start(), baseline=data.baseline(), references=data.references(), verdict=data.verdict())
    assert lines.result_table(facts).splitlines() == [
        "average precision   cross-validated    holdout",
        "exported network                       0.728 (95 %: 0.640 to 0.800)",
        "single networks     0.742 ± 0.023      0.719 (95 %: 0.630 to 0.790)",
        "boosted trees       0.800 ± 0.023      0.780 (95 %: 0.700 to 0.850)",
        "dummy               0.0340 ± 0.00058   0.0340",
    ]


def test_the_last_lines_have_the_addresses_of_a_server_where_the_job_is() -> None:
    told = lines.next_line(Path("mlruns").absolute(), [("charts", "http://host/#/charts")]).splitlines()
    assert told[0] == "charts: http://host/#/charts"
    assert not any("autoproc ui" in line for line in told) and len(told) == 4


def test_the_decision_tells_temperature_and_threshold_with_what_they_change() -> None:
    assert lines.decision_line(data.decision()) == (
        "temperature 1.31: log loss 0.412 ± 0.0058 -> 0.398 ± 0.0058 out of fold (these rows also chose the epochs)\n"
        "threshold 0.062: lowest cost out of fold, 20 a false negative, 1 a false positive\n"
        "cost of a row out of fold, at the threshold of the other folds: 0.350; at 0.5 0.520, all negative 0.680, all "
        "positive 0.966; the model is cheaper than to take every row for negative, by 0.330 (95 %: 0.210 to 0.450)"
    )


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (Estimate(-0.1, (-0.2, 0.1)), "not cheaper than to take every row for positive"),
        (Estimate(0.0, (0.0, 0.0)), "not cheaper than to take every row for positive"),
        (
            Estimate(0.1, (-0.1, 0.3)),
            "not cheaper beyond noise than to take every row for positive, by 0.100 (95 %: -0.100 to 0.300)",
        ),
        (
            Estimate(0.2, (NAN, NAN)),
            "not cheaper beyond noise than to take every row for positive, by 0.200 (no interval)",
        ),
        (Estimate(0.2, (0.1, 0.3)), "cheaper than to take every row for positive, by 0.200 (95 %: 0.100 to 0.300)"),
    ],
)
def test_a_saving_is_told_in_plain_words(by: Estimate, told: str) -> None:
    saving = Saving(by, "positive")
    assert phrases.saving_text(saving) == told
    assert phrases.costs_text(DecisionCosts(0.6, 2.5, 7.7, 0.7, saving)).endswith(f"; the model is {told}")


def test_the_holdouts_cost_stands_beside_that_out_of_fold_with_what_it_saves_there() -> None:
    verdict = replace(data.verdict(), beside={"expected_cost": Estimate(0.4, (0.3, 0.5))}, saving=data.saving())
    assert lines.verdict_line(verdict, data.decision()).splitlines()[-1] == (
        "expected cost at threshold 0.31: 0.400 (95 %: 0.300 to 0.500), 0.350 out of fold; cheaper than to take every "
        "row for negative, by 0.330 (95 %: 0.210 to 0.450)"
    )


@pytest.mark.parametrize(
    ("single_are", "told"),
    [
        ("fold networks", "; on the holdout the same networks one by one 0.719 (95 %: 0.630 to 0.790)"),
        ("last fold network", "; on the holdout its network of the last fold 0.719 (95 %: 0.630 to 0.790)"),
        ("refit", "; on the holdout its refit on all development rows 0.719 (95 %: 0.630 to 0.790)"),
        ("refits", "; on the holdout its refits on all development rows, one by one, 0.719 (95 %: 0.630 to 0.790)"),
    ],
)
def test_it_is_said_which_network_of_the_winners_meets_the_holdout(single_are: SingleNetworks, told: str) -> None:
    assert told in lines.verdict_line(replace(data.verdict(), single_are=single_are))


@pytest.mark.parametrize(
    ("resamples", "told"),
    [
        (Resamples("groups", 1, 0.0), "no intervals: the holdout is of one group"),
        (Resamples("groups", 4, 0.0), "intervals: by Student's t over 4 groups"),
        (
            Resamples("stretches of time", 10, 0.358),
            "intervals: by Student's t over 10 stretches of time; 36 % of the resamples lack a class or hold one value "
            "alone, and are left out",
        ),
    ],
)
def test_few_units_and_incomplete_resamples_are_told(resamples: Resamples, told: str) -> None:
    assert lines.verdict_line(replace(data.verdict(), resamples=resamples)).splitlines()[-1] == told


def test_nothing_is_said_of_intervals_as_they_should_be() -> None:
    usual = replace(data.verdict(), resamples=Resamples("groups", 20, 0.02))
    assert lines.verdict_line(usual) == lines.verdict_line(data.verdict())


def test_a_temperature_that_does_not_help_is_told_as_none() -> None:
    unused = replace(data.decision().calibration, used=False)
    decision = replace(data.decision(), calibration=unused, threshold=None)
    assert lines.decision_line(decision).startswith("none, as no temperature is better beyond noise: log loss 0.412")


def test_measures_at_the_threshold_name_it() -> None:
    beside = {name: Estimate(0.5, (0.4, 0.6)) for name in ("f1", "f1_at_threshold", "expected_cost")}
    titles = [title for title, _ in phrases.beside_measures(replace(data.verdict(), beside=beside))]
    assert titles == ["f1 at 0.5", "f1 at threshold 0.31", "expected cost at threshold 0.31"]


def test_a_metric_of_labels_is_told_with_the_probability_that_it_is_taken_at() -> None:
    told = lines.verdict_line(replace(data.verdict(), metric="f1"))
    assert ": f1 at 0.5 0.728" in told
    assert ": f1 0.728" in lines.verdict_line(replace(data.verdict(), metric="f1", threshold=0.5))


def test_the_reason_for_leaving_a_column_out_is_not_cut_in_a_word() -> None:
    note = "the rows' group: splits go by it, and rows to come are of other ones"
    columns = (*data.problem().columns[:2], replace(data.problem().columns[2], note=note))
    assert f"serial ({note})" in lines.table_line(replace(data.start(), problem=data.problem(columns=columns)))
