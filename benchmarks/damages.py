"""Ways in which a table gets damaged, or is written otherwise: pure functions of a set and a random generator.

`DAMAGES` has them by name. A damage that only writes the same cells in another way (`SAME`) leaves a table that is
read as the undamaged one, or refused.
"""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

LONG_CELL = 10_000_000
LIKE_LETTERS = str.maketrans("aeocp", "\u0430\u0435\u043e\u0441\u0440")  # of Cyrillic
ZERO_WIDTH, LEFT_TO_RIGHT, RIGHT_TO_LEFT = "\u200b", "\u200e", "\u202e"
HOSTILE = (
    "$(touch pwned)", "`touch pwned`", "; rm -rf x", "../../pwned", "-rf", "--help", "%s%n%d", "?a=1&b=2", "<script>",
    "' OR 1=1; --", '"quoted"', "$\\frac{$", "{0}{x!r}", "two\nlines", "\U0001f600", "\x1b[31mred", "=cmd|' /C x'!A0",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A set: its text cells, and what is predicted."""

    name: str
    frame: pd.DataFrame
    targets: tuple[str, ...]

    @property
    def features(self) -> list[str]:
        return [name for name in self.frame.columns if name not in self.targets]

    @property
    def numbers(self) -> list[str]:
        """Features that hold numbers, of which some must not be whole."""
        return [name for name in self.features if pd.to_numeric(self.frame[name], errors="coerce").notna().all()]

    @property
    def text(self) -> str:
        return written(self.frame)


@dataclass(frozen=True)
class Damaged:
    """A file's content and the ending of its name."""

    content: bytes
    ending: str = ".csv"


Damage = Callable[[Source, np.random.Generator], Damaged | bytes | str | pd.DataFrame]
DAMAGES: dict[str, Damage] = {}
SAME: set[str] = set()


def made(damage: str, source: Source, seed: int) -> Damaged:
    """The table of `source`, damaged: the same for the same seed."""
    random = np.random.default_rng([seed, *damage.encode(), *source.name.encode()])
    content = DAMAGES[damage](source, random)
    if isinstance(content, pd.DataFrame):
        content = written(content)
    if isinstance(content, str):
        content = content.encode()
    return Damaged(content) if isinstance(content, bytes) else content


def written(frame: pd.DataFrame, separator: str = ",", quoting: int = csv.QUOTE_MINIMAL, end: str = "\n") -> str:
    """The frame's cells as a text table."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=end)
    writer.writerow(frame.columns)
    writer.writerows(frame.itertuples(index=False, name=None))
    return out.getvalue()


def damage(function: Damage) -> Damage:
    DAMAGES[function.__name__] = function
    return function


def same(function: Damage) -> Damage:
    SAME.add(function.__name__)
    return damage(function)


def _some(n: int, share: float, random: np.random.Generator) -> np.ndarray:
    """A mask of about that share of n, never none."""
    mask = random.random(n) < share
    mask[random.integers(n)] = True
    return mask


def _replaced(source: Source, cells: Sequence[str], share: float, random: np.random.Generator) -> pd.DataFrame:
    """Some cells of one column of features are others."""
    frame = source.frame.copy()
    name = str(random.choice(source.numbers or source.features))
    rows = _some(len(frame), share, random)
    frame.loc[rows, name] = random.choice(np.array(cells, dtype=object), rows.sum())
    return frame


def _added(source: Source, cells: Sequence[object], name: str = "added") -> pd.DataFrame:
    return source.frame.assign(**{name: list(cells)})


def _renamed(source: Source, change: Callable[[str], str]) -> pd.DataFrame:
    return source.frame.rename(columns={name: change(name) for name in source.frame.columns})


def _numbers_written(
    source: Source, write: Callable[[float], str], numbers: Sequence[str] | None = None
) -> pd.DataFrame:
    """Each column of numbers, the targets too, written in another way."""
    frame = source.frame.copy()
    for name in [*source.numbers, *source.targets] if numbers is None else numbers:
        values = pd.to_numeric(frame[name], errors="coerce")
        if values.notna().all():
            frame[name] = [write(value) for value in values]
    return frame


# Bytes


@damage
def truncated(source: Source, random: np.random.Generator) -> bytes:
    content = source.text.encode()
    return content[: random.integers(len(content) // 2, len(content))]


@damage
def truncated_early(source: Source, random: np.random.Generator) -> bytes:
    return source.text.encode()[: random.integers(1, 200)]


@damage
def nul_bytes(source: Source, random: np.random.Generator) -> bytes:
    content = np.frombuffer(source.text.encode(), dtype=np.uint8).copy()
    content[random.integers(len(content), size=3)] = 0
    return content.tobytes()


@damage
def zeros_at_the_end(source: Source, random: np.random.Generator) -> bytes:
    return source.text.encode() + bytes(4096)


@damage
def flipped_bytes(source: Source, random: np.random.Generator) -> bytes:
    content = np.frombuffer(source.text.encode(), dtype=np.uint8).copy()
    content[random.integers(len(content), size=5)] = random.integers(256, size=5)
    return content.tobytes()


@damage
def random_bytes(source: Source, random: np.random.Generator) -> bytes:
    return random.bytes(10_000)


@damage
def mixed_encodings(source: Source, random: np.random.Generator) -> bytes:
    words = random.choice(["Zürich", "Málaga", "Orléans"], len(source.frame))
    lines = written(_added(source, words)).splitlines()
    return b"\n".join(line.encode(("utf-8", "latin-1")[i % 2]) for i, line in enumerate(lines))


@damage
def cyrillic_of_another_code_page(source: Source, random: np.random.Generator) -> bytes:
    return written(_added(source, random.choice(["Пермь", "Омск", "Тула"], len(source.frame)))).encode("cp1251")


@damage
def shift_jis(source: Source, random: np.random.Generator) -> bytes:
    return written(_added(source, random.choice(["東京", "大阪", "京都"], len(source.frame)))).encode("shift_jis")


@same
def utf8_with_mark(source: Source, random: np.random.Generator) -> bytes:
    return source.text.encode("utf-8-sig")


@same
def utf16_with_mark(source: Source, random: np.random.Generator) -> bytes:
    return source.text.encode("utf-16")


@same
def utf16_without_mark(source: Source, random: np.random.Generator) -> bytes:
    return source.text.encode(str(random.choice(["utf-16-le", "utf-16-be"])))


@same
def utf32_with_mark(source: Source, random: np.random.Generator) -> bytes:
    return source.text.encode("utf-32")


@damage
def mark_in_the_middle(source: Source, random: np.random.Generator) -> str:
    """Two files put together."""
    return source.text + "\ufeff" + source.text


@damage
def half_characters(source: Source, random: np.random.Generator) -> bytes:
    """Of two that stand for one in UTF-16, which UTF-8 does not allow."""
    return written(_replaced(source, ["\ue000"], 0.1, random)).encode().replace("\ue000".encode(), b"\xed\xa0\xbd")


@damage
def gzip_called_csv(source: Source, random: np.random.Generator) -> bytes:
    return gzip.compress(source.text.encode(), mtime=0)


@damage
def zip_called_csv(source: Source, random: np.random.Generator) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("table.csv"), source.text)
    return out.getvalue()


@damage
def empty(source: Source, random: np.random.Generator) -> bytes:
    return b""


@damage
def blank(source: Source, random: np.random.Generator) -> bytes:
    return b"\n \r\n\t\n" * 100


@damage
def header_only(source: Source, random: np.random.Generator) -> str:
    return source.text.partition("\n")[0] + "\n"


@damage
def no_header(source: Source, random: np.random.Generator) -> str:
    return source.text.partition("\n")[2]


@damage
def web_page(source: Source, random: np.random.Generator) -> str:
    return source.frame.head(50).to_html()


@damage
def json_lines(source: Source, random: np.random.Generator) -> str:
    return source.frame.to_json(orient="records", lines=True)


# Lines, separators and quotes


@same
def mixed_line_ends(source: Source, random: np.random.Generator) -> str:
    ends = random.choice(["\n", "\r\n", "\r"], len(source.frame) + 1)
    return "".join(line + end for line, end in zip(source.text.splitlines(), ends, strict=True))


@same
def carriage_returns_alone(source: Source, random: np.random.Generator) -> str:
    return written(source.frame, end="\r")


@same
def doubled_carriage_returns(source: Source, random: np.random.Generator) -> str:
    return written(source.frame, end="\r\r\n")


@same
def tabs_called_csv(source: Source, random: np.random.Generator) -> str:
    return written(source.frame, "\t")


@same
def semicolons(source: Source, random: np.random.Generator) -> str:
    return written(source.frame, ";")


@same
def bars(source: Source, random: np.random.Generator) -> str:
    return written(source.frame, "|")


@same
def separator_line_of_spreadsheets(source: Source, random: np.random.Generator) -> str:
    separator = str(random.choice([";", ",", "\t", "|"]))
    return f"sep={separator}\r\n{written(source.frame, separator)}"


@same
def all_cells_quoted(source: Source, random: np.random.Generator) -> str:
    return written(source.frame, quoting=csv.QUOTE_ALL)


@same
def called_parquet(source: Source, random: np.random.Generator) -> Damaged:
    return Damaged(source.text.encode(), ".parquet")


@damage
def short_rows(source: Source, random: np.random.Generator) -> str:
    lines = source.text.splitlines()
    return "\n".join(line.rpartition(",")[0] if i and random.random() < 0.02 else line for i, line in enumerate(lines))


@damage
def long_rows(source: Source, random: np.random.Generator) -> str:
    lines = source.text.splitlines()
    return "\n".join(f"{line},7" if i and random.random() < 0.02 else line for i, line in enumerate(lines))


@damage
def separators_at_the_end(source: Source, random: np.random.Generator) -> str:
    return source.text.replace("\n", ",,\n")


@damage
def separators_at_the_end_of_rows(source: Source, random: np.random.Generator) -> str:
    header, _, rows = source.text.partition("\n")
    return header + "\n" + rows.replace("\n", ",\n")


@damage
def open_quote(source: Source, random: np.random.Generator) -> str:
    lines = source.text.splitlines()
    place = random.integers(1, len(lines))
    cells = lines[place].split(",")
    cells[random.integers(len(cells))] = '"open'
    lines[place] = ",".join(cells)
    return "\n".join(lines)


@damage
def single_quotes(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.map(lambda cell: f"'{cell}'")


@damage
def curly_quotes(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.map(lambda cell: f"\u201c{cell}\u201d")


@damage
def comment_lines(source: Source, random: np.random.Generator) -> str:
    return f"# made by a machine\n# on a day\n{source.text}"


@damage
def title_line(source: Source, random: np.random.Generator) -> str:
    return f"Monthly report{',' * (len(source.frame.columns) - 1)}\n{source.text}"


@damage
def footer_line(source: Source, random: np.random.Generator) -> str:
    return f"{source.text}Total{',' * (len(source.frame.columns) - 1)}\n"


@damage
def footer_text(source: Source, random: np.random.Generator) -> str:
    return f"{source.text}({len(source.frame)} rows affected)\n"


@damage
def second_header(source: Source, random: np.random.Generator) -> str:
    header, *lines = source.text.splitlines()
    place = random.integers(1, len(lines))
    return "\n".join([header, *lines[:place], header, *lines[place:]])


# Shape


@damage
def one_row(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.head(1)


@damage
def few_rows(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.head(int(random.integers(2, 40)))


@damage
def one_column(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame[[source.targets[0]]]


@damage
def all_rows_equal(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return pd.concat([source.frame.head(1)] * len(source.frame))


@damage
def rows_repeated(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return pd.concat([source.frame.head(60)] * 10)


@damage
def ten_thousand_columns(source: Source, random: np.random.Generator) -> pd.DataFrame:
    digits = random.integers(0, 10, (len(source.frame), 10_000)).astype(str)
    return pd.concat([source.frame, pd.DataFrame(digits).add_prefix("x")], axis="columns")


@damage
def sorted_by_target(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.sort_values(source.targets[0])


# Names


@damage
def names_twice(source: Source, random: np.random.Generator) -> pd.DataFrame:
    first = source.features[0]
    return source.frame.set_axis([first if name in source.features[:2] else name for name in source.frame], axis=1)


@damage
def names_twice_but_for_spaces(source: Source, random: np.random.Generator) -> pd.DataFrame:
    first, *_ = source.features
    return _added(source, source.frame[first], f" {first}\u00a0")


@damage
def names_twice_but_for_zero_width(source: Source, random: np.random.Generator) -> pd.DataFrame:
    first, *_ = source.features
    return _added(source, source.frame[first], f"{first}{ZERO_WIDTH}")


@damage
def names_empty(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.set_axis([name if name in source.targets else "" for name in source.frame], axis=1)


@same
def names_with_zero_width(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _renamed(source, lambda name: f"{ZERO_WIDTH}{name}{ZERO_WIDTH}")


@same
def names_with_direction_marks(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _renamed(source, lambda name: f"{LEFT_TO_RIGHT}{name}{LEFT_TO_RIGHT}")


@damage
def names_reversed_by_override(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _renamed(source, lambda name: name if name in source.targets else f"{RIGHT_TO_LEFT}{name}")


@damage
def names_of_like_letters(source: Source, random: np.random.Generator) -> pd.DataFrame:
    """Of Cyrillic letters, the target's too."""
    return _renamed(source, lambda name: name.translate(LIKE_LETTERS))


@damage
def names_of_like_letters_beside(source: Source, random: np.random.Generator) -> pd.DataFrame:
    frame = _renamed(source, lambda name: name.translate(LIKE_LETTERS))
    return pd.concat([source.frame, frame], axis="columns").loc[:, lambda both: ~both.columns.duplicated()]


@damage
def names_composed_and_not(source: Source, random: np.random.Generator) -> pd.DataFrame:
    values = random.choice(["1", "2", "3"], len(source.frame))
    return _added(source, values, "caf\u00e9").assign(**{"cafe\u0301": values[::-1]})


@damage
def names_hostile(source: Source, random: np.random.Generator) -> pd.DataFrame:
    rest = iter(HOSTILE)
    return _renamed(source, lambda name: name if name in source.targets else next(rest, name))


@damage
def names_long(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _renamed(source, lambda name: name if name in source.targets else name + "x" * 20_000)


# Cells


@damage
def target_missing(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.assign(**dict.fromkeys(source.targets, ""))


@damage
def target_mostly_missing(source: Source, random: np.random.Generator) -> pd.DataFrame:
    kept = _some(len(source.frame), 0.05, random)
    return source.frame.assign(**{name: source.frame[name].where(kept, "") for name in source.targets})


@damage
def target_constant(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.assign(**dict.fromkeys(source.targets, "1"))


@damage
def target_with_infinities(source: Source, random: np.random.Generator) -> pd.DataFrame:
    values = np.where(_some(len(source.frame), 0.02, random), "inf", random.normal(size=len(source.frame)).astype(str))
    return source.frame.assign(**{source.targets[0]: values})


@damage
def target_of_very_many_classes(source: Source, random: np.random.Generator) -> pd.DataFrame:
    n = len(source.frame)
    return source.frame.assign(**{source.targets[0]: [f"class {i}" for i in random.integers(n // 3, size=n)]})


@damage
def target_with_thousands_separators(source: Source, random: np.random.Generator) -> pd.DataFrame:
    values = random.lognormal(8, 2, len(source.frame))
    return source.frame.assign(**{source.targets[0]: [f"{value:,.0f}" for value in values]})


@damage
def target_of_percents(source: Source, random: np.random.Generator) -> pd.DataFrame:
    values = random.random(len(source.frame))
    return source.frame.assign(**{source.targets[0]: [f"{value:.1%}" for value in values]})


@damage
def target_huge(source: Source, random: np.random.Generator) -> pd.DataFrame:
    values = random.normal(size=len(source.frame)) * 1e307
    return source.frame.assign(**{source.targets[0]: values.astype(str)})


@damage
def columns_all_missing(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.assign(**dict.fromkeys(source.features[::2], ""))


@damage
def features_all_missing(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return source.frame.assign(**dict.fromkeys(source.features, "NA"))


@damage
def whole_numbers_huge(source: Source, random: np.random.Generator) -> pd.DataFrame:
    base = int(random.choice([2**63, 2**64, 10**30]))
    return _added(source, [str(base + int(i)) for i in random.integers(-9, 9, len(source.frame))])


@damage
def whole_number_of_five_thousand_digits(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _replaced(source, ["9" * 5_000], 0.01, random)


@damage
def numbers_huge(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _replaced(source, ["1e308", "-1e308", "1.7976931348623157e308"], 0.1, random)


@damage
def numbers_tiny(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _replaced(source, ["5e-324", "-5e-324", "1e-400"], 0.1, random)


@damage
def numbers_beyond(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _replaced(source, ["1e999", "-1e999"], 0.05, random)


@damage
def infinities_and_nans(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _replaced(source, ["inf", "-Infinity", "nan", "NaN"], 0.1, random)


@damage
def nans_alone(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _replaced(source, ["nan", "NaN", "", "NULL"], 0.2, random)


@damage
def negative_zeros(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, random.choice(["-0.0", "0.0", "-0", "0"], len(source.frame)))


@damage
def words_among_numbers(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _replaced(source, ["broken", "see note"], float(random.choice([0.01, 0.1, 0.5])), random)


@damage
def other_spellings_of_missing(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _replaced(source, ["n/a", "--", "N.A.", "unknown", "#DIV/0!"], float(random.choice([0.02, 0.2])), random)


@damage
def truth_in_many_words(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, random.choice(["True", "yes", "1", "0", "no", "FALSE", "ja"], len(source.frame)))


@damage
def dates_of_year_1_and_9999(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, random.choice(["0001-01-01", "9999-12-31", "2020-02-29", "1899-12-30"], len(source.frame)))


@damage
def dates_that_are_none(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, random.choice(["2020-02-30", "2020-13-01", "0000-00-00", "2020-01-01"], len(source.frame)))


@damage
def dates_in_mixed_formats(source: Source, random: np.random.Generator) -> pd.DataFrame:
    days = pd.to_datetime("2020-01-01") + pd.to_timedelta(random.integers(900, size=len(source.frame)), unit="D")
    formats = random.choice(["%Y-%m-%d", "%d/%m/%Y", "%d %b %Y"], len(source.frame))
    return _added(source, [day.strftime(form) for day, form in zip(days, formats, strict=True)])


@same
def decimal_commas(source: Source, random: np.random.Generator) -> str:
    frame = _numbers_written(source, lambda value: repr(value).removesuffix(".0").replace(".", ","))
    return written(frame, ";")


@same
def decimal_commas_quoted(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _numbers_written(source, lambda value: repr(value).removesuffix(".0").replace(".", ","))


def _with_thousands(value: float) -> str:
    whole, _, rest = repr(value).partition(".")
    return f"{int(whole):,}{'.' + rest if rest not in ('', '0') else ''}"


@same
def thousands_with_commas(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _numbers_written(source, _with_thousands)


@same
def thousands_with_points(source: Source, random: np.random.Generator) -> str:
    return written(_numbers_written(source, lambda v: _with_thousands(v).translate(str.maketrans(",.", ".,"))), ";")


@same
def thousands_with_spaces(source: Source, random: np.random.Generator) -> pd.DataFrame:
    space = str(random.choice([" ", "\u00a0", "\u202f"]))
    return _numbers_written(source, lambda value: _with_thousands(value).replace(",", space))


@same
def thousands_with_apostrophes(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _numbers_written(source, lambda value: _with_thousands(value).replace(",", "'"))


@damage
def thousands_with_points_alone(source: Source, random: np.random.Generator) -> str:
    values = random.lognormal(8, 2, len(source.frame))
    return written(_added(source, [f"{value:,.0f}".replace(",", ".") for value in values]), ";")


@damage
def thousands_in_a_few_late_rows(source: Source, random: np.random.Generator) -> pd.DataFrame:
    late = np.arange(len(source.frame)) > len(source.frame) // 2
    return _added(source, [f"{value:,.1f}" for value in np.where(late, 4_000.5, 7.5) + random.random(len(late))])


@same
def currencies(source: Source, random: np.random.Generator) -> pd.DataFrame:
    sign = str(random.choice(["$", "€ ", "£"]))
    return _numbers_written(source, lambda value: f"{sign}{repr(value).removesuffix('.0')}", source.numbers)


@damage
def percents(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, [f"{value:.2f} %" for value in 100 * random.random(len(source.frame))])


@damage
def units(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, [f"{value:.1f} kg" for value in 100 * random.random(len(source.frame))])


@same
def minus_signs_of_typography(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _numbers_written(source, lambda value: repr(value).removesuffix(".0").replace("-", "\u2212"))


@same
def digits_of_full_width(source: Source, random: np.random.Generator) -> pd.DataFrame:
    wide = {ord("0") + digit: chr(0xFF10 + digit) for digit in range(10)}
    return _numbers_written(source, lambda value: repr(value).removesuffix(".0").translate(wide))


@same
def zero_width_in_numbers(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _numbers_written(source, lambda value: repr(value).removesuffix(".0") + ZERO_WIDTH)


@damage
def digits_with_underscores(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, [f"{value:_}" for value in random.integers(10**3, 10**7, len(source.frame))])


@damage
def hexadecimal(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, [hex(value) for value in random.integers(10**3, 10**7, len(source.frame))])


@damage
def leading_zeros(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, [f"{value:05}" for value in random.integers(500, size=len(source.frame))])


@damage
def formulas(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, random.choice(['="5"', "=1+1", "@SUM(A1)", "=HYPERLINK(1)"], len(source.frame)))


@damage
def emoji(source: Source, random: np.random.Generator) -> pd.DataFrame:
    words = ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u00e9", "e\u0301"]
    return _added(source, random.choice(words, len(source.frame)))


@damage
def hostile_cells(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, random.choice(np.array(HOSTILE, dtype=object), len(source.frame)))


@damage
def line_ends_in_cells(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, random.choice(["a\nb", "a\r\nb", "c,\nd", "\n"], len(source.frame)))


@damage
def cell_of_ten_megabytes(source: Source, random: np.random.Generator) -> pd.DataFrame:
    frame = _added(source, random.choice(["a", "b"], len(source.frame)))
    frame.loc[frame.index[random.integers(len(frame))], "added"] = "x" * LONG_CELL
    return frame


@damage
def cells_of_a_hundred_kilobytes(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _added(source, random.choice(["a" * 100_000, "b" * 100_000, "c"], len(source.frame)))


@damage
def very_many_categories(source: Source, random: np.random.Generator) -> pd.DataFrame:
    n = len(source.frame)
    return _added(source, [f"word {i}" for i in random.integers(n // 3, size=n)])


@damage
def control_characters(source: Source, random: np.random.Generator) -> pd.DataFrame:
    return _replaced(source, ["\x07", "\x1b[2J", "\x0b", "\x85", "\u2028"], 0.01, random)


# Parquet


def _parquet(source: Source, **columns: pa.Array) -> Damaged:
    """The set as Parquet, its numbers typed, with further columns."""
    table = pa.Table.from_pandas(_typed(source), preserve_index=False)
    for name, cells in columns.items():
        table = table.append_column(name, cells)
    return _as_parquet(table)


def _typed(source: Source) -> pd.DataFrame:
    frame = source.frame.copy()
    for name in source.numbers:
        frame[name] = pd.to_numeric(frame[name])
    return frame


def _as_parquet(table: pa.Table) -> Damaged:
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return Damaged(out.getvalue().to_pybytes(), ".parquet")


def _cells(source: Source, random: np.random.Generator, values: Sequence[object], kind: pa.DataType) -> pa.Array:
    places = random.integers(len(values), size=len(source.frame))
    return pa.array([values[place] for place in places], type=kind)


@same
def parquet(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source)


@same
def parquet_called_csv(source: Source, random: np.random.Generator) -> Damaged:
    return Damaged(_parquet(source).content, ".csv")


@damage
def parquet_truncated(source: Source, random: np.random.Generator) -> Damaged:
    content = _parquet(source).content
    return Damaged(content[: random.integers(5, len(content))], ".parquet")


@damage
def parquet_flipped_bytes(source: Source, random: np.random.Generator) -> Damaged:
    content = np.frombuffer(_parquet(source).content, dtype=np.uint8).copy()
    content[random.integers(4, len(content) - 8, size=5)] = random.integers(256, size=5)
    return Damaged(content.tobytes(), ".parquet")


@damage
def parquet_without_rows(source: Source, random: np.random.Generator) -> Damaged:
    return _as_parquet(pa.Table.from_pandas(_typed(source), preserve_index=False).slice(0, 0))


@damage
def parquet_without_columns(source: Source, random: np.random.Generator) -> Damaged:
    return _as_parquet(pa.table({}))


@damage
def parquet_with_names_twice(source: Source, random: np.random.Generator) -> Damaged:
    table = pa.Table.from_pandas(_typed(source), preserve_index=False)
    return _as_parquet(table.append_column(table.column_names[0], table.column(0)))


@damage
def parquet_with_lists(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, [[1, 2], [], None], pa.list_(pa.int64())))


@damage
def parquet_with_structs(source: Source, random: np.random.Generator) -> Damaged:
    kind = pa.struct([("a", pa.int64()), ("b", pa.string())])
    return _parquet(source, added=_cells(source, random, [{"a": 1, "b": "x"}, None], kind))


@damage
def parquet_with_maps(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, [[("k", 1)], []], pa.map_(pa.string(), pa.int64())))


@same
def parquet_with_decimals(source: Source, random: np.random.Generator) -> Damaged:
    table = pa.Table.from_pandas(_typed(source), preserve_index=False)
    for name in source.numbers:
        cells = pa.array([Decimal(cell) for cell in source.frame[name]], type=pa.decimal128(38, 12))
        table = table.set_column(table.column_names.index(name), name, cells)
    return _as_parquet(table)


@damage
def parquet_with_wide_decimals(source: Source, random: np.random.Generator) -> Damaged:
    values = [Decimal(10) ** 60, Decimal(-1), None]
    return _parquet(source, added=_cells(source, random, values, pa.decimal256(70, 2)))


@damage
def parquet_with_zoned_times(source: Source, random: np.random.Generator) -> Damaged:
    times = list(pd.date_range("2020-03-28", periods=60, freq="h", tz="UTC"))
    unit = str(random.choice(["s", "ms", "us", "ns"]))
    return _parquet(source, added=_cells(source, random, times, pa.timestamp(unit, "Europe/Zurich")))


@damage
def parquet_with_far_times(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, [-(10**15), 10**15, 0, None], pa.timestamp("ms")))


@damage
def parquet_with_far_days(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, [-719162, 2932896, 18000, None], pa.date32()))


@damage
def parquet_with_times_of_day(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, list(range(0, 86400, 700)), pa.time32("s")))


@damage
def parquet_with_durations(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, [*range(0, 10**6, 7919), None], pa.duration("ms")))


@same
def parquet_with_dictionaries(source: Source, random: np.random.Generator) -> Damaged:
    table = pa.Table.from_pandas(_typed(source), preserve_index=False)
    words = [name for name in source.frame.columns if name not in source.numbers]
    for name in words:
        table = table.set_column(table.column_names.index(name), name, table.column(name).dictionary_encode())
    return _as_parquet(table)


@damage
def parquet_with_dictionary_of_numbers(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, [7, 9, 11, None], pa.int64()).dictionary_encode())


@damage
def parquet_of_nothing(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=pa.nulls(len(source.frame)))


@damage
def parquet_with_bytes(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, [b"ab", b"\xff\x00", b"", None], pa.binary()))


@same
def parquet_with_text_as_bytes(source: Source, random: np.random.Generator) -> Damaged:
    table = pa.Table.from_pandas(_typed(source), preserve_index=False)
    for place, name in enumerate(table.column_names):
        if name not in source.numbers:
            table = table.set_column(place, name, table.column(name).cast(pa.binary()))
    return _as_parquet(table)


@damage
def parquet_with_huge_whole_numbers(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, [2**64 - 1, 2**64 - 2, 2**63, None], pa.uint64()))


@damage
def parquet_with_half_floats(source: Source, random: np.random.Generator) -> Damaged:
    values = [np.float16(value) for value in (0.1, 65504, -1, np.nan, np.inf)]
    return _parquet(source, added=_cells(source, random, values, pa.float16()))


@damage
def parquet_with_truths_and_nulls(source: Source, random: np.random.Generator) -> Damaged:
    return _parquet(source, added=_cells(source, random, [True, False, None], pa.bool_()))
