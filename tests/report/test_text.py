import html
import re

from hypothesis import given
from hypothesis import strategies as st

from autoproc.report.text import MAX_NAME, escaped, listed, one_line, shortened, visible

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


@given(st.text(max_size=200))
def test_visible_text_hides_nothing_and_keeps_what_can_be_seen(text: str) -> None:
    shown = visible(text)
    assert all(char.isprintable() or char == "\u200d" or char.isspace() for char in shown)
    assert "\n" not in shown and "\x00" not in shown
    assert visible(shown) == shown
    shown.encode("utf-8")


def test_emoji_of_several_parts_stay_one() -> None:
    assert visible("\U0001f469\u200d\U0001f52c") == "\U0001f469\u200d\U0001f52c"


@given(st.text(max_size=80), st.integers(2, 40))
def test_shortened_text_keeps_both_ends(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert len(short) == min(len(text), limit)
    assert short[0:1] == text[0:1]
