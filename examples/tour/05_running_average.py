"""A running average: a variable is assigned and read in the same run."""

import numpy as np
import tensorflow as tf

raw_data = tf.random_normal([1000], mean=10.0, stddev=1.0, seed=42)

alpha = tf.constant(0.05)
value = tf.placeholder(tf.float32, shape=[], name="value")
average = tf.Variable(0.0, name="average")
update = tf.assign(average, alpha * value + (1 - alpha) * average)
update_only = tf.group(update, name="update_only")
init = tf.global_variables_initializer()


def expected_averages(values):
    averages, current = [], np.float32(0)
    for v in values:
        current = np.float32(0.05) * v + np.float32(1 - np.float32(0.05)) * current
        averages.append(current)
    return averages


with tf.Session() as sess:
    values = sess.run(raw_data)
    expected = expected_averages(values)

    sess.run(init)
    for i, v in enumerate(values):
        new, read = sess.run([update, average], feed_dict={value: v})
        assert new == read, "the variable is read after its update"
        assert np.isclose(new, expected[i], rtol=1e-5)
    first = sess.run(average)
    print("assign and variable in one run: %.5f" % first)

    sess.run(init)
    for v in values:
        nothing = sess.run(update_only, feed_dict={value: v})
        assert nothing is None
    second = sess.run(average)
    print("group, then a run of its own:   %.5f" % second)

print("first values: %.5f %.5f %.5f" % tuple(values[:3]))
# A seeded op draws the same numbers everywhere.
assert np.allclose(values[:3], [9.71922, 9.86225, 9.32367], atol=1e-4)
assert first == second
assert abs(first - 10.0) < 0.5
