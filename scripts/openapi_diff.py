"""Compare openapi.json with what the code says; `--write` writes it anew."""

import difflib
import json
import sys
import tempfile
from pathlib import Path

from app.config import Settings
from app.factory import create_app

COMMITTED = Path(__file__).parent.parent / "openapi.json"


def main() -> None:
    made = _from_code()
    if "--write" in sys.argv:
        COMMITTED.write_text(made)
        return
    kept = COMMITTED.read_text() if COMMITTED.exists() else ""
    if made == kept:
        return
    diff = difflib.unified_diff(
        kept.splitlines(), made.splitlines(), "openapi.json", "the code", lineterm=""
    )
    print("\n".join(diff))
    sys.exit("openapi.json is not what the code says; run `make openapi`")


def _from_code() -> str:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None, data_dir=Path(folder), documents_dir=Path(folder)
        )
        app = create_app(settings)
        with app.app_context():
            spec = app.spec
        app.extensions["services"].close()
    return json.dumps(spec, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
