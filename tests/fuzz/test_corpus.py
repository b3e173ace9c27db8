"""What the fuzzer has found stays mended, and what it begins with stays sound."""

from pathlib import Path

import pytest

from tests.export.hostile import whole
from tests.fuzz import bundle_loader

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_input_of_the_fuzzer_is_refused_or_predicts(path: Path, tmp_path: Path) -> None:
    bundle_loader.attempt(path.read_bytes(), tmp_path)


def test_what_the_fuzzer_begins_with_is_a_model(tmp_path: Path) -> None:
    bundle_loader.start(tmp_path / "corpus")
    begun = sorted((tmp_path / "corpus").iterdir())
    assert len(begun) == len(whole()) + 2
    assert [bundle_loader.attempt(path.read_bytes(), tmp_path) for path in begun] == [""] * len(begun)
