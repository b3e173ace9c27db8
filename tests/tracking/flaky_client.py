"""An MLflow client that fails on command."""

from collections.abc import Callable
from typing import Any

from mlflow import MlflowClient


class FlakyClient:
    """A client that hands everything on to a real one, but fails while `error` is set."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self.error: Exception | None = None
        self.failing: frozenset[str] | None = None  # None: every method
        self.loses_answers = False  # what fails has been done all the same
        self.before: dict[str, Callable[[], object]] = {}  # what happens before a method is called, once
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            self.before.pop(name, lambda: None)()
            fails = self.error is not None and (self.failing is None or name in self.failing)
            answer = method(*arguments, **options) if self.loses_answers or not fails else None
            if self.error is not None and fails:
                raise self.error
            return answer

        return call
