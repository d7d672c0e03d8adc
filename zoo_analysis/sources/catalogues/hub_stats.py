"""Repositories from a table of the whole hub's metadata: a query that costs no call to the hub.

Such a table is ``models.parquet`` of the data set ``cfahlgren1/hub-stats`` of the hub: a row a
model, with the hub's own names (`id`, `sha`, `author`, `tags`, `pipeline_tag`, `downloads`,
`likes`, `createdAt`, `lastModified`, `safetensors`, `gguf`). Only the columns that a query needs
are read, and of the rows only those that it finds are kept.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.description import hub_model
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.sources.fetch import blocks

if TYPE_CHECKING:
    import pyarrow as pa

#: Bytes of a table that is fetched, and seconds in which it must be there.
_MOST_BYTES: Final = 16 << 30
_MOST_SECONDS: Final = 3600.0
#: The hub's columns by the names of orders; the first is what is ordered by unless a query says.
_ORDERS: Final = {
    "downloads": "downloads",
    "likes": "likes",
    "created_at": "createdAt",
    "last_modified": "lastModified",
}
#: Columns without which a condition cannot be asked.
_NEEDED: Final = {
    "author": "author",
    "filter": "tags",
    "pipeline_tag": "pipeline_tag",
    "search": "id",
}
#: Columns of text, where they are asked about.
_TEXTS: Final = ("id", "author", "pipeline_tag", "sha")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
#: Memory for DuckDB to work in.
_MEMORY: Final = "2GB"


@dataclass(frozen=True)
class FoundInStats:
    """Repositories that a query found in a table of the hub's metadata.

    Attributes:
        repositories: ``OWNER/NAME@COMMIT``, or without the commit where the table has none.
        of: rows of the table.
        malformed: rows that the query found whose name or commit can be none.
    """

    repositories: tuple[str, ...]
    of: int
    malformed: int


def found_in_stats(place: str, query: HubQuery) -> FoundInStats:
    """The repositories that a query finds in a table, in its order.

    Args:
        place: the table, Parquet, or its URL; fetched as tables of accuracies are, into a temporary
            file.
        query: which models, in which order: by downloads unless it says.

    Raises:
        SourceError: the table cannot be fetched or read, lacks what the query asks about, or has no
            such model.
    """
    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as ds

    with _on_disk(place) as path:
        try:
            table = ds.dataset(str(path), format="parquet")
            sql, params = _sql(table.schema, query, place)
            connection = duckdb.connect(
                config={
                    "enable_external_access": False,
                    "python_enable_replacements": False,
                    "memory_limit": _MEMORY,
                }
            )
            connection.register("hub", table)
            rows = connection.execute(sql, params).fetchall()
            of = table.count_rows()
        except duckdb.Error as error:
            reason = " ".join(str(error).partition("LINE 1")[0].split())[:200]
            raise SourceError(f"{place}: values are not as the hub has them ({reason})") from error
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())[:200]
            raise SourceError(f"{place}: cannot be read as Parquet ({reason})") from error
    if not rows:
        raise SourceError(f"{place}: of its {of:,} models none is what is asked for")
    models = [hub_model({"id": repo_id, "sha": sha}) for repo_id, sha in rows]
    sound = [m for m in models if m.problem is None and _COMMIT.fullmatch(m.sha or "0" * 40)]
    return FoundInStats(
        tuple(f"{m.id}@{m.sha}" if m.sha else m.id for m in sound), of, len(models) - len(sound)
    )


@contextmanager
def _on_disk(place: str) -> Iterator[Path]:
    """A table's file, which is fetched first where it is on the web."""
    if "://" not in place:
        path = Path(place).expanduser()
        if not path.is_file():
            raise SourceError(f"{place}: no such file")
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        for block in blocks(place, _MOST_BYTES, _MOST_SECONDS):
            file.write(block)
        file.flush()
        yield Path(file.name)


def _sql(schema: "pa.Schema", query: HubQuery, place: str) -> tuple[str, dict[str, Any]]:
    """A query in SQL over the table `hub`, its values bound by name."""
    names = set(schema.names)
    sort = query.sort or next(iter(_ORDERS))
    if sort not in _ORDERS:
        raise SourceError(f"`sort` is {sort!r}: a table is ordered by {', '.join(_ORDERS)}")
    asked = [column for what, column in _NEEDED.items() if getattr(query, what)]
    asked += ["id", *([_ORDERS[sort]] if query.sort else [])]
    bounded = query.min_parameters is not None or query.max_parameters is not None
    counts = [_total(schema, name) for name in ("safetensors", "gguf") if name in names]
    if bounded and not counts:
        asked.append("safetensors")
    if missing := sorted(set(asked) - names):
        has = ", ".join(sorted(names)[:40])
        raise SourceError(f"{place}: no column {', '.join(missing)}; it has {has}")
    for name in {*asked, "id", "sha"} & {*_TEXTS} & names:
        if not _is_text(kind := schema.field(name).type):
            raise SourceError(f"{place}: column {name} is {kind}, where the hub has text")
    where, params = ["id IS NOT NULL"], dict[str, Any]()
    for what, condition in (
        ("author", "author = $author"),
        ("pipeline_tag", "pipeline_tag = $pipeline_tag"),
        ("search", "contains(lower(id), lower($search))"),
    ):
        if getattr(query, what):
            where.append(condition)
            params[what] = getattr(query, what)
    tags = _tags(schema) if "tags" in names else ""
    for number, tag in enumerate(query.filter):
        where.append(f"list_contains({tags}, $tag{number})")
        params[f"tag{number}"] = tag
    for bound, sign, value in (
        ("least", ">=", query.min_parameters),
        ("most", "<=", query.max_parameters),
    ):
        if value is not None:
            where.append(f"coalesce({', '.join(counts)}) {sign} ${bound}")
            params[bound] = value
    where += [f"{name} IS NOT TRUE" for name in ("private", "disabled") if name in names]
    order = f"{_ordered(sort)} DESC NULLS LAST, id" if _ORDERS[sort] in names else "id"
    sha = "sha" if "sha" in names else "NULL"
    limit = f" LIMIT {query.limit:d}" if query.limit is not None else ""
    once = f"QUALIFY row_number() OVER (PARTITION BY id ORDER BY {order}) = 1"
    sql = f"SELECT id, {sha} FROM hub WHERE {' AND '.join(where)} {once} ORDER BY {order}{limit}"
    return sql, params


def _ordered(sort: str) -> str:
    """A column to order by: counts as numbers, whatever a table has them as."""
    column = _ORDERS[sort]
    return f"try_cast({column} AS BIGINT)" if sort in ("downloads", "likes") else column


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return pa.types.is_null(plain) or any(of(plain) for of in texts)


def _tags(schema: "pa.Schema") -> str:
    """Tags as a list; some tables have them as JSON."""
    import pyarrow as pa

    kind = schema.field("tags").type
    nested = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return "tags" if nested else "from_json(tags, '[\"VARCHAR\"]')"


def _total(schema: "pa.Schema", name: str) -> str:
    """The elements that the hub counted in files of a format; some tables have them as JSON."""
    import pyarrow as pa

    kind = schema.field(name).type
    if pa.types.is_struct(kind):
        told = kind.get_field_index("total") >= 0
        return f"try_cast({name}.total AS BIGINT)" if told else "NULL::BIGINT"
    if pa.types.is_integer(kind):  # the count itself
        return f"{name}::BIGINT"
    return f"try_cast(json_extract_string({name}, '$.total') AS BIGINT)"
