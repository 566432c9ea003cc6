"""Looking up rows of embedding tables, whole or in parts."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.graph.shapes import TensorShape
from penstock.ops.indexed_slices import SparseTensor


def _tables(params: Any) -> list[Any]:
    """The parts of a table as a list.

    Raises:
        ValueError: there is none.
    """
    if params is None:
        raise ValueError("params must be specified")
    if not isinstance(params, (list, tuple)):
        parts = getattr(params, "_get_variable_list", None)
        params = parts() if parts is not None else [params]
    if not params:
        raise ValueError("Need at least one param")
    return list(params)


@export("nn.embedding_lookup")
def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: Any = None,
) -> Tensor:
    """The rows of a table that `ids` name.

    Args:
        params: a table [rows, ...], or a list of the parts of one.
        ids: int32 or int64 row numbers of any shape.
        partition_strategy: how rows are spread over parts: "mod" (row r is in part r % parts) or
            "div" (the parts follow each other).
        name: a name for the operation.
        validate_indices: not used.
        max_norm: rows of a larger norm are scaled to this one.

    Returns:
        A Tensor of the shape of `ids` followed by that of a row.

    Raises:
        ValueError: there is no table, or no such strategy.
        InvalidArgumentError: in a run, there is no such row.

    Example:
        >>> tf.nn.embedding_lookup(table, [0, 2])
    """
    tables = _tables(params)
    with name_scope(name, "embedding_lookup", [*tables, ids]) as scope:
        if not hasattr(tables[0], "initializer"):
            tables = [
                convert_to_tensor(table, name=f"params_{index}")
                for index, table in enumerate(tables)
            ]
        ids = convert_to_tensor(ids, name="ids")
        if len(tables) > 1:
            rows = _lookup_in_parts(tables, ids, partition_strategy, scope)
            return _clip(rows, ids, max_norm)
        with api.colocate_with(tables[0]):
            rows = _clip(api.gather(tables[0], ids, name=scope), ids, max_norm)
        return api.identity(rows)


def _lookup_in_parts(tables: list[Any], ids: Tensor, strategy: str, name: str) -> Tensor:
    flat = api.reshape(ids, [-1])
    places = api.range(api.size(flat))
    part, row = _part_and_row(tables, flat, strategy)
    part = api.cast(part, "int32")
    rows_of = api.dynamic_partition(row, part, len(tables))
    places_of = api.dynamic_partition(places, part, len(tables))
    found = []
    for index, table in enumerate(tables):
        with api.colocate_with(table):
            found.append(api.gather(table, rows_of[index]))
    rows = raw.ParallelDynamicStitch(places_of, found, name=name)
    static = tables[0].get_shape()[1:]
    for table in tables[1:]:
        static = static.merge_with(table.get_shape()[1:])
    row_shape = _row_shape(tables[0], static)
    rows = api.reshape(rows, api.concat([api.shape(ids), row_shape], 0))
    rows.set_shape(ids.get_shape().concatenate(static))
    return rows


def _row_shape(table: Any, static: TensorShape) -> Any:
    if static.is_fully_defined():
        return static
    with api.colocate_with(table):
        shape = api.shape(table)
    return shape[1:]


def _part_and_row(tables: list[Any], ids: Tensor, strategy: str) -> tuple[Tensor, Tensor]:
    """In which part each row is, and where in it."""
    parts = len(tables)
    if strategy == "mod":
        return ids % parts, ids // parts
    if strategy != "div":
        raise ValueError("Unrecognized partition strategy: " + strategy)
    total = _total_rows(tables, ids)
    size = total // parts
    extras = total % parts  # so many parts, the first ones, have one row more
    part = raw.Maximum(ids // (size + 1), (ids - extras) // size)
    row = api.where(part < extras, ids % (size + 1), (ids - extras) % size)
    return part, row


def _total_rows(tables: list[Any], ids: Tensor) -> Tensor:
    sizes = [_static_rows(table) for table in tables]
    if None not in sizes:
        return api.constant(sum([size for size in sizes if size is not None]), ids.dtype)
    counts = []
    for table, size in zip(tables, sizes, strict=True):
        if size is not None:
            counts.append(size)
        else:
            with api.colocate_with(table):
                counts.append(api.shape(table)[0])
    return api.reduce_sum(api.cast(api.stack(counts), ids.dtype))


def _static_rows(table: Any) -> int | None:
    shape = table.get_shape()
    return None if shape.ndims is None else shape[0].value


def _clip(rows: Tensor, ids: Tensor, max_norm: Any) -> Tensor:
    """The rows, scaled down to a norm of at most `max_norm`."""
    if max_norm is None:
        return rows
    ids_rank, rows_rank = ids.get_shape().ndims, rows.get_shape().ndims
    if ids_rank is not None and rows_rank is not None:
        axes: Any = list(range(ids_rank, rows_rank))
    else:
        axes = api.range(api.rank(ids), api.rank(rows))
    return api.clip_by_norm(rows, max_norm, axes=axes)


# Sparse ids: several rows combined into one


@export("nn.embedding_lookup_sparse")
def embedding_lookup_sparse(
    params: Any,
    sp_ids: SparseTensor,
    sp_weights: SparseTensor | None,
    partition_strategy: str = "mod",
    name: str | None = None,
    combiner: str | None = None,
    max_norm: Any = None,
) -> Tensor:
    """For each row of a sparse matrix of ids, the combination of the table's rows that it names.

    Args:
        params: a table [rows, ...], or a list of the parts of one.
        sp_ids: a SparseTensor of int64 row numbers; each row of it has at least one.
        sp_weights: a SparseTensor of the weights of the ids, or None for 1.
        partition_strategy: as of `embedding_lookup`.
        name: a name for the operation.
        combiner: "sum", "mean" (the weighted sum by the sum of weights; as where None) or "sqrtn"
            (by the root of the sum of their squares).
        max_norm: rows of a larger norm are scaled to this one.

    Returns:
        A Tensor [rows of sp_ids, ...].

    Raises:
        TypeError: ids or weights are no SparseTensor.
        ValueError: there is no such combiner.

    Example:
        >>> tf.nn.embedding_lookup_sparse(table, ids, None, combiner="sum")
    """
    combiner = "mean" if combiner is None else combiner
    if combiner not in ("mean", "sqrtn", "sum"):
        raise ValueError("combiner must be one of 'mean', 'sqrtn' or 'sum'")
    tables = _tables(params)
    if not isinstance(sp_ids, SparseTensor):
        raise TypeError("sp_ids must be SparseTensor")
    if sp_weights is not None:
        _check_weights(sp_ids, sp_weights)
    with name_scope(name, "embedding_lookup_sparse", [*tables, sp_ids]) as scope:
        segments = sp_ids.indices[:, 0]
        if segments.dtype != dtypes.int32:
            segments = api.cast(segments, "int32")
        ids, places = api.unique(sp_ids.values)
        rows = embedding_lookup(tables, ids, partition_strategy, max_norm=max_norm)
        if rows.dtype in (dtypes.float16, dtypes.bfloat16):
            rows = api.cast(rows, "float32")
        if sp_weights is None:
            return _SEGMENTS[combiner](rows, places, segments, name=scope)
        rows, weights = _weighted(rows, places, sp_weights.values)
        return _combine(rows, weights, segments, combiner, scope)


_SEGMENTS = {
    "sum": lambda *inputs, name: api.sparse_segment_sum(*inputs, name=name),
    "mean": lambda *inputs, name: api.sparse_segment_mean(*inputs, name=name),
    "sqrtn": lambda *inputs, name: api.sparse_segment_sqrt_n(*inputs, name=name),
}


def _check_weights(sp_ids: SparseTensor, sp_weights: Any) -> None:
    if not isinstance(sp_weights, SparseTensor):
        raise TypeError("sp_weights must be either None or SparseTensor")
    for ours, theirs in (
        (sp_ids.values, sp_weights.values),
        (sp_ids.indices, sp_weights.indices),
        (sp_ids.dense_shape, sp_weights.dense_shape),
    ):
        ours.get_shape().assert_is_compatible_with(theirs.get_shape())


def _weighted(rows: Tensor, places: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The row of each id times its weight, and the weights shaped to broadcast with rows."""
    if weights.dtype != rows.dtype:
        weights = api.cast(weights, rows.dtype)
    rows = api.gather(rows, places)
    ones = api.fill(api.expand_dims(api.rank(rows) - 1, 0), 1)
    shape = api.concat([api.shape(weights), ones], 0)
    static, rank = weights.get_shape(), rows.get_shape().ndims
    weights = api.reshape(weights, shape)
    if rank is not None:
        weights.set_shape(static.concatenate([1] * (rank - 1)))
    return rows * weights, weights


def _combine(rows: Tensor, weights: Tensor, segments: Tensor, combiner: str, name: str) -> Tensor:
    if combiner == "sum":
        return api.segment_sum(rows, segments, name=name)
    total = api.segment_sum(rows, segments)
    if combiner == "mean":
        divisor = api.segment_sum(weights, segments)
    else:
        divisor = api.sqrt(api.segment_sum(api.pow(weights, 2), segments))
    return raw.RealDiv(total, divisor, name=name)
