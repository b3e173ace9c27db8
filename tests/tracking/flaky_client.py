"""An MLflow client that fails on command."""

from typing import Any

from mlflow import MlflowClient


class FlakyClient:
    """A client that hands everything on to a real one, but fails while `error` is set."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self.error: Exception | None = None
        self.failing: frozenset[str] | None = None  # None: every method
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            if self.error is not None and (self.failing is None or name in self.failing):
                raise self.error
            return method(*arguments, **options)

        return call
