"""Write the table of settings into README.md, from app/config.py."""

import re
from pathlib import Path

from app.config import Settings

README = Path(__file__).parent.parent / "README.md"
PLACE = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.DOTALL)


def main() -> None:
    README.write_text(with_table(README.read_text()))


def with_table(readme: str) -> str:
    """Return the README with the table as it should be."""
    return PLACE.sub(lambda found: found[1] + table() + found[2], readme)


def table() -> str:
    rows = ["| setting | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in {None, ()} else f"`{field.default}`"
        words = (field.description or "").replace("|", r"\|")
        rows.append(f"| `{name.upper()}` | {default} | {words} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
