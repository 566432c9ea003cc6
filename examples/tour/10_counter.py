"""A counter: only an assignment changes a variable, computing a new value does not."""

import tensorflow as tf

state = tf.Variable(0, name="counter")
one = tf.constant(1)
new_value = tf.add(state, one)
update = tf.assign(state, new_value)
init = tf.global_variables_initializer()

with tf.Session() as sess:
    sess.run(init)
    counts = [sess.run(state)]
    print(counts[-1])
    for _ in range(3):
        sess.run(update)
        counts.append(sess.run(state))
        print(counts[-1])

    once, twice = sess.run(new_value), sess.run(new_value)
    after = sess.run(state)
    print("new_value: %d, again: %d; the counter is still %d" % (once, twice, after))

assert counts == [0, 1, 2, 3]
assert once == twice == 4
assert after == 3
