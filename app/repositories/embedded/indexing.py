"""Which keys a document has in an index, and where it stands in a sort."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from .errors import unsupported, write_error
from .keys import NULL_KEY, UNDEFINED_KEY, encode, encode_string, invert
from .paths import MISSING, Path, index_values, split

Fields = tuple[tuple[str, int], ...]
_PARALLEL_ARRAYS = 171


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """Keys over some fields, each ascending (1) or descending (-1)."""

    fields: Fields
    paths: tuple[tuple[Path, bool], ...] = field(init=False)
    flat: Fields = field(init=False)
    listed: Path = field(init=False)  # the one path, where it has two names
    roots: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        paths = tuple((split(name), way < 0) for name, way in self.fields)
        object.__setattr__(self, "paths", paths)
        flat = all(len(path) == 1 for path, _ in paths)
        object.__setattr__(self, "flat", self.fields if flat else ())
        path, descending = paths[0]
        plain = len(paths) == 1 and len(path) == 2 and not descending  # noqa: PLR2004
        listed = path if plain and not path[1].isdigit() else ()
        object.__setattr__(self, "listed", listed)
        object.__setattr__(self, "roots", frozenset(path[0] for path, _ in paths))

    def keys(
        self, document: dict[str, Any], *, sparse: bool = False
    ) -> tuple[set[bytes], bool]:
        """Return the keys and whether an array made them."""
        if self.flat:
            key = self._flat_key(document, sparse=sparse)
            if key is not None:
                return ({key} if key else set()), False
        if self.listed:
            keys = self._listed_keys(document)
            if keys is not None:
                return keys, True
        return self._all_keys(document, sparse=sparse)

    def _all_keys(
        self, document: dict[str, Any], *, sparse: bool
    ) -> tuple[set[bytes], bool]:
        columns: list[list[bytes]] = []
        arrays: set[str] = set()
        absent = True
        for path, descending in self.paths:
            values, is_array = index_values(document, path)
            absent = (
                absent
                and all(value is MISSING for value in values)
                and (not is_array or bool(values))
            )
            if is_array and path[0] not in arrays:
                if arrays:
                    raise write_error(
                        _PARALLEL_ARRAYS,
                        f"cannot index parallel arrays [{path[0]}] {sorted(arrays)}",
                    )
                arrays.add(path[0])
            columns.append(_column(values, descending=descending))
        if sparse and absent:
            return set(), bool(arrays)
        if len(columns) == 1:
            return set(columns[0]), bool(arrays)
        if not arrays:
            return {b"".join([column[0] for column in columns])}, False
        return {b"".join(parts) for parts in product(*columns)}, True

    def _flat_key(self, document: dict[str, Any], *, sparse: bool) -> bytes | None:
        """Return the one key of a document, b"" for no entry, None with an array."""
        key = b""
        absent = sparse
        for name, way in self.flat:
            value = document.get(name, MISSING)
            if type(value) is str:
                absent = False
                part = encode_string(value)
            elif value is MISSING:
                part = NULL_KEY
            elif isinstance(value, list):
                return None
            else:
                absent = False
                part = encode(value)
            key += invert(part) if way < 0 else part
        return b"" if absent else key

    def _listed_keys(self, document: dict[str, Any]) -> set[bytes] | None:
        """Return the keys of a text in a list of documents; None for all else."""
        root, name = self.listed
        elements = document.get(root)
        if type(elements) is not list:
            return None
        keys = set()
        for element in elements:
            value = element.get(name) if type(element) is dict else None
            if type(value) is not str:
                return None
            keys.add(encode_string(value))
        return keys or {UNDEFINED_KEY}

    def sort_key(self, document: dict[str, Any]) -> bytes:
        """Return where the document stands: by its least element when an array."""
        parts = []
        for path, descending in self.paths:
            values, is_array = index_values(document, path)
            column = _column(values, descending=descending)
            parts.append(min(column) if is_array else column[0])
        return b"".join(parts)


def _column(values: list[Any], *, descending: bool) -> list[bytes]:
    column = [NULL_KEY if value is MISSING else encode(value) for value in values]
    if not column:
        column = [UNDEFINED_KEY]
    return [invert(key) for key in column] if descending else column


@dataclass(frozen=True, slots=True)
class Index:
    """One index of a collection, and the table that keeps it in order."""

    number: int
    name: str
    maker: KeyMaker
    unique: bool = False
    sparse: bool = False
    expire_after: float | None = None
    multikey: bool = False
    table: str = field(init=False)
    insert_sql: str = field(init=False)
    restore_sql: str = field(init=False)
    update_sql: str = field(init=False)
    delete_sql: str = field(init=False)

    def __post_init__(self) -> None:
        # The name tells whether arrays are inside: who planned without them asks
        # for a table that is gone, and plans again.
        table = f"{'m' if self.multikey else 'i'}{self.number}"
        object.__setattr__(self, "table", table)
        entry = "WHERE key = ? AND rid = ?"
        for statement, sql in (
            ("insert_sql", f"INSERT INTO {table}(key, rid) VALUES(?, ?)"),
            ("restore_sql", f"INSERT OR IGNORE INTO {table}(key, rid) VALUES(?, ?)"),
            ("update_sql", f"UPDATE {table} SET key = ? {entry}"),  # noqa: S608
            ("delete_sql", f"DELETE FROM {table} {entry}"),  # noqa: S608
        ):
            object.__setattr__(self, statement, sql)

    @property
    def fields(self) -> Fields:
        return self.maker.fields

    def keys(self, document: dict[str, Any]) -> tuple[set[bytes], bool]:
        return self.maker.keys(document, sparse=self.sparse)

    def definition(self) -> dict[str, Any]:
        return {
            "key": [list(field) for field in self.fields],
            "unique": self.unique,
            "sparse": self.sparse,
            "expireAfterSeconds": self.expire_after,
        }

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = {"v": 2, "key": list(self.fields)}
        if self.unique:
            described["unique"] = True
        if self.sparse:
            described["sparse"] = True
        if self.expire_after is not None:
            described["expireAfterSeconds"] = self.expire_after
        return described


def parse_fields(keys: Any) -> Fields:
    """Read pymongo's ways of naming keys: a name, a pair list or a mapping."""
    if isinstance(keys, str):
        keys = [(keys, 1)]
    pairs: Iterable[Any] = keys.items() if hasattr(keys, "items") else keys
    fields: list[tuple[str, int]] = []
    for pair in pairs:
        name, way = (pair, 1) if isinstance(pair, str) else pair
        if way not in {1, -1}:
            raise unsupported(f"the index or sort order {way!r}")
        if name.startswith("$"):
            raise unsupported(f"sorting by '{name}'")
        fields.append((name, int(way)))
    if not fields:
        raise ValueError("at least one field is needed")
    return tuple(fields)
