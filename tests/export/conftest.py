"""The bundle that most tests look at."""

from pathlib import Path

import pytest

from tests.export import bundles


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return bundles.make("binary").write(tmp_path / "model")
