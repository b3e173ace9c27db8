from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.space import Choice, Fixed, Integer, Number, OffOr, OneOf, Rising, Space
from autoproc.spec import (
    ExponentialLR,
    MultiStepLR,
    NetworkSpec,
    NoScheduler,
    ReduceLROnPlateau,
    StepLR,
    TrainSpec,
)

LADDER = tuple(NetworkSpec(1, width) for width in (4, 8, 16, 32))
SPACE = Space(
    "all leaves",
    Integer(-1, 1),
    {
        "batch_size": Choice((16, 32)),
        "optimizer": Choice(("adam", "rmsprop")),
        "learning_rate": Number(1e-4, 1e-1, log=True),
        "dropout": OffOr(Number(0.1, 0.5, log=False)),
        "l1": Fixed(1e-5),
        "weight_decay": OffOr(Number(1e-6, 1e-2, log=True)),
        "scheduler": OneOf(
            {
                "none": {},
                "StepLR": {"step_size": Integer(3, 9), "gamma": Number(0.1, 0.9, log=False)},
                "MultiStepLR": {"milestones": Rising(3, 2, 20), "gamma": Fixed(0.5)},
                "ReduceLROnPlateau": {"factor": Choice((0.1, 0.5)), "patience": Integer(1, 4)},
            }
        ),
    },
)


class Drawn:
    """Suggests what hypothesis draws, and writes it down."""

    def __init__(self, data):
        self._data = data
        self.suggested = {}

    def _suggest(self, name, strategy):
        assert name not in self.suggested, "a name must not be asked for twice"
        self.suggested[name] = self._data.draw(strategy, label=name)
        return self.suggested[name]

    def number(self, name, low, high, *, log):
        return self._suggest(name, st.floats(low, high))

    def integer(self, name, low, high):
        return self._suggest(name, st.integers(low, high))

    def choice(self, name, options):
        return self._suggest(name, st.sampled_from(options))


class Replayed:
    """Suggests what it was given, and knows what of it was asked for."""

    def __init__(self, suggestions):
        self._suggestions = suggestions
        self.asked = set()

    def number(self, name, low, high, *, log):
        self.asked.add(name)
        assert low <= self._suggestions[name] <= high
        return self._suggestions[name]

    def integer(self, name, low, high):
        return self.number(name, low, high, log=False)

    def choice(self, name, options):
        self.asked.add(name)
        assert self._suggestions[name] in options
        return self._suggestions[name]


@given(data=st.data(), chosen=st.integers(0, 3))
def test_samples_lie_in_the_space(data, chosen):
    default = TrainSpec(max_epochs=7, patience=3)
    candidate = SPACE.sample(Drawn(data), default, LADDER, chosen)
    train = candidate.train
    assert abs(LADDER.index(candidate.network) - chosen) <= 1
    assert (train.max_epochs, train.patience, train.l1) == (7, 3, 1e-5)
    assert train.batch_size in (16, 32)
    assert train.optimizer in ("adam", "rmsprop")
    assert 1e-4 <= train.learning_rate <= 1e-1
    assert train.dropout == 0 or 0.1 <= train.dropout <= 0.5
    assert train.weight_decay == 0 or 1e-6 <= train.weight_decay <= 1e-2
    match train.scheduler:
        case NoScheduler():
            pass
        case StepLR(step_size, gamma):
            assert 3 <= step_size <= 9
            assert 0.1 <= gamma <= 0.9
        case MultiStepLR(milestones, gamma):
            assert 1 <= len(milestones) <= 3
            assert list(milestones) == sorted(set(milestones))
            assert all(2 <= epoch <= 20 for epoch in milestones)
            assert gamma == 0.5
        case ReduceLROnPlateau(factor, patience):
            assert factor in (0.1, 0.5)
            assert 1 <= patience <= 4
        case _:
            pytest.fail(f"{train.scheduler} is not in the space")


@given(data=st.data())
def test_an_encoded_sample_is_sampled_again(data):
    candidate = SPACE.sample(Drawn(data), TrainSpec(), LADDER, 1)
    suggestions = SPACE.encode(candidate.train)
    replayed = Replayed(suggestions)
    again = SPACE.sample(replayed, TrainSpec(), LADDER, 1)
    assert again.train == candidate.train
    assert again.network == LADDER[1]
    assert replayed.asked == set(suggestions), "nothing is suggested that is not asked for"


@given(
    train=st.builds(
        TrainSpec,
        batch_size=st.integers(1, 64),
        optimizer=st.sampled_from(["adam", "adamw", "rmsprop"]),
        learning_rate=st.floats(1e-6, 10),
        dropout=st.floats(0, 0.99),
        l1=st.floats(0, 1),
        weight_decay=st.floats(0, 1),
        scheduler=st.sampled_from(
            [NoScheduler(), StepLR(50, 1.0), MultiStepLR((1, 90), 0.1), ExponentialLR(0.5), ReduceLROnPlateau(0.9, 0)]
        ),
    )
)
def test_any_configuration_is_encoded_as_a_legal_one(train):
    nearest = SPACE.sample(Replayed(SPACE.encode(train)), train, LADDER, 0).train
    assert nearest.learning_rate == min(max(train.learning_rate, 1e-4), 1e-1)
    assert (nearest.dropout == 0) == (train.dropout == 0)
    assert nearest.optimizer == (train.optimizer if train.optimizer != "adamw" else "adam")
    assert nearest.batch_size == (train.batch_size if train.batch_size in (16, 32) else 16)


def test_what_the_space_cannot_express_is_met_as_nearly_as_it_can():
    encoded = SPACE.encode(TrainSpec(scheduler=MultiStepLR((1, 90), 0.1)))
    assert [encoded[f"MultiStepLR.milestones.{i}"] for i in range(3)] == [2, 20, 20]
    assert SPACE.encode(TrainSpec(scheduler=ExponentialLR(0.5)))["scheduler"] == "none"


@pytest.mark.parametrize(("chosen", "step", "expected"), [(0, -1, 0), (3, 1, 3), (1, 1, 2)])
def test_the_rung_stays_on_the_ladder(chosen, step, expected):
    space = Space("rung", Fixed(step), {})
    assert space.sample(Replayed({}), TrainSpec(), LADDER, chosen).network == LADDER[expected]


def test_the_empty_space_gives_the_default():
    default = TrainSpec(dropout=0.3)
    assert Space("empty", Fixed(0), {}).sample(Replayed({}), default, LADDER, 2).train == default


def test_extremes_reach_every_end_and_option():
    assert set(SPACE.train["dropout"].extremes()) == {0.0, 0.1, 0.5}
    schedulers = SPACE.train["scheduler"].extremes()
    assert {type(scheduler) for scheduler in schedulers} == {NoScheduler, StepLR, MultiStepLR, ReduceLROnPlateau}
    assert {s for s in schedulers if isinstance(s, ReduceLROnPlateau)} == {
        ReduceLROnPlateau(factor, patience) for factor in (0.1, 0.5) for patience in (1, 4)
    }


@pytest.mark.parametrize(
    ("at_least", "chosen", "centre"),
    [(None, 1, 1), ((1, 8), 0, 1), ((1, 8), 2, 2), ((1, 10), 0, 2), ((1, 64), 1, 3), ((2, 1), 0, 3)],
)
def test_the_centre_is_what_growth_chose_or_the_first_larger_rung_that_is_large_enough(
    at_least: tuple[int, int] | None, chosen: int, centre: int
) -> None:
    assert replace(SPACE, at_least=at_least).centre(LADDER, chosen) == centre


def test_a_rung_below_the_centre_is_met_as_nearly_as_the_space_can():
    assert SPACE.encode(TrainSpec(), -1)["rung"] == -1
    assert SPACE.encode(TrainSpec(), -3)["rung"] == -1


def test_what_is_searched_is_what_the_file_has_loosened() -> None:
    train = ("batch_size", "optimizer", "learning_rate", "dropout", "weight_decay", "scheduler")
    assert SPACE.searched == ("depth", "width", *train)
    assert replace(SPACE, rung=Fixed(0)).searched == train
    conditional = ("step_size", "gamma", "milestones", "factor", "patience")
    assert SPACE.conditional == tuple(f"scheduler.{name}" for name in conditional)
    assert replace(SPACE, train={"scheduler": Fixed(NoScheduler())}).conditional == ()
