import html
import re

from hypothesis import given
from hypothesis import strategies as st

from autoproc.report.text import MAX_NAME, escaped, listed, one_line

NASTY = st.text(alphabet=st.sampled_from("ab1 |`*_<>[]()#~$\\\"'&@:/.\n\r\t\x00\x1b\u202e!-+="), max_size=40)


@given(st.text(max_size=200))
def test_one_line_is_printable_and_short(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= MAX_NAME
    assert one_line(line) == line


@given(NASTY)
def test_escaped_text_reads_as_it_was_and_holds_no_markup(text: str) -> None:
    safe = escaped(text)
    assert html.unescape(safe) == one_line(text)
    assert not re.search(r"[<>`*_|\[\]~$\\\"'@]|&(?!#\d+;)|#(?!\d+;)", safe)
    assert "://" not in safe


def test_long_text_is_cut_before_it_is_escaped() -> None:
    assert escaped("|" * 500) == "&#124;" * (MAX_NAME - 1) + "…"


def test_an_address_is_not_made_a_link() -> None:
    assert escaped("http://x www.x.org") == "http&#58;//x www&#46;x.org"


@given(st.lists(st.just("x"), max_size=50), st.integers(1, 20))
def test_a_list_counts_what_it_leaves_out(items: list[str], limit: int) -> None:
    text = listed(items, limit)
    shown = text.count("x")
    assert shown == min(len(items), limit)
    assert text.endswith(f"and {len(items) - limit} more") == (len(items) > limit)
