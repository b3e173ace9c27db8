from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.data.delimited import TextTable, read_delimited
from autoproc.errors import DataError


def _read(folder: Path, content: str | bytes, name: str = "data.csv") -> TextTable:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_delimited(path)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separators_and_encodings_are_found(tmp_path: Path, separator: str, encoding: str) -> None:
    rows = [["town", "size"], ["Zürich", "1"], ["Besançon", "2"], ["Malmö", "3"]]
    table = _read(tmp_path, "\n".join(separator.join(row) for row in rows).encode(encoding))
    assert table.frame.to_numpy().tolist() == rows[1:]
    assert list(table.frame.columns) == rows[0]
    assert table.lines.tolist() == [2, 3, 4]
    assert len(table.notices) == (encoding == "cp1252")


def test_a_column_may_hold_its_own_name(tmp_path: Path) -> None:
    assert _read(tmp_path, "a\n1\na\n").frame["a"].tolist() == ["1", "a"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end(tmp_path: Path, newline: str) -> None:
    table = _read(tmp_path, newline.join(["a,b", "1,2", "3,4", ""]))
    assert table.frame.to_numpy().tolist() == [["1", "2"], ["3", "4"]]


def test_quoted_cells_hold_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    table = _read(tmp_path, 'a,b\n"1,5","say ""x"""\n"two\nlines",2\n3,4\n')
    assert table.frame.to_numpy().tolist() == [["1,5", 'say "x"'], ["two\nlines", "2"], ["3", "4"]]
    assert table.lines.tolist() == [2, 3, 5]


def test_blank_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    table = _read(tmp_path, "\na,b\n\n1,2\n \n3,4\n\n")
    assert table.frame.to_numpy().tolist() == [["1", "2"], ["3", "4"]]
    assert table.lines.tolist() == [4, 6]


def test_one_column_needs_no_separator(tmp_path: Path) -> None:
    assert _read(tmp_path, "a\n1\n2\n").frame.to_numpy().tolist() == [["1"], ["2"]]


def test_a_separator_that_breaks_quoted_cells_is_none(tmp_path: Path) -> None:
    assert list(_read(tmp_path, 'a;b,c\n"x";"y"\n').frame.columns) == ["a", "b,c"]


def test_the_ending_tsv_decides_between_equals(tmp_path: Path) -> None:
    content = "a\tb,c\n1\t2,3\n"
    assert list(_read(tmp_path, content, "x.csv").frame.columns) == ["a\tb", "c"]
    assert list(_read(tmp_path, content, "x.tsv").frame.columns) == ["a", "b,c"]


def test_decimal_commas_become_points_with_a_notice(tmp_path: Path) -> None:
    table = _read(tmp_path, "a;b\n1,5;x\n-2,25;y,z\n")
    assert table.frame.to_numpy().tolist() == [["1.5", "x"], ["-2.25", "y,z"]]
    assert any("decimal comma" in notice for notice in table.notices)


def test_thousands_are_read_together_with_a_notice(tmp_path: Path) -> None:
    table = _read(tmp_path, "a;b\n1.5;1,000\n2.5;2,000\n")
    assert table.frame["b"].tolist() == ["1000", "2000"]
    [notice] = table.notices
    assert notice == "data.csv parts thousands; they were read together, '1,000' in 'b' as 1000."


def test_how_numbers_are_written_holds_beyond_the_rows_that_tell_it(tmp_path: Path) -> None:
    table = _read(tmp_path, "a;b\n" + "1,5;x\n" * 300 + '1.234,5;"y,z"\n1.234;1,5\n')
    assert table.frame["a"].tolist()[-3:] == ["1.5", "1234.5", "1234"]
    assert table.frame["b"].tolist()[-2:] == ["y,z", "1,5"]


@pytest.mark.parametrize("mark", ["sep=;\n", "sep=;\r\n", "SEP=;\n", '"sep=;"\n'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_line_that_names_the_separator_is_believed(tmp_path: Path, mark: str, encoding: str) -> None:
    table = _read(tmp_path, (mark + "a,b;c\n1,2;3\n").encode(encoding))
    assert list(table.frame.columns) == ["a,b", "c"]
    assert table.lines.tolist() == [3]


@pytest.mark.parametrize("encoding", ["utf-32", "utf-16"])
def test_wide_encodings_are_known_by_their_marks(tmp_path: Path, encoding: str) -> None:
    assert _read(tmp_path, "a,b\nZürich,2\n".encode(encoding)).frame.to_numpy().tolist() == [["Zürich", "2"]]


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    table = _read(tmp_path, ",b\n1,2\n")
    assert list(table.frame.columns) == ["column 1", "b"]
    assert table.notices == ("A column without a name is called by its place: column 1.",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; a table needs"),
        (b" \n\n", "is empty; a table needs"),
        (b"a,b\n", "has a line with the names of 2 columns, but no row below it"),
        (b"PK\x03\x04abc", "is a zip archive or an Excel file, but a table must be CSV, TSV or Parquet"),
        (b"\x1f\x8babc", "is a gzip archive"),
        (bytes(range(256)) * 4, "is not a text file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is not a text file"),
        (b"\xff\xfea,b\n1", "is not a text file"),
        (b"a,b,c\n1,2,3\n1,2\n", r"Line 3 of .* has 2 cells, but the header has 3 \(separated by ','\)"),
        (b"a,b\n1,2\n\n1,2,3\n", "Line 4 of .* has 3 cells, but the header has 2"),
        (b'a,b\n1,"2\n3,4\n', "Line 2 of .* cannot be read as part of a table.* mend the quotes"),
        (b"a,b\n1,2\na,b\n3,4\n", "Line 3 of .* repeats the names of the columns"),
        ("a,b\n1,2\n\ufeffa,b\n3,4\n".encode(), "Line 3 of .* repeats the names of the columns"),
        (b"# made today\na,b\n1,2\n", "header has 1 .* If the table begins further down, remove the lines above it"),
        (b"a,b\n1,2\n\0\0\0", "is not a text file .it holds NUL bytes"),
        ("a,b\n1,2\n".encode("utf-16-le"), "UTF-16 without its mark"),
        ("a,b\n1,\0\n".encode("utf-16"), "is not a text file"),
        ("\n \n".encode("utf-32"), "is empty"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "Line 2 of .* field larger than field limit"),
        (b"x" * 2_000 + b",b\n1,2\n", "The name of column 1 of .* must have at most 1,000 letters"),
        (b"a,b,a\n1,2,3\n", "has more than one column named 'a', but names must differ"),
    ],
    ids=[
        "empty", "blank", "header only", "zip", "gzip", "bytes", "picture", "half utf-16", "short row", "long row",
        "open quote", "second header", "second file", "title", "zeros", "utf-16 without mark", "zero in utf-16",
        "blank utf-32", "long cell", "long name", "names twice",
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _read(tmp_path, content)


_CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"], exclude_characters='",'), min_size=1
)


@given(rows=st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=6))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    content = "first,second\n" + "".join(f'"{a}","{b}"\n' for a, b in rows)
    table = _read(tmp_path_factory.mktemp("written"), content)
    assert [tuple(row) for row in table.frame.to_numpy()] == rows
