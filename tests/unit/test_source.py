"""What never stands in the product's own code: text that is run as code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted([ROOT / "main.py", *(ROOT / "app").rglob("*.py")])

CALLS = {
    *("eval", "exec", "compile", "__import__"),
    *("render_template_string", "from_string"),
    *("os.system", "os.popen", "subprocess.getoutput"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load"),
}
MODULES = {"pickle", "dill", "marshal", "shelve", "jsonpickle", "cloudpickle"}
RUN_BY_THEM = [
    "eval('7*7')",
    "exec(text)",
    "builtins.eval(text)",
    "render_template_string(name)",
    "flask.render_template_string(name)",
    "jinja2.Environment().from_string(name)",
    "import pickle",
    "from pickle import loads",
    "import os, marshal",
    "yaml.load(text)",
    "os.system(text)",
    "subprocess.run(text, shell=True)",
    "subprocess.Popen(text, shell=yes)",
]
HARMLESS = [
    "subprocess.run([program], shell=False)",
    "re.compile(pattern)",
    "yaml.safe_load(text)",
    "collection.load(text)",
    "executor.submit(work)",
    "import json",
]


def dangers(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            short = name.rpartition(".")[2]
            is_pattern = name == "re.compile"
            if name in CALLS or (short in CALLS and not is_pattern):
                yield f"{node.lineno}: {name}"
            for keyword in node.keywords:
                if keyword.arg == "shell" and ast.unparse(keyword.value) != "False":
                    yield f"{node.lineno}: shell"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            names = [module] if module else [alias.name for alias in node.names]
            if MODULES & {name.partition(".")[0] for name in names}:
                yield f"{node.lineno}: {', '.join(names)}"


def test_no_text_is_run_as_code() -> None:
    assert len(SOURCES) > 100
    found = {str(source): list(dangers(source.read_text())) for source in SOURCES}
    assert {source: places for source, places in found.items() if places} == {}


@pytest.mark.parametrize("code", RUN_BY_THEM)
def test_the_check_sees_it(code: str) -> None:
    assert list(dangers(code))


@pytest.mark.parametrize("code", HARMLESS)
def test_the_check_leaves_the_rest(code: str) -> None:
    assert list(dangers(code)) == []
