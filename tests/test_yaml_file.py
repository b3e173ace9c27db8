from pathlib import Path

import pytest

from autoproc.errors import PlanError
from autoproc.yaml_file import parse_yaml, read_yaml_text

LAUGHS = "\n".join(["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "The file is not valid YAML: the key 'a' stands there twice, in lines 1 and 3"),
        ("x: {a: 1, 'a': 2}", "the key 'a' stands there twice, in lines 1 and 1"),
        ("a:\n\tb: 1\n", r"found character '\\t' that cannot start any token"),
        ("a: 2001-99-99", "month must be in 1..12"),
        ("a: " + "9" * 5_000, "not valid YAML: Exceeds the limit"),
        ("{[1]: 2}", "found unhashable key"),
        ("base: &b {x: 1}\nmore: {<<: *b, y: 3}", r"merge keys \(<<\) are not read: write the keys out"),
        ("a: !!bool maybe", "not valid YAML"),
        ("a: !!int ''", "not valid YAML"),
        ("a: !!timestamp soon", "not valid YAML"),
        ("a: !!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: \0", "special characters are not allowed"),
        ("[" * 5_000, "must not nest more than 20 levels deep"),
        ("[" * 30 + "]" * 30, "must not nest more than 20 levels deep"),
        ("a: &a [*a]", "must not nest more than 20 levels deep"),
        ("a: &a {b: *a}", "must not nest more than 20 levels deep"),
        (LAUGHS, "must hold at most 10,000 values, but holds more, aliases unfolded"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_plain_yaml_is_refused(text: str, message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        parse_yaml(text, "The file")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_plain_values_are_read_and_an_alias_stands_for_what_it_names() -> None:
    assert parse_yaml("a: &a [1, 2.5]\nb: *a\n1: {c: null}", "The file") == {
        "a": [1, 2.5],
        "b": [1, 2.5],
        1: {"c": None},
    }


def test_a_file_is_read_as_utf_8_with_or_without_its_mark(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("target: größe".encode("utf-8-sig"))
    assert read_yaml_text(tmp_path / "a.yaml", "The file") == "target: größe"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("target: größe".encode("latin-1"))
    (tmp_path / "large.yaml").write_bytes(b"#" * (2**20 + 1))
    (tmp_path / "plan.yaml").touch()
    for name, message in (
        ("latin.yaml", "The file is not valid YAML: it must be text in UTF-8"),
        ("large.yaml", "must have at most 1,048,576 bytes, but has more"),
        ("plam.yaml", r"cannot be read: No such file or directory\. Did you mean '.*plan.yaml'\?"),
        (".", "cannot be read: Is a directory"),
        ("x" * 300, "cannot be read: File name too long"),
        ("a\0b", "cannot be read: embedded null byte"),
    ):
        with pytest.raises(PlanError, match=message):
            read_yaml_text(tmp_path / name, "The file")
