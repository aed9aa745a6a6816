"""One JSON line per event, on standard error."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import structlog

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}
encode = json.JSONEncoder(default=repr).encode


class JsonLines(logging.Formatter):
    """What is bound to the request, then what the record and its ``extra`` say.

    A formatter of its own: structlog's chain of processors takes twice as long as
    all the rest of a line, and each turn writes two.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = structlog.contextvars.get_contextvars()
        line["level"] = record.levelname.lower()
        line["logger"] = record.name
        line |= {
            name: value for name, value in vars(record).items() if name not in STANDARD
        }
        moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        line["timestamp"] = f"{moment.isoformat(timespec='microseconds')}Z"
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        line["message"] = record.getMessage()
        return encode(line)


def set_up_logging(level: str) -> None:
    """Send every log record, ours and the libraries', out as a line of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
