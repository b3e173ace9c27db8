import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autoproc.network.scratch import Scratch, is_out_of_memory

SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple)


@pytest.fixture
def scratch():
    return Scratch(torch.device("cpu"))


@given(st.lists(st.tuples(st.sampled_from("abc"), SHAPES), max_size=12))
def test_what_is_taken_has_the_shape_asked_for_and_shares_memory_with_its_own_name_alone(wishes):
    scratch = Scratch(torch.device("cpu"))
    latest = {}
    for number, (name, shape) in enumerate(wishes):
        taken = scratch.take(name, *shape)
        assert (taken.shape, taken.dtype, taken.is_contiguous()) == (shape, torch.float32, True)
        latest[name] = taken.fill_(number), number
        assert all((other == filled).all() for other, filled in latest.values())


def test_the_same_wish_is_met_by_the_same_tensor(scratch):
    assert scratch.take("a", 2, 3) is scratch.take("a", 2, 3)
    assert scratch.take("a", 2, 3) is not scratch.take("a", 3, 2)


def test_a_smaller_wish_takes_part_of_what_is_there(scratch):
    large = scratch.take("a", 10)
    small = scratch.take("a", 2, 3)
    assert small.data_ptr() == large.data_ptr()
    assert scratch.n_bytes == 4 * 10


def test_a_larger_wish_takes_the_place_of_what_is_there(scratch):
    scratch.take("a", 10)
    scratch.take("b", 1)
    larger = scratch.take("a", 12)
    assert scratch.n_bytes == 4 * 13
    assert scratch.take("a", 10).data_ptr() == larger.data_ptr()


def test_cleared_memory_is_reserved_anew(scratch):
    before = scratch.take("a", 10)
    scratch.clear()
    assert scratch.n_bytes == 0
    assert scratch.take("a", 10) is not before


def test_a_wish_that_cannot_be_met_leaves_the_rest_usable(scratch, monkeypatch):
    scratch.take("a", 2)
    kept = scratch.take("b", 2)

    def refuse(*shape, **options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "empty", refuse)
        with pytest.raises(RuntimeError, match="can't allocate"):
            scratch.take("a", 1000)
        assert scratch.take("b", 2) is kept
    assert scratch.take("a", 2).shape == (2,)
    assert scratch.n_bytes == 4 * 4


def test_what_torch_says_of_too_large_a_wish_is_known(scratch):
    """This one asks the allocator for more than any address space has."""
    with pytest.raises(RuntimeError) as caught:
        scratch.take("a", 2**58)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "out"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("memory"), False),
    ],
)
def test_only_a_lack_of_memory_is_one(error, out):
    assert is_out_of_memory(error) is out
