"""Files of questions with their right passages, as people write them."""

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from app.models.evaluation import Case, Expected
from app.models.language import detect_language

NOTHING = "nothing"
HELP = f"a passage (document: …, contains: …), a list of them, or: {NOTHING}"


class CaseFileError(Exception):
    """A file of cases cannot be used; the message says where and why."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, (str, dict)) else value


def _passages(value: object) -> object:
    if value == NOTHING:
        return []
    if not value or not isinstance(value, (dict, list)):
        raise ValueError(HELP)
    return _listed(value)


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class ExpectedRead(_Read):
    document: str = Field(min_length=1)
    contains: str | None = Field(None, min_length=1)
    page: int | None = Field(None, ge=1)
    heading: str | None = Field(None, min_length=1)


class CaseRead(_Read):
    question: str = Field(min_length=1)
    language: str = ""
    after: Annotated[list[str], BeforeValidator(_listed)] = []
    expect: Annotated[list[ExpectedRead], BeforeValidator(_passages)]

    @model_validator(mode="after")
    def _in_some_language(self) -> "CaseRead":
        self.language = self.language or detect_language(self.question)
        return self


class FileRead(_Read):
    assistant: str | None = None
    cases: list[Any] = Field(min_length=1)


def read_cases(path: Path) -> tuple[str | None, list[Case]]:
    """Return the assistant that a file names, if it does, and its cases.

    Raises CaseFileError.
    """
    try:
        text = path.read_text("utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        file = FileRead.model_validate(yaml.safe_load(text))
    except OSError as exc:
        raise CaseFileError(f"{path}: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise CaseFileError(f"{path}: no UTF-8 text") from None
    except yaml.YAMLError as exc:
        raise CaseFileError(f"{path}: {_parse_error(exc)}") from None
    except ValidationError as exc:
        raise CaseFileError(f"{path}: {_problems(exc)}") from None
    lines = _lines(root)
    return file.assistant, [
        _case(value, f"{path}, line {line}, case {number}")
        for number, (line, value) in enumerate(
            zip(lines, file.cases, strict=True), start=1
        )
    ]


def _case(value: object, place: str) -> Case:
    try:
        read = CaseRead.model_validate(value)
    except ValidationError as exc:
        raise CaseFileError(f"{place}: {_problems(exc)}") from None
    return Case(
        question=read.question,
        language=read.language,
        expected=tuple(Expected(**each.model_dump()) for each in read.expect),
        after=tuple(read.after),
        place=place,
    )


def _lines(root: yaml.Node) -> list[int]:
    """Return the line of each case."""
    [cases] = [value for key, value in root.value if key.value == "cases"]
    return [case.start_mark.line + 1 for case in cases.value]


def _parse_error(exc: yaml.YAMLError) -> str:
    if isinstance(exc, yaml.MarkedYAMLError) and exc.problem_mark:
        return f"line {exc.problem_mark.line + 1}: {exc.problem}"
    return "no YAML"


def _problems(exc: ValidationError) -> str:
    found = []
    for problem in exc.errors(include_url=False, include_input=False):
        names = [str(name) for name in problem["loc"] if isinstance(name, str)]
        said = problem["msg"].removeprefix("Value error, ")
        found.append(": ".join([".".join(names), said] if names else [said]))
    return "; ".join(found)
