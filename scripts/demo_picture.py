"""Draw docs/demo.svg: what `make demo` prints, from a real run.

The picture has a ground of its own, so it reads on light pages and on dark ones.
"""

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PICTURE = Path(__file__).parent.parent / "docs" / "demo.svg"
COLUMNS = 84
FONT, LINE, MARGIN = 13, 19, 22
ADVANCE = 0.62  # of the font size: the widest of the usual monospace fonts
CLASSES = {"1": "b", "2": "d", "32": "g", "36": "c"}
PARTS = re.compile(r"\x1b\[(\d+)m(.*?)\x1b\[0m|([^\x1b]+)")
LAST = "Now you"

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" \
viewBox="0 0 {width} {height}" role="img" aria-labelledby="title">
<title id="title">The output of make demo: six messages and their answers</title>
<style>
text {{ font: {font}px ui-monospace, SFMono-Regular, Menlo, Consolas, \
"DejaVu Sans Mono", monospace; fill: #d1d9e0; white-space: pre }}
.b {{ font-weight: bold; fill: #ffffff }}
.d {{ fill: #9198a1 }}
.g {{ fill: #57d364 }}
.c {{ fill: #6cb6ff; font-weight: bold }}
</style>
<rect x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="8" \
fill="#151b23" stroke="#656c76"/>
"""


def main() -> None:
    lines = _output().split(LAST)[0].replace("\x1b[1m\n", "\n").splitlines()
    while not re.sub(r"\x1b\[\d+m", "", lines[-1]).strip():
        lines.pop()
    PICTURE.write_text("".join(_drawn(["\x1b[2m$ make demo\x1b[0m", "", *lines])))


def _output() -> str:
    wanted = {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "LLM_PROVIDER": "offline"}
    without = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--once"],
        env=without | wanted,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return ran.stdout


def _drawn(lines: list[str]) -> Iterator[str]:
    width = round(2 * MARGIN + COLUMNS * FONT * ADVANCE)
    height = 2 * MARGIN + LINE * len(lines)
    yield HEAD.format(
        width=width,
        height=height,
        inner_width=width - 1,
        inner_height=height - 1,
        font=FONT,
    )
    for number, line in enumerate(lines):
        if line:
            y = MARGIN + FONT + LINE * number
            yield f'<text x="{MARGIN}" y="{y}" xml:space="preserve">'
            yield "".join(_spans(line))
            yield "</text>\n"
    yield "</svg>\n"


def _spans(line: str) -> Iterator[str]:
    for code, styled, plain in PARTS.findall(line):
        if code:
            yield f'<tspan class="{CLASSES[code]}">{html.escape(styled)}</tspan>'
        else:
            yield html.escape(plain)


if __name__ == "__main__":
    main()
