"""Characters that a stream cannot write."""

import io

import pytest

from autoproc.progress.encoding import SPELT_OUT, encodable


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "R²: 0.742 ± 0.021, 日本 ..."),
        (None, "R²: 0.742 ± 0.021, 日本 ..."),
        ("latin-1", "R²: 0.742 ± 0.021, \\u65e5\\u672c ..."),
        ("ascii", "R2: 0.742 +- 0.021, \\u65e5\\u672c ..."),
    ],
)
def test_what_an_encoding_lacks_is_spelt_out(encoding, text):
    assert encodable("R²: 0.742 ± 0.021, 日本 ...", encoding) == text


def test_a_file_name_that_is_no_text_is_spelt_out_too():
    assert encodable("a\udcff.csv", "utf-8") == "a\\udcff.csv"


def test_a_stream_can_have_it_as_its_way_with_errors():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=SPELT_OUT)
    print("0.742 ± 0.021", file=stream, flush=True)
    assert stream.buffer.getvalue() == b"0.742 +- 0.021\n"
