"""Which fields of a document the caller gets."""

from collections.abc import Callable, Mapping
from typing import Any

from .errors import bad_value, unsupported
from .paths import Path, split

Projection = Callable[[dict[str, Any]], dict[str, Any]]
Tree = dict[str, Any]


def compile_projection(wanted: Any) -> Projection | None:
    """Return the function that cuts a document down, None for all of it."""
    if not wanted:
        if wanted is None or isinstance(wanted, Mapping):
            return None
        return lambda document: _included(document, {"_id": True})
    if not isinstance(wanted, Mapping):
        wanted = dict.fromkeys(wanted, 1)
    with_id = True
    chosen: dict[Path, bool] = {}
    for name, flag in wanted.items():
        if not isinstance(flag, (bool, int, float)):
            raise unsupported(f"the projection of '{name}' by {flag!r}")
        if "$" in name:
            raise unsupported(f"the projection of '{name}'")
        if name == "_id":
            with_id = bool(flag)
        else:
            chosen[split(name)] = bool(flag)
    if len(set(chosen.values())) > 1:
        raise bad_value("Cannot mix inclusion and exclusion in a projection")
    tree = _tree(list(chosen))
    including = any(chosen.values()) or (not chosen and with_id)
    if with_id is including:
        tree = {"_id": True, **tree}
    return _cut(tree, including=including)


def _cut(tree: Tree, *, including: bool) -> Projection:
    if including:
        return lambda document: _included(document, tree)
    return lambda document: _excluded(document, tree)


def _tree(paths: list[Path]) -> Tree:
    tree: Tree = {}
    for path in paths:
        branch = tree
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
            if branch is True:
                raise bad_value(f"Path collision at {'.'.join(path)}")
        if isinstance(branch.get(path[-1]), dict):
            raise bad_value(f"Path collision at {'.'.join(path)}")
        branch[path[-1]] = True
    return tree


def _included(document: dict[str, Any], tree: Tree) -> dict[str, Any]:
    cut: dict[str, Any] = {}
    for name, value in document.items():
        branch = tree.get(name)
        if branch is True:
            cut[name] = value
        elif branch is not None and isinstance(value, (dict, list)):
            cut[name] = _inside(value, branch, _included, keep_scalars=False)
    return cut


def _excluded(document: dict[str, Any], tree: Tree) -> dict[str, Any]:
    cut: dict[str, Any] = {}
    for name, value in document.items():
        branch = tree.get(name)
        if branch is None:
            cut[name] = value
        elif branch is not True:
            cut[name] = _inside(value, branch, _excluded, keep_scalars=True)
    return cut


def _inside(
    value: Any,
    branch: Tree,
    cut: Callable[[dict[str, Any], Tree], dict[str, Any]],
    *,
    keep_scalars: bool,
) -> Any:
    if isinstance(value, dict):
        return cut(value, branch)
    if isinstance(value, list):
        return [
            _inside(element, branch, cut, keep_scalars=keep_scalars)
            for element in value
            if keep_scalars or isinstance(element, (dict, list))
        ]
    return value
