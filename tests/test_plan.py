import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from autoproc.errors import PlanError
from autoproc.plan import Plan, make_plan, parse_duration
from autoproc.spec import OPTIMIZERS

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
NAMES = st.lists(TEXT, max_size=3)
SHARE = st.floats(0.01, 0.99)
POSITIVE = st.floats(1e-9, 1e9)


def optional(strategy):
    return st.none() | strategy


RUNGS = st.sets(st.integers(1, 9), min_size=1, max_size=4).flatmap(
    lambda depths: st.tuples(st.just(sorted(depths)), st.lists(st.integers(1, 999), min_size=len(depths)).map(sorted))
).map(lambda parts: list(zip(*parts, strict=False)))  # fmt: skip
PLANS = st.fixed_dictionaries(
    {},
    optional={
        "data": optional(TEXT),
        "target": NAMES,
        "task": optional(st.sampled_from(["binary", "multiclass", "regression", "vector_regression"])),
        "metric": optional(NAMES),
        "cost": optional(st.fixed_dictionaries({"false_negative": POSITIVE}, optional={"false_positive": POSITIVE})),
        "positive": optional(TEXT),
        "ignore": NAMES,
        "missing": NAMES,
        "holdout_share": SHARE,
        "protocol": st.fixed_dictionaries(
            {}, optional={"folds": optional(st.integers(2, 50)), "validation_share": SHARE}
        ),
        "trials": st.integers(1, 10**6),
        "time_limit": optional(POSITIVE),
        "seed": st.integers(0, 2**32 - 1),
        "device": st.sampled_from(["auto", "cpu", "cuda", "cuda:1", "mps"]),
        "force": st.booleans(),
        "train": st.fixed_dictionaries(
            {},
            optional={
                "optimizer": st.sampled_from(OPTIMIZERS),
                "learning_rate": optional(POSITIVE),
                "dropout": st.floats(0, 0.99),
                "l1": st.floats(0, 1),
            },
        ),
        "growth": st.fixed_dictionaries({}, optional={"rungs": RUNGS}),
    },
)


@given(values=PLANS)
def test_a_plan_written_and_read_is_the_same_plan(values, tmp_path_factory):
    plan = make_plan(overrides=values)
    path = tmp_path_factory.mktemp("plan") / "plan.yaml"
    path.write_text(plan.to_yaml(), encoding="utf-8")
    assert make_plan(path) == plan


def test_the_written_plan_names_every_field():
    assert set(yaml.safe_load(Plan().to_yaml())) == set(Plan.model_fields)


def test_a_plan_is_frozen_and_can_be_a_key():
    plan = make_plan(overrides={"target": "y"})
    with pytest.raises(ValueError, match="frozen"):
        plan.seed = 1
    assert {plan: 1}[make_plan(overrides={"target": "y"})] == 1


def test_overrides_reach_into_sections_and_leave_the_rest(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("target: y\nprotocol: {folds: 7, repeats: 2}\n", encoding="utf-8")
    plan = make_plan(path, {"protocol": {"folds": 3}, "seed": 5})
    assert (plan.target, plan.protocol.folds, plan.protocol.repeats, plan.seed) == (("y",), 3, 2, 5)


def test_an_override_replaces_lists(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("ignore: [a, b]\n", encoding="utf-8")
    assert make_plan(path, {"ignore": ["c"]}).ignore == ("c",)


def test_names_and_values_of_numbers_need_no_quotes(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("target: 5\npositive: 1\nmissing: [-999, '?']\nignore: -1\n", encoding="utf-8")
    plan = make_plan(path)
    assert (plan.target, plan.positive, plan.missing, plan.ignore) == (("5",), "1", ("-999", "?"), ("-1",))


def test_one_metric_several_or_none(tmp_path):
    path = tmp_path / "plan.yaml"
    for text, names in (("f1", ("f1",)), ("[f1, mcc]", ("f1", "mcc")), ("null", ()), ("[]", ())):
        path.write_text(f"metric: {text}\n", encoding="utf-8")
        assert make_plan(path).metric == names


def test_a_cost_that_is_not_named_is_one():
    assert make_plan(overrides={"cost": {"false_negative": "20"}}).cost.model_dump() == {
        "false_negative": 20.0,
        "false_positive": 1.0,
    }


def test_an_empty_file_is_the_default_plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("# nothing\n", encoding="utf-8")
    assert make_plan(path) == Plan()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(90, 90), ("90s", 90), (" 3M ", 180), ("1h30m", 5400), ("0.5d", 43200), ("1.5m", 90), (7, 7)],
)
def test_durations(value, seconds):
    assert parse_duration(value) == seconds
    assert make_plan(overrides={"time_limit": value}).time_limit == seconds


@pytest.mark.parametrize("value", ["", "90", "soon", "3 minutes", "m3", "-3m", "1e3", "3m!", "h"])
def test_what_is_no_duration_is_refused(value):
    with pytest.raises(PlanError, match="'time_limit' must be a duration such as 90s, 3m or 1h30m, but is"):
        make_plan(overrides={"time_limit": value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"targt": "y"}, r"The plan has no key 'targt'; there are data, target, .*\. Did you mean 'target'\?"),
        ({"train": {"dropuot": 0.1}}, r"no key 'train.dropuot'; there are max_epochs, .* Did you mean 'dropout'\?"),
        ({"protocol": {"x": 1}}, r"no key 'protocol.x'; there are kind, folds, [a-z_, ]*\.$"),
        ({"task": "multi_class"}, r"'task' must be 'binary'.* but is 'multi_class'\. Did you mean 'multiclass'\?"),
        ({"train": {"optimizer": "adma"}}, r"'train.optimizer' must be .* but is 'adma'\. Did you mean 'adam'\?"),
        ({"holdout_share": 1.0}, r"'holdout_share' must be less than 1, but is 1.0"),
        ({"holdout_share": float("nan")}, "'holdout_share' must be"),
        ({"protocol": {"folds": 1}}, r"'protocol.folds' must be greater than or equal to 2, but is 1"),
        ({"protocol": 3}, "'protocol' must be"),
        ({"cost": 3}, "'cost' must be a mapping of keys to values, but is 3"),
        ({"cost": {"false_negative": -1}}, "'cost.false_negative' must be greater than or equal to 0, but is -1"),
        ({"cost": {"false_negative": "dear"}}, "'cost.false_negative' must be a valid number, but is 'dear'"),
        ({"cost": {"false_negative": "nan"}}, "'cost.false_negative' must be"),
        (
            {"cost": {"false_negative": 0, "false_positive": 0}},
            "a cost above 0, but is false_negative=0, false_positive=0.$",
        ),
        ({"cost": {"false_negatve": 1}}, r"no key 'cost.false_negatve'; .* Did you mean 'false_negative'\?"),
        ({"metric": {"a": 1}}, "'metric' must be a list, but is a=1"),
        ({"trials": 0}, "'trials' must be greater than or equal to 1, but is 0"),
        ({"trials": 2.5}, "'trials' must be a valid integer"),
        ({"trials": "many"}, "'trials' must be a valid integer"),
        ({"time_limit": 0}, "'time_limit' must be greater than 0, but is 0"),
        ({"seed": -1}, "'seed' must be greater than or equal to 0"),
        ({"seed": 2**32}, "'seed' must be less than 4294967296"),
        ({"device": "gpu"}, "'device' must be auto, cpu, mps, cuda or cuda:N with a number N, but is 'gpu'"),
        ({"device": "cuda:"}, "'device' must be"),
        ({"positive": True}, "'positive' must be text .* but is True"),
        ({"target": None}, "'target' must be a list, but is None"),
        ({"train": None}, "'train' must be a mapping of keys to values, but is None"),
        ({"growth": {"patience": 4}}, "'growth.patience' must be greater than or equal to 5, but is 4"),
        ({"growth": {"rungs": []}}, r"'growth.rungs' must have at least 1 item, but is \[\]"),
        ({"growth": {"rungs": [[1, 0]]}}, r"^The plan's 'growth.rungs.0.1' must be greater .* to 1, but is 0\.$"),
        ({"growth": {"rungs": [[1]]}}, r"^The plan's 'growth.rungs.0.1' must have a value more, but is \[1\]\.$"),
        ({"growth": {"rungs": [[1, 2, 3]]}}, r"^The plan's 'growth.rungs.0' must have at most 2 items, but is .*\]\.$"),
        (
            {"growth": {"rungs": [[1, 8], [2, 4]]}},
            r"'growth.rungs' must rise: each \(depth, width\) at least",
        ),
        ({"growth": {"rungs": [[2, 8], [1, 16]]}}, "'growth.rungs' must rise: each"),
        ({"growth": {"rungs": [[1, 8], [1, 8]]}}, "'growth.rungs' must rise: .*, and not the same"),
        ({"baseline": {"learning_rates": [0.0]}}, "'baseline.learning_rates.0' must be greater than 0"),
    ],
)
def test_a_bad_value_is_refused_with_place_rule_and_what_was_found(values, message):
    with pytest.raises(PlanError, match=message):
        make_plan(overrides=values)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(PlanError, match=r"'trials' must be .* no key 'sed'"):
        make_plan(overrides={"sed": 1, "trials": 0})


def test_no_message_speaks_of_pydantic_or_input():
    with pytest.raises(PlanError) as caught:
        make_plan(
            overrides={"trials": 0, "task": "x", "protocol": 3, "target": 5, "device": "gpu", "train": {"l1": -1}}
        )
    for word in ("pydantic", "Input", "Value error", "instance of", "pattern"):
        assert word not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1,\n", "is not valid YAML"),
        ("- target\n", "must be a mapping of keys to values, but is a list"),
        ("just words\n", "must be a mapping of keys to values, but is a str"),
        ("1: y\n", "no key '1'"),
        (
            "target: !!python/object/apply:os.system ['exit 1']\n",
            "is not valid YAML: could not determine a constructor",
        ),
    ],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path, text, message):
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=message):
        make_plan(path)


def test_errors_name_the_file_for_what_it_says_alone(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("protocol: {folds: three}\ntrails: 4\n")
    with pytest.raises(PlanError) as refused:
        make_plan(path, {"seed": -1})
    told = str(refused.value)
    assert f"The plan {path}'s 'protocol.folds' must be" in told and f"The plan {path} has no key 'trails'" in told
    assert "The plan's 'seed' must be" in told


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(PlanError, match=r"nowhere.yaml cannot be read: No such file or directory\."):
        make_plan(tmp_path / "nowhere.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="is not valid YAML"):
        make_plan(binary)


@pytest.mark.parametrize(
    ("typed", "flags", "message"),
    [
        (
            {"holdout_share": 2},
            {"holdout_share": "--holdout-share"},
            "^--holdout-share must be less than 1, but is 2",
        ),
        ({"protocol": {"folds": 1}}, {"protocol.folds": "--folds"}, r"^--folds must be greater than or equal to 2"),
        ({"protocol": {"folds": 1}}, {"protocol.kind": "--protocol"}, r"^The plan's 'protocol.folds' must be"),
        (
            {"cost": {"false_negative": -1}},
            {"cost.false_negative": "--cost false_negative"},
            "^--cost false_negative",
        ),
        (
            {"cost": {"false_negatve": 1}},
            {"cost.false_negatve": "--cost false_negatve"},
            "^--cost knows no 'false_n",
        ),
        (
            {"cost": {"false_negative": 0, "false_positive": 0}},
            {"cost.false_positive": "--cost false_positive"},
            "^--cost must have a cost above 0",
        ),
        ({"metric": [True]}, {"metric": "--metric"}, "^--metric must be text"),
    ],
)
def test_errors_name_what_was_typed_in_the_place_of_the_key(typed, flags, message):
    with pytest.raises(PlanError, match=message):
        make_plan(overrides=typed, flags=flags)


def test_a_device_and_a_plan_file_that_are_misspelt(tmp_path):
    with pytest.raises(PlanError, match=r"but is 'cuda0'\. Did you mean 'cuda:0'\?$"):
        make_plan(overrides={"device": "cuda0"})
    (tmp_path / "plan.yaml").touch()
    with pytest.raises(PlanError, match=r"No such file or directory\. Did you mean '.*plan\.yaml'\?$"):
        make_plan(tmp_path / "paln.yaml")


@pytest.mark.parametrize("text", ["false", "0", "''", "[]", "[1, 2]", "text"])
def test_what_is_no_mapping_is_no_plan(tmp_path, text):
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match="must be a mapping of keys to values, but is a"):
        make_plan(path)


def test_of_many_errors_a_few_are_told_and_of_long_values_the_beginning():
    with pytest.raises(PlanError, match=r"There are 95 more errors\.$") as error:
        make_plan(overrides={"ignore": [["x" * 1_000]] * 100})
    assert len(str(error.value)) < 1_500


@pytest.mark.parametrize("size", ["9" * 400 + "GB", "9999999999TB", 2**63])
def test_a_size_that_no_machine_has_is_refused(size):
    with pytest.raises(PlanError, match="'memory_limit' must be"):
        make_plan(overrides={"memory_limit": size})


@pytest.mark.parametrize(
    "values",
    [
        {"trials": 10**18}, {"baseline": {"width": 10**6}}, {"baseline": {"depth": 101}},
        {"growth": {"rungs": [[1, 10**9]]}},
        {"train": {"max_epochs": 10**18}}, {"train": {"batch_size": 10**18}}, {"train": {"l1": 1e300}},
        {"train": {"learning_rate": 1e300}}, {"cost": {"false_negative": 1e308}},
    ],
    ids=str,
)  # fmt: skip
def test_what_nothing_can_train_is_refused(values):
    with pytest.raises(PlanError, match="must be less than or equal to"):
        make_plan(overrides=values)


@pytest.mark.parametrize("home", ["~nobody-of-that-name/x", "a\0b"])
def test_a_home_that_no_folder_can_be_is_refused(home):
    with pytest.raises(PlanError, match=r"'home' must be a path that this machine can have.* but is '"):
        make_plan(overrides={"home": home})
