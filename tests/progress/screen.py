"""What a terminal shows of what was written to it."""

import re

_TOKENS = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|[^\x1b]")


class Screen:
    """A terminal of `width` columns that knows what the display uses: new lines, cursor up, erase line and the cursor's
    being hidden. A row that is too long goes on in the next one, as it does in a window."""

    def __init__(self, width: int) -> None:
        self.rows = [""]
        self.cursor_is_shown = True
        self._width = width
        self._row = self._column = 0

    def write(self, text: str) -> "Screen":
        for token in _TOKENS.finditer(text):
            if token[2]:
                self._control(token[1], token[2])
            elif token[0] == "\r":
                self._column = 0
            elif token[0] == "\n":
                self._row, self._column = self._row + 1, 0
            else:
                self._put(token[0])
            self.rows += [""] * (self._row + 1 - len(self.rows))
        return self

    @property
    def lines(self) -> list[str]:
        """The rows without what is empty at their ends."""
        return "\n".join(row.rstrip() for row in self.rows).rstrip().splitlines()

    def _control(self, argument: str, command: str) -> None:
        if command == "A":
            self._row = max(0, self._row - int(argument or 1))
        elif command == "K":
            assert argument == "2"
            self.rows[self._row] = ""
        elif command in "hl":
            assert argument == "?25"
            self.cursor_is_shown = command == "h"
        else:
            assert command == "m", f"the screen does not know {command!r}"

    def _put(self, char: str) -> None:
        if self._column == self._width:
            self._row, self._column = self._row + 1, 0
            self.rows += [""] * (self._row + 1 - len(self.rows))
        row = self.rows[self._row].ljust(self._column)
        self.rows[self._row] = row[: self._column] + char + row[self._column + 1 :]
        self._column += 1
