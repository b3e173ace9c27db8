from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

from autoproc.network.remembered import Remembered


def test_the_values_asked_for_last_are_kept_up_to_a_number_of_bytes():
    made: list[str] = []

    def make(key, size=40):
        return lambda: (made.append(key), np.zeros(size, np.int8))[1]

    kept = Remembered(100)
    first = kept.get("a", make("a"))
    kept.get("b", make("b"))
    assert kept.get("a", make("a")) is first and kept.nbytes == 80
    kept.get("c", make("c"))  # in the place of b, which was asked for before a
    assert kept.get("a", make("a")) is first and made == ["a", "b", "c"]
    kept.get("b", make("b"))
    assert made == ["a", "b", "c", "b"] and kept.nbytes == 80


def test_what_is_too_large_is_made_each_time():
    kept = Remembered(100)
    assert len(kept.get("a", lambda: np.zeros(101, np.int8))) == 101
    assert kept.nbytes == 0
    assert kept.get("a", lambda: np.ones(1, np.int8)).tolist() == [1]


def test_threads_that_make_the_same_share_the_first_one():
    kept, both = Remembered(100), Barrier(2)

    def make():
        both.wait()
        return np.zeros(10, np.int8)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: kept.get("a", make), range(2))
    assert one is other and kept.nbytes == 10
