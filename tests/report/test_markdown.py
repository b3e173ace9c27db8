"""The story's Markdown as HTML."""

from autoproc.report.markdown import sections
from tests.report import evidence_data as made
from tests.report.pages import Read


def test_headings_part_a_story() -> None:
    code = "```\n## no heading\n\n<b>\n```\n"
    title, first, second = sections(f"# a of b\n\nTook 1 s.\n\n## One\n\ntext\n\n## Two\n\n{code}")
    assert (title.heading, title.body) == ("a of b", "<p>Took 1 s.</p>")
    assert (first.heading, first.body) == ("One", "<p>text</p>")
    assert second.body == "<pre><code>## no heading\n\n&lt;b&gt;</code></pre>"


def test_tables_lists_and_weight() -> None:
    [part] = sections("# t\n\n| a | b |\n| --- | --- |\n| **1** |  |\n\n- *one*\n- two\n")
    assert "<th>a</th><th>b</th>" in part.body and "<td><strong>1</strong></td><td></td>" in part.body
    assert part.body.endswith("<ul><li><em>one</em></li><li>two</li></ul>")


def test_references_become_text_and_never_markup() -> None:
    [part] = sections("# t\n\n&#60;b&#62; <i> &lt;u&gt; **&#60;s&#62;** &#42;&#42;not bold&#42;&#42; \x07\n")
    assert part.body == "<p>&lt;b&gt; &lt;i&gt; &lt;u&gt; <strong>&lt;s&gt;</strong> **not bold** ␇</p>"


def test_the_whole_story_of_a_job_is_well_formed() -> None:
    for part in sections(made.story_of_facts()):
        read = Read.of(f"<div>{part.body}</div>")
        assert {tag for tag, _ in read.tags} <= {
            "div", "p", "table", "thead", "tbody", "tr", "th", "td", "strong", "em", "ul", "li", "pre", "code",
        }  # fmt: skip
        assert "**" not in read.text and "&#" not in read.text
