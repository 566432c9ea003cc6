"""tf.case: pairs and dictionaries, with a default and without, exclusive and not."""
import collections

import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [], name="x")
ones, twos = x < 1.0, x < 2.0
v = tf.get_variable("v", [], initializer=tf.constant_initializer(10.0))
pairs = [(ones, lambda: x * 10.0), (twos, lambda: x * 100.0)]
fetches = {
    "default": tf.case(pairs, default=lambda: x),
    "none": tf.case(pairs),
    "one": tf.case(pairs[:1]),
    "one_default": tf.case(pairs[:1], default=lambda: -x),
    "exclusive": tf.case(pairs, default=lambda: x, exclusive=True),
    "exclusive_none": tf.case(pairs, exclusive=True, name="named"),
    "dictionary": tf.case({ones: lambda: x + 1.0, x > 2.0: lambda: x + 2.0}, default=lambda: x, exclusive=True),
    "ordered": tf.case(collections.OrderedDict(pairs), default=lambda: x),
    "structure": tf.case([(ones, lambda: {"a": x, "b": [1]}), (twos, lambda: {"a": -x, "b": [2]})], default=lambda: {"a": v, "b": [3]}),
    "strict": tf.case([(ones, lambda: [x])], default=lambda: [x * 2.0], strict=True),
    "updates": tf.case([(ones, lambda: tf.assign_add(v, 1.0)), (twos, lambda: tf.assign_add(v, 2.0))], default=lambda: tf.identity(v)),
    "nested": tf.case([(twos, lambda: tf.case([(ones, lambda: x)], default=lambda: -x))], default=lambda: x * x),
}
counted = tf.random_uniform([], seed=None)
results = {"count": np.array(tf.get_default_graph()._last_id)}
refused = {
    "list": lambda: tf.case(3),
    "pair": lambda: tf.case([ones]),
    "pred": lambda: tf.case([(x, lambda: 1)]),
    "bool": lambda: tf.case([(True, lambda: 1)]),
    "function": lambda: tf.case([(ones, 1)]),
    "default": lambda: tf.case([(ones, lambda: 1)], default=3),
}
graph = tf.get_default_graph()
for name, make in sorted(refused.items()):
    try:
        make()
    except (TypeError, ValueError) as error:
        results["refused_" + name] = np.array("{}: {}".format(type(error).__name__, error).encode(), object)
for number, value in enumerate([0.5, 1.5, 3.0]):
    for name, fetch in sorted(fetches.items()):
        with tf.Session(graph=graph) as sess:
            sess.run(v.initializer)
            try:
                values = tf.contrib.framework.nest.flatten(sess.run([fetch, v], {x: value}))
            except tf.errors.InvalidArgumentError as error:
                message = error.message.split("\n\t [[")[0].split("\n\nOriginal")[0].rstrip()
                values = [np.array(message.encode(), object)]
            if name == "updates":
                values = values[:1]  # TensorFlow may read v before or after
            for place, item in enumerate(values):
                results["{}_{}_{}".format(name, number, place)] = item
