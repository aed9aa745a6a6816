"""Plain words on a terminal, with a little colour where it is wanted."""

import os
import shutil
import sys
import textwrap

WIDEST = 88


class Terminal:
    """Colours on a terminal only; `NO_COLOR` and `FORCE_COLOR` decide otherwise."""

    def __init__(self) -> None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        wanted = sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))
        self._colours = wanted and not os.environ.get("NO_COLOR")
        self._width = min(shutil.get_terminal_size().columns, WIDEST)

    def say(self, words: str = "") -> None:
        print(words, flush=True)

    def say_wrapped(self, words: str, *, indent: int) -> None:
        width = max(20, self._width - indent)
        for paragraph in words.splitlines():
            for line in textwrap.wrap(paragraph, width):
                self.say(" " * indent + line)

    def done(self, what: str) -> None:
        self.say(f"  {self.green('✓')} {what}")

    def bold(self, words: str) -> str:
        return self._styled(words, "1")

    def dim(self, words: str) -> str:
        return self._styled(words, "2")

    def green(self, words: str) -> str:
        return self._styled(words, "32")

    def cyan(self, words: str) -> str:
        return self._styled(words, "36")

    def _styled(self, words: str, code: str) -> str:
        return f"\x1b[{code}m{words}\x1b[0m" if self._colours else words
