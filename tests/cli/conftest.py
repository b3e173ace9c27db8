"""What the tests of the command line run in."""

import sys
from types import SimpleNamespace

import pytest

import autoproc as package
from autoproc.cli.app import run


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Commands run in a folder of their own, where nothing is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def process(monkeypatch):
    """A stand-in for the process that notes the plans it gets and returns, or raises, its `outcome`."""

    class Stub(SimpleNamespace):
        def tune(self, plan, frame, progress, started, request):
            self.started = started
            self.plans.append(plan)
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            progress.say("metric", "ROC AUC")
            print("a library speaks")
            return SimpleNamespace(to_json=lambda: self.outcome)

    stub = Stub(plans=[], outcome={"score": float("nan")})
    monkeypatch.setitem(sys.modules, "autoproc.process", stub)
    monkeypatch.setattr(package, "process", stub, raising=False)
    return stub


@pytest.fixture
def fails(capsys):
    """Runs a command that must end with `code` and write to standard error only: what it wrote."""

    def run_failing(*arguments, code=2):
        assert run(arguments) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        return captured.err

    return run_failing
