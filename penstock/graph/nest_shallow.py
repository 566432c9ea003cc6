"""`nest` functions that go into a structure only as deep as another one, or that tell the paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from penstock.graph.export import export
from penstock.graph.nest import is_nested, items_of, keyed_items, pack_sequence_as, rebuild


def _subset_of_items(shallow: Any, deep: Any) -> list[tuple[Any, Any, Any]]:
    """(key, item of the shallow structure, item of the deep one) at each place of the former."""
    if isinstance(shallow, Mapping):
        return [(key, item, deep[key]) for key, item in keyed_items(shallow)]
    pairs = zip(keyed_items(shallow), items_of(deep), strict=False)
    return [(key, item, other) for (key, item), other in pairs]


@export("contrib.framework.nest.assert_shallow_structure")
def assert_shallow_structure(
    shallow_tree: Any,
    input_tree: Any,
    check_types: bool = True,
    expand_composites: bool = False,
    check_subtrees_length: bool = True,
) -> None:
    """Raises an error where `input_tree` is not like `shallow_tree` as deep as this goes.

    Args:
        shallow_tree: a structure.
        input_tree: a structure whose leaves may lie deeper.
        check_types: compare the types of sequences.
        expand_composites: has no effect here.
        check_subtrees_length: False lets `input_tree` have more items.

    Raises:
        TypeError: a sequence meets none, or one of another type.
        ValueError: sequences have different lengths, or keys are missing.

    Example:
        >>> tf.contrib.framework.nest.assert_shallow_structure([1, 2], [[3], (4, 5)])
    """
    if not is_nested(shallow_tree):
        return
    if not is_nested(input_tree):
        raise TypeError(
            "If shallow structure is a sequence, input must also be a sequence. Input has type: "
            f"{type(input_tree)}."
        )
    if check_types and not _of_one_type(shallow_tree, input_tree):
        raise TypeError(
            "The two structures don't have the same sequence type. Input structure has type "
            f"{type(input_tree)}, while shallow structure has type {type(shallow_tree)}."
        )
    if check_subtrees_length and len(items_of(input_tree)) != len(items_of(shallow_tree)):
        raise ValueError(
            "The two structures don't have the same sequence length. Input structure has length "
            f"{len(items_of(input_tree))}, while shallow structure has length "
            f"{len(items_of(shallow_tree))}."
        )
    if isinstance(shallow_tree, Mapping) and isinstance(input_tree, Mapping):
        absent = sorted(set(shallow_tree) - set(input_tree))
        if absent:
            raise ValueError(
                "The shallow_tree's keys are not a subset of the input_tree's keys. The "
                "shallow_tree has the following keys that are not in the input_tree: "
                f"{absent}."
            )
    for _, item, other in _subset_of_items(shallow_tree, input_tree):
        assert_shallow_structure(
            item, other, check_types, check_subtrees_length=check_subtrees_length
        )


def _of_one_type(shallow: Any, deep: Any) -> bool:
    if isinstance(shallow, Mapping) and isinstance(deep, Mapping):
        return True
    named = [hasattr(type(tree), "_fields") for tree in (shallow, deep)]
    if all(named):
        return type(shallow).__name__ == type(deep).__name__ and shallow._fields == deep._fields
    return isinstance(deep, type(shallow))


def _paths_up_to(shallow: Any, deep: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    if not is_nested(shallow):
        yield path, deep
        return
    for key, item, other in _subset_of_items(shallow, deep):
        yield from _paths_up_to(item, other, (*path, key))


@export("contrib.framework.nest.flatten_with_tuple_paths_up_to")
def flatten_with_tuple_paths_up_to(
    shallow_tree: Any,
    input_tree: Any,
    check_types: bool = True,
    expand_composites: bool = False,
    check_subtrees_length: bool = True,
) -> list[tuple[Any, Any]]:
    """The parts of `input_tree` at the leaves of `shallow_tree`, each as (path, part).

    Args:
        shallow_tree, input_tree, check_types, expand_composites, check_subtrees_length: as for
            `assert_shallow_structure`. A path is a tuple of keys, names of fields and indices.

    Raises:
        TypeError, ValueError: as `assert_shallow_structure`.

    Example:
        >>> tf.contrib.framework.nest.flatten_with_tuple_paths_up_to({"a": 0}, {"a": [1, 2]})
        [(('a',), [1, 2])]
    """
    assert_shallow_structure(
        shallow_tree, input_tree, check_types, expand_composites, check_subtrees_length
    )
    return list(_paths_up_to(shallow_tree, input_tree, ()))


@export("contrib.framework.nest.flatten_up_to")
def flatten_up_to(
    shallow_tree: Any,
    input_tree: Any,
    check_types: bool = True,
    expand_composites: bool = False,
    check_subtrees_length: bool = True,
) -> list[Any]:
    """The parts of `input_tree` at the leaves of `shallow_tree`.

    Args:
        shallow_tree, input_tree, check_types, expand_composites, check_subtrees_length: as for
            `assert_shallow_structure`.

    Raises:
        TypeError, ValueError: as `assert_shallow_structure`.

    Example:
        >>> tf.contrib.framework.nest.flatten_up_to([0, 0], [[1, 2], 3])
        [[1, 2], 3]
    """
    pairs = flatten_with_tuple_paths_up_to(
        shallow_tree, input_tree, check_types, expand_composites, check_subtrees_length
    )
    return [part for _, part in pairs]


@export("contrib.framework.nest.map_structure_with_tuple_paths_up_to")
def map_structure_with_tuple_paths_up_to(
    shallow_tree: Any, func: Callable[..., Any], *inputs: Any, **kwargs: Any
) -> Any:
    """A structure like `shallow_tree` of `func(path, part, ...)` of the parts at its leaves.

    Args:
        shallow_tree: a structure.
        func: takes a path, a tuple, and one part of each of `inputs`.
        *inputs: structures whose leaves may lie deeper.
        **kwargs: `check_types`; others are given to `func`.

    Raises:
        TypeError, ValueError: as `assert_shallow_structure`, or there is no structure to map.

    Example:
        >>> tf.contrib.framework.nest.map_structure_with_tuple_paths_up_to(
        ...     [0], lambda path, part: (path, part), [[1, 2]])
        [((0,), [1, 2])]
    """
    if not inputs:
        raise ValueError("Cannot map over no sequences")
    check_types = kwargs.pop("check_types", True)
    kwargs.pop("expand_composites", None)
    for one in inputs:
        assert_shallow_structure(shallow_tree, one, check_types)
    paths = [path for path, _ in _paths_up_to(shallow_tree, inputs[0], ())]
    parts = [[part for _, part in _paths_up_to(shallow_tree, one, ())] for one in inputs]
    results = [func(*group, **kwargs) for group in zip(paths, *parts, strict=True)]
    return pack_sequence_as(shallow_tree, results)


@export("contrib.framework.nest.map_structure_up_to")
def map_structure_up_to(
    shallow_tree: Any, func: Callable[..., Any], *inputs: Any, **kwargs: Any
) -> Any:
    """A structure like `shallow_tree` of `func` of the parts of `inputs` at its leaves.

    Args:
        shallow_tree: a structure.
        func: takes one part of each of `inputs`.
        *inputs: structures whose leaves may lie deeper.
        **kwargs: `check_types`; others are given to `func`.

    Raises:
        TypeError, ValueError: as `assert_shallow_structure`, or there is no structure to map.

    Example:
        >>> tf.contrib.framework.nest.map_structure_up_to([0, 0], len, [[1, 2], [3]])
        [2, 1]
    """
    return map_structure_with_tuple_paths_up_to(
        shallow_tree, lambda _, *parts, **more: func(*parts, **more), *inputs, **kwargs
    )


@export("contrib.framework.nest.map_structure_with_tuple_paths")
def map_structure_with_tuple_paths(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """A structure of `func(path, leaf, ...)`, where a path is a tuple.

    Args:
        func: takes a path and one leaf of each structure.
        *structure: structures that are alike.
        **kwargs: `check_types`; others are given to `func`.

    Example:
        >>> tf.contrib.framework.nest.map_structure_with_tuple_paths(
        ...     lambda path, leaf: path, {"a": [1]})
        {'a': [('a', 0)]}
    """
    return map_structure_with_tuple_paths_up_to(structure[0], func, *structure, **kwargs)


@export("contrib.framework.nest.map_structure_with_paths")
def map_structure_with_paths(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """A structure of `func(path, leaf, ...)`, where a path is a text such as "a/0".

    Args:
        func: takes a path and one leaf of each structure.
        *structure: structures that are alike.
        **kwargs: `check_types`; others are given to `func`.

    Example:
        >>> tf.contrib.framework.nest.map_structure_with_paths(
        ...     lambda path, leaf: path, {"a": [1]})
        {'a': ['a/0']}
    """
    return map_structure_with_tuple_paths_up_to(
        structure[0],
        lambda path, *leaves, **more: func("/".join(map(str, path)), *leaves, **more),
        *structure, **kwargs,
    )  # fmt: skip


@export("contrib.framework.nest.yield_flat_paths")
def yield_flat_paths(nest: Any, expand_composites: bool = False) -> Iterator[tuple[Any, ...]]:
    """The path of each leaf: a tuple of keys, names of fields and indices.

    Args:
        nest: a structure.
        expand_composites: has no effect here.

    Example:
        >>> list(tf.contrib.framework.nest.yield_flat_paths({"a": [1, 2]}))
        [('a', 0), ('a', 1)]
    """
    for path, _ in _paths_up_to(nest, nest, ()):
        yield path


@export("contrib.framework.nest.flatten_with_tuple_paths")
def flatten_with_tuple_paths(
    structure: Any, expand_composites: bool = False
) -> list[tuple[Any, Any]]:
    """The leaves of a structure, each as (path, leaf), where a path is a tuple.

    Args:
        structure: a structure.
        expand_composites: has no effect here.

    Example:
        >>> tf.contrib.framework.nest.flatten_with_tuple_paths({"a": [1]})
        [(('a', 0), 1)]
    """
    return list(_paths_up_to(structure, structure, ()))


@export("contrib.framework.nest.flatten_with_joined_string_paths")
def flatten_with_joined_string_paths(
    structure: Any, separator: str = "/", expand_composites: bool = False
) -> list[tuple[str, Any]]:
    """The leaves of a structure, each as (path, leaf), where a path is a text.

    Args:
        structure: a structure.
        separator: what stands between the parts of a path.
        expand_composites: has no effect here.

    Example:
        >>> tf.contrib.framework.nest.flatten_with_joined_string_paths({"a": [1]})
        [('a/0', 1)]
    """
    pairs = _paths_up_to(structure, structure, ())
    return [(separator.join(map(str, path)), leaf) for path, leaf in pairs]


@export("contrib.framework.nest.get_traverse_shallow_structure")
def get_traverse_shallow_structure(traverse_fn: Callable[[Any], Any], structure: Any) -> Any:
    """A structure of bools that is as deep as `traverse_fn` goes into another one.

    Args:
        traverse_fn: says of a part whether to go into it: True, False, or of each of its items,
            in a structure like it.
        structure: the structure.

    Raises:
        TypeError: `traverse_fn` gives something else.

    Example:
        >>> tf.contrib.framework.nest.get_traverse_shallow_structure(
        ...     lambda part: not isinstance(part, dict), [1, {"a": 2}])
        [True, False]
    """
    goes_in = traverse_fn(structure)
    if not is_nested(structure):
        if not isinstance(goes_in, bool):
            raise TypeError(
                f"traverse_fn returned structure: {goes_in} for non-structure: {structure}"
            )
        return goes_in
    if isinstance(goes_in, bool):
        if not goes_in:
            return False
        chosen = [True] * len(items_of(structure))
    elif not is_nested(goes_in):
        raise TypeError(f"traverse_fn returned a non-bool scalar: {goes_in} for input: {structure}")
    else:
        assert_shallow_structure(goes_in, structure)
        chosen = items_of(goes_in)
    for choice in chosen:
        if not isinstance(choice, bool):
            raise TypeError(
                f"traverse_fn didn't return a depth=1 structure of bools.  saw: {goes_in}  for "
                f"structure: {structure}"
            )
    found = [
        choice and get_traverse_shallow_structure(traverse_fn, item)
        for choice, item in zip(chosen, items_of(structure), strict=True)
    ]
    return rebuild(structure, found)


@export("contrib.framework.nest.flatten_dict_items")
def flatten_dict_items(dictionary: Mapping[Any, Any]) -> dict[Any, Any]:
    """A dictionary of leaves of one whose keys and values are structures that are alike.

    Args:
        dictionary: the dictionary.

    Raises:
        TypeError: it is none.
        ValueError: a key and its value have different numbers of leaves, or a leaf of a key comes
            twice.

    Example:
        >>> tf.contrib.framework.nest.flatten_dict_items({(1, (2,)): ("a", ("b",))})
        {1: 'a', 2: 'b'}
    """
    if not isinstance(dictionary, Mapping):
        raise TypeError("input must be a dictionary")
    flat: dict[Any, Any] = {}
    for key, value in dictionary.items():
        pairs = [(key, value)]
        if is_nested(key):
            keys, values = [[leaf for _, leaf in _paths_up_to(t, t, ())] for t in (key, value)]
            if len(keys) != len(values):
                raise ValueError(
                    f"Could not flatten dictionary. Key had {len(keys)} elements, but value had "
                    f"{len(values)} elements. Key: {keys}, value: {values}."
                )
            pairs = list(zip(keys, values, strict=True))
        for one, leaf in pairs:
            if one in flat:
                raise ValueError(f"Could not flatten dictionary: key {one} is not unique.")
            flat[one] = leaf
    return flat
