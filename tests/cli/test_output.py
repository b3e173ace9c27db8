"""How commands write."""

from autoproc.cli.output import examples


def test_examples_keep_their_lines():
    assert examples("a", "b") == "\b\nExamples:\n  a\n  b"
