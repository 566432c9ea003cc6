"""`tf.nest`: structures of lists, tuples, dictionaries and attrs classes, taken apart and put back.

A structure is what is left when its leaves are taken out. Dictionaries are walked in the order of
their sorted keys, as TensorFlow does. A composite (IndexedSlices, SparseTensor, TensorArray) is a
leaf, but for the functions that take it apart into tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from penstock.graph.export import export


@runtime_checkable
class Composite(Protocol):
    """A value that some tensors make up."""

    def _components(self) -> list[Any]:
        """The tensors."""
        ...

    def _with_components(self, components: list[Any]) -> Any:
        """A value of the same kind of other tensors."""
        ...

    def _component_shapes(self, shape: Any) -> list[Any]:
        """The shapes of the tensors, where all that is known of the value is `shape`."""
        ...


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(type(value), "_fields")


def _is_attrs(value: Any) -> bool:
    return hasattr(type(value), "__attrs_attrs__")


@export("nest.is_nested", "contrib.framework.nest.is_nested", "contrib.framework.nest.is_sequence")
def is_nested(seq: Any) -> bool:
    """True of a list, tuple, dictionary or attrs class; a string is none.

    Args:
        seq: any value.

    Example:
        >>> tf.nest.is_nested((1, 2)), tf.nest.is_nested("ab")
        (True, False)
    """
    if isinstance(seq, (str, bytes)):
        return False
    return isinstance(seq, (Sequence, Mapping)) or _is_attrs(seq)


def _sorted_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError:
        raise TypeError("nest only supports dicts with sortable keys.") from None


def keyed_items(structure: Any) -> list[tuple[Any, Any]]:
    """The items of a structure, each with its key, the name of its field, or its index."""
    if isinstance(structure, Mapping):
        return [(key, structure[key]) for key in _sorted_keys(structure)]
    if _is_attrs(structure):
        names = [field.name for field in type(structure).__attrs_attrs__]
        return [(name, getattr(structure, name)) for name in names]
    if _is_named_tuple(structure):
        return list(zip(structure._fields, structure, strict=True))
    return list(enumerate(structure))


def items_of(structure: Any) -> list[Any]:
    """The items of a structure, in order."""
    if isinstance(structure, Mapping):
        return [structure[key] for key in _sorted_keys(structure)]
    if _is_attrs(structure):
        return [getattr(structure, field.name) for field in type(structure).__attrs_attrs__]
    return list(structure)


def rebuild(structure: Any, items: list[Any]) -> Any:
    """A structure of the same kind as `structure` with other items."""
    kind = type(structure)
    if kind is _Parts:
        return structure.whole._with_components(items)
    if kind is range:
        return items
    if isinstance(structure, Mapping):
        of_key = dict(zip(_sorted_keys(structure), items, strict=True))
        pairs = [(key, of_key[key]) for key in structure]
        if hasattr(structure, "default_factory"):
            return kind(structure.default_factory, pairs)
        return kind(pairs)
    if _is_named_tuple(structure) or _is_attrs(structure):
        return kind(*items)
    return kind(items)


@export("nest.flatten", "contrib.framework.nest.flatten")
def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves of a structure, in order.

    Args:
        structure: a nested structure, or a leaf.
        expand_composites: give the tensors of SparseTensors and IndexedSlices.

    Returns:
        A list.

    Example:
        >>> tf.nest.flatten({"b": 3, "a": (1, [2])})
        [1, 2, 3]
    """
    if expand_composites:
        structure = _expanded(structure)
    if not is_nested(structure):
        return [structure]
    return [leaf for item in items_of(structure) for leaf in flatten(item)]


def is_composite(value: Any) -> bool:
    """True of SparseTensors and IndexedSlices, which tensors make up."""
    return isinstance(value, Composite) and not hasattr(value, "flow")


class _Parts(tuple[Any, ...]):
    """The tensors of a composite, in the place of it."""

    whole: Any


def _expanded(structure: Any) -> Any:
    """A structure with the parts of its composites in their place."""

    def parts_of(leaf: Any) -> Any:
        if not is_composite(leaf):
            return leaf
        parts = _Parts(leaf._components())
        parts.whole = leaf
        return parts

    return pack_sequence_as(structure, [parts_of(leaf) for leaf in flatten(structure)])


@export("contrib.framework.nest.is_sequence_or_composite")
def is_sequence_or_composite(seq: Any) -> bool:
    """True of a structure, and of a SparseTensor or IndexedSlices.

    Args:
        seq: any value.

    Example:
        >>> tf.contrib.framework.nest.is_sequence_or_composite([])
        True
    """
    return is_nested(seq) or is_composite(seq)


@export("nest.pack_sequence_as", "contrib.framework.nest.pack_sequence_as")
def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """A structure like `structure` with other leaves.

    Args:
        structure: a nested structure, or a leaf.
        flat_sequence: a list with one leaf for each leaf of `structure`.
        expand_composites: take tensors for SparseTensors and IndexedSlices.

    Raises:
        ValueError: there are more or fewer leaves.
        TypeError: `flat_sequence` is no sequence.

    Example:
        >>> tf.nest.pack_sequence_as((0, [0]), [1, 2])
        (1, [2])
    """
    if not is_nested(flat_sequence):
        raise TypeError("flat_sequence must be a sequence")
    flat = list(flat_sequence)
    if expand_composites:
        structure = _expanded(structure)
    if not is_nested(structure):
        if len(flat) != 1:
            raise ValueError(f"Structure is a scalar but len(flat_sequence) == {len(flat)} > 1")
        return flat[0]
    count = len(flatten(structure))
    if count != len(flat):
        raise ValueError(
            f"Could not pack sequence. Structure had {count} elements, but flat_sequence had "
            f"{len(flat)} elements.  Structure: {structure}, flat_sequence: {flat}."
        )
    return _pack(structure, iter(flat))


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if not is_nested(structure):
        return next(leaves)
    return rebuild(structure, [_pack(item, leaves) for item in items_of(structure)])


@export("nest.assert_same_structure", "contrib.framework.nest.assert_same_structure")
def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Raises an error where two structures differ.

    Args:
        nest1, nest2: the structures.
        check_types: compare the types of sequences and the keys of dictionaries too.
        expand_composites: look into SparseTensors and IndexedSlices.

    Raises:
        ValueError: there are more leaves in one than in the other, or other keys.
        TypeError: sequences at one place have different types.

    Example:
        >>> tf.nest.assert_same_structure([1, (2,)], [3, (4,)])
    """
    if expand_composites:
        nest1, nest2 = _expanded(nest1), _expanded(nest2)
    problem = _difference(nest1, nest2, check_types)
    if problem is None:
        return
    kind, detail = problem
    raise kind(
        "The two structures don't have the same nested structure.\n\n"
        f"First structure: {_described(nest1)}\n\nSecond structure: {_described(nest2)}\n\n"
        f"More specifically: {detail}\n"
        f"Entire first structure:\n{_outline(nest1)}\nEntire second structure:\n{_outline(nest2)}"
    )


def _difference(one: Any, other: Any, check_types: bool) -> tuple[type[Exception], str] | None:
    """Where two structures differ first: the error's class, and words."""
    left, right = is_nested(one), is_nested(other)
    if left != right:
        nested, leaf = (one, other) if left else (other, one)
        return ValueError, (
            f'Substructure "{_described(nested)}" is a sequence, while substructure '
            f'"{_described(leaf)}" is not'
        )
    if not left:
        return None
    if check_types and not _of_one_kind(one, other):
        return TypeError, (
            "The two namedtuples don't have the same sequence type. First structure "
            f"{_described(one)} has type {type(one).__name__}, while second structure "
            f"{_described(other)} has type {type(other).__name__}"
        )
    mappings = isinstance(one, Mapping) and isinstance(other, Mapping)
    if check_types and mappings and set(one) != set(other):
        return ValueError, (
            "The two dictionaries don't have the same set of keys. First structure has keys "
            f"{_described(list(one))}, while second structure has keys {_described(list(other))}"
        )
    first, second = items_of(one), items_of(other)
    if len(first) != len(second):
        return ValueError, (
            "The two structures don't have the same number of elements. First structure: "
            f"{_described(one)}. Second structure: {_described(other)}"
        )
    pairs = zip(first, second, strict=True)
    found = (_difference(mine, theirs, check_types) for mine, theirs in pairs)
    return next((problem for problem in found if problem is not None), None)


def _described(value: Any) -> str:
    value = value.whole if isinstance(value, _Parts) else value
    return f"type={type(value).__name__} str={value}"


def _outline(structure: Any) -> str:
    """A structure with a dot for each leaf."""
    if not is_nested(structure) or isinstance(structure, _Parts):
        return "."
    return str(rebuild(structure, [_Outline(_outline(item)) for item in items_of(structure)]))


class _Outline(str):
    """A text that lists show as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _of_one_kind(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return True
    if isinstance(one, list) and isinstance(other, list):
        return True
    if _is_named_tuple(one) and _is_named_tuple(other):
        return type(one).__name__ == type(other).__name__ and one._fields == other._fields
    if isinstance(one, _Parts) and isinstance(other, _Parts):
        return type(one.whole) is type(other.whole)
    return type(one) is type(other)


@export("nest.map_structure", "contrib.framework.nest.map_structure")
def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """A structure like the given ones whose leaves are `func` of theirs.

    Args:
        func: takes one leaf of each structure.
        *structure: structures that are alike.
        **kwargs: `check_types` and `expand_composites`, as for `assert_same_structure`.

    Raises:
        TypeError: `func` is no function, or the types of sequences differ.
        ValueError: there is no structure, or they are not alike.

    Example:
        >>> tf.nest.map_structure(lambda x, y: x + y, (1, [2]), (3, [4]))
        (4, [6])
    """
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    check_types = kwargs.pop("check_types", True)
    expands = kwargs.pop("expand_composites", False)
    if kwargs:
        raise ValueError(
            f"Only valid keyword arguments are `check_types` and `expand_composites`, not: "
            f"`{'`, `'.join(kwargs)}`"
        )
    if expands:
        structure = tuple([_expanded(one) for one in structure])
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types)
    leaves = zip(*[flatten(item) for item in structure], strict=True)
    return pack_sequence_as(structure[0], [func(*group) for group in leaves])


def flatten_tensors(structure: Any) -> list[Any]:
    """The leaves of a structure; a composite gives its tensors."""
    found: list[Any] = []
    for leaf in flatten(structure):
        if isinstance(leaf, Composite):
            found.extend(leaf._components())
        else:
            found.append(leaf)
    return found


def pack_tensors_as(structure: Any, tensors: Sequence[Any]) -> Any:
    """The inverse of `flatten_tensors`: composites are put together again."""
    left = list(tensors)
    leaves: list[Any] = []
    for leaf in flatten(structure):
        if isinstance(leaf, Composite):
            count = len(leaf._components())
            leaves.append(leaf._with_components(left[:count]))
            del left[:count]
        else:
            leaves.append(left.pop(0))
    return pack_sequence_as(structure, leaves)
