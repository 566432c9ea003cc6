"""All of nest, on odd structures: each result, or the error, as a text."""
import collections

import numpy as np
import tensorflow as tf

nest = tf.contrib.framework.nest
Pair = collections.namedtuple("Pair", "b a")
Other = collections.namedtuple("Other", "b a")
Deep = collections.namedtuple("Deep", "x y z")


class Field(object):
    """What an attrs class keeps of one of its attributes."""

    def __init__(self, name):
        self.name = name


class Attrs(object):
    """What an attrs class looks like from outside."""

    __attrs_attrs__ = (Field("x"), Field("y"))

    def __init__(self, x, y):
        self.x, self.y = x, y


class Names(dict):
    """A dictionary of another type."""


class Row(list):
    """A list of another type."""


def ordered(**items):
    return collections.OrderedDict(sorted(items.items(), reverse=True))


def default(**items):
    result = collections.defaultdict(list)
    result.update(ordered(**items))
    return result


def show(value):
    """A text that is the same in every Python."""
    if isinstance(value, np.ndarray):
        return "array%s" % value.tolist()
    if isinstance(value, Attrs):
        return "Attrs(%s, %s)" % (show(value.x), show(value.y))
    if isinstance(value, dict):
        items = ["%r: %s" % (key, show(value[key])) for key in value]
        return "%s{%s}" % (type(value).__name__, ", ".join(items))
    if isinstance(value, (list, tuple, collections.deque)):
        return "%s[%s]" % (type(value).__name__, ", ".join([show(item) for item in value]))
    return repr(value)


results = {}


def note(what, function, *args, **kwargs):
    """Writes down what a function gives, or the class of its error and what it says first."""
    try:
        text = show(function(*args, **kwargs))
    except Exception as error:
        text = "%s: %s" % (type(error).__name__, str(error).split("\n")[0])
        if "object is not" in text or "'<' not supported" in text or "sortable" in text:
            text = type(error).__name__
    key = "%s(%s)" % (what, ", ".join([show(arg) for arg in args if not callable(arg)]))
    key += "".join(" %s=%s" % pair for pair in sorted(kwargs.items()))
    assert key not in results, key
    results[key] = np.array(text.encode(), object)


structures = [
    1, None, "ab", b"x", "", [], (), {}, [1], (1,), [1, [2, (3,)]], [[], [[]]], [(), {}], [""],
    {"b": 1, "a": (2, 3)}, ordered(b=1, a=[2]), default(z=1, a=[2, 3]), Names(b=1, a=2), {1: 2, 0: 3},
    {1: 2, "a": 3}, Pair(1, [2, 3]), [Pair(1, 2), {"k": Pair(3, {})}], Row([1, 2]), range(3),
    np.ones(2), [np.zeros(1), None], collections.deque([1, 2]), frozenset([1]), Attrs(1, [2]),
    [Attrs(Attrs(1, 2), {"a": 3})],
]
for structure in structures:
    note("is_nested", nest.is_nested, structure)
    note("is_sequence", nest.is_sequence, structure)
    note("flatten", nest.flatten, structure)
    note("map", nest.map_structure, lambda x: (x,), structure)
    note("pack", lambda s: nest.pack_sequence_as(s, list(range(len(nest.flatten(s))))), structure)
    note("paths", nest.flatten_with_joined_string_paths, structure)
    note("tuple_paths", nest.flatten_with_tuple_paths, structure)
    note("yield", lambda s: list(nest.yield_flat_paths(s)), structure)
    if "Attrs" in show(structure):
        continue  # TensorFlow's fails on these with an error of its own
    note("map_paths", nest.map_structure_with_paths, lambda path, x: path, structure)
    note("map_tuple_paths", nest.map_structure_with_tuple_paths, lambda path, x: path, structure)

pairs = [
    (1, 2), (1, [1]), ([1], [2, 3]), ([1], (1,)), ({"a": 1}, {"b": 1}), ({"a": 1}, ordered(a=1)),
    (Pair(1, 2), Other(1, 2)), (Pair(1, 2), Pair(1, [2])), (Pair(1, 2), (1, 2)), ("ab", "cd"),
    ([1, [2]], [1, 2]), ({"a": [1]}, {"a": (1,)}), (default(a=1), {"a": 1}), ("ab", ["a"]),
    (np.ones(2), np.ones(3)), (None, 1), ([], ()), ([], [1]), ({}, []), (Row([1]), [1]),
    (Names(a=1), {"a": 1}), (Attrs(1, 2), Attrs(3, [4])), (Attrs(1, 2), Attrs(3, 4)),
]
for one, other in pairs:
    for check in (True, False):
        note("same", nest.assert_same_structure, one, other, check_types=check)
        note("map_two", nest.map_structure, lambda x, y: (x, y), one, other, check_types=check)

shallow = [
    (1, 2), (1, [1, 2]), ([1], [2]), ([1], [[2, 3]]), ([1, 1], [[2], (3,)]), ([1], 2), ([1], [1, 2]),
    ([1], (1,)), ((1,), [1]), ({"a": 1}, {"a": [1, 2]}), ({"a": 1}, {"b": 1}), ("a", [1]), ([], []),
    ({"a": 1}, {"a": 1, "b": 2}), (Pair(1, 1), Pair([1], (2, 3))), (Pair(1, 1), Other([1], 2)),
    ([1, [1]], [[1], [[2]]]), ([1, [1]], [[1], 2]), (None, [1]), ([], [1]), ({"a": 1}, ordered(a=2)),
    (ordered(a=1), {"a": 2}),
]
for one, other in shallow:
    note("shallow", nest.assert_shallow_structure, one, other)
    for option in ({}, {"check_types": False}, {"check_subtrees_length": False}):
        note("up_to", nest.flatten_up_to, one, other, **option)
    note("tuple_up_to", nest.flatten_with_tuple_paths_up_to, one, other)
    note("map_up_to", nest.map_structure_up_to, one, lambda x, y: [x, y], other, other)
    note("map_tuple_up_to", nest.map_structure_with_tuple_paths_up_to, one, lambda p, x: p, other)

note("no function", nest.map_structure, 1, [1])
note("no structure", nest.map_structure, len)
note("unknown", nest.map_structure, len, [1], foo=1)
note("nothing up to", nest.map_structure_up_to, [1], len)
note("separator", nest.flatten_with_joined_string_paths, {"a": [1, (2,)]}, separator=".")
for structure, flat in [([1, 2], [1]), ([1, 2], 1), (1, [1, 2]), ([1, [2]], [1, 2, 3]), (1, [3]),
                        ([1], "a"), ([1, [2]], (5, 6)), ({"b": 1, "a": 2}, [1, 2])]:
    note("pack_given", nest.pack_sequence_as, structure, flat)
for dictionary in [{(4, 5, (6, 8)): ("a", "b", ("c", "d"))}, {(4, 5): ("a",)}, {(4, 4): ("a", "b")},
                   [1], {"a": 1, "b": 2}, {"a": [1]}, {(1, 2): (3, 4), 5: 6}]:
    note("dict_items", nest.flatten_dict_items, dictionary)


def traverse(what, function, structure):
    note("traverse " + what, lambda s: nest.get_traverse_shallow_structure(function, s), structure)


traverse("lists", lambda s: isinstance(s, (list, tuple)), [(1, 2), {"a": [1]}])
traverse("pairs", lambda s: Pair(True, False) if isinstance(s, Pair) else True, [Pair([1], [2]), 3])
traverse("number", lambda s: 1, [1])
traverse("short", lambda s: [True], [1, 2])
traverse("none", lambda s: False, [1, 2])
traverse("numbers", lambda s: [1] if isinstance(s, list) else True, [3])
traverse("structure", lambda s: [True], 3)

sparse = tf.SparseTensor([[0, 0]], [1.0], [2, 2])
slices = tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))
for name, value in [("sparse", sparse), ("slices", slices), ("array", tf.TensorArray(tf.int32, 1))]:
    note(name + " composite", lambda: [
        nest.is_sequence_or_composite(value), nest.is_nested(value), len(nest.flatten(value)),
        len(nest.flatten([value, 1], expand_composites=True))])
    note(name + " packed", lambda: type(nest.pack_sequence_as(
        [value, 1], nest.flatten([value, 1], expand_composites=True),
        expand_composites=True)[0]).__name__)
    note(name + " mapped", lambda: type(nest.map_structure(
        lambda x: x, value, expand_composites=True)).__name__)
    note(name + " same", lambda: nest.assert_same_structure(
        value, tf.constant(1.0), expand_composites=True))
note("public", lambda: [
    tf.nest.flatten([1, (2,)]), tf.nest.is_nested([1]), tf.nest.pack_sequence_as([1], [2]),
    tf.nest.map_structure(lambda x: x + 1, [1]), tf.nest.assert_same_structure([1], [2])])
