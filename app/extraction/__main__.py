"""The child: `python -m app.extraction PATH EXTENSION [LIMITS PARENT]`.

Writes a line of JSON for each progress, and one for the result or the failure.
"""

import json
import os
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

from app.extraction.extract import ExtractionFailed
from app.extraction.limits import Limits, end_with_parent, limit_this_process
from app.extraction.reading import read_document


def main(arguments: list[str]) -> None:
    path, extension, *more = arguments
    limits = Limits.from_json(more[0]) if more else Limits()
    limit_this_process(limits)
    end_with_parent(int(more[1]) if more else os.getppid())
    try:
        extract = read_document(
            Path(path).read_bytes(),
            extension,
            most=limits.text_characters,
            on_progress=lambda done, of: _say(done=done, of=of),
        )
        _say(
            text=extract.text,
            markdown=extract.markdown,
            headings=[astuple(heading) for heading in extract.headings],
            pages=extract.pages,
        )
    except ExtractionFailed as exc:
        _say(reason=exc.reason, detail=exc.detail)
    except MemoryError:
        _say(reason="too_much_memory", detail=None)


def _say(**line: Any) -> None:
    written = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    sys.stdout.buffer.write(written.encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
