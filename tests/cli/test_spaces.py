"""What `spaces` prints."""

import re

from autoproc.cli.app import run


def test_spaces_are_listed_with_what_they_are_for(capsys):
    assert run(["spaces"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["classic", "default", "quick", "wide"]
    assert all(re.fullmatch(r"\w+ +[A-Z].*\.", line) for line in lines)


def test_a_printed_space_can_be_used(capsys, empty_folder):
    assert run(["spaces", "quick"]) == 0
    path = empty_folder / "mine.yaml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    from autoproc.space_file import load_space

    assert load_space(str(path)).train == load_space("quick").train
