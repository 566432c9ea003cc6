"""Variables: assignments of each kind, order by control edges, resources, host ops."""
import numpy as np
import tensorflow as tf

a = tf.Variable([1.0, 2.0], name="a")
b = tf.Variable(tf.zeros([2]) + 2.0, name="b")
c = tf.Variable(0, name="c", trainable=False)
r = tf.Variable([5.0], name="r", use_resource=True)
flag = tf.Variable(False, name="flag")
text = tf.Variable("hello", name="text")

add = tf.assign_add(a, [10.0, 10.0])
sub = a.assign_sub([1.0, 1.0])
with tf.control_dependencies([add]):
    after_add = tf.identity(a, name="after_add")
    read = a.read_value()
with tf.control_dependencies([tf.assign(c, 3)]):
    chained = c + 1
r_add = r.assign_add([1.0])
r_sum = r + [0.5]
both = tf.group(sub, r_add)
set_flag = tf.assign(flag, tf.logical_not(flag))
counter = tf.assign_add(c, 1)
doubled = tf.py_func(lambda t: t * np.float32(2), [a], tf.float32, name="doubled")
printed = tf.Print(a, [a, c], message="a and c: ", name="printed")
check = tf.Assert(tf.reduce_all(tf.greater(a, -1000.0)), [c], name="check")
with tf.control_dependencies([check]):
    checked = tf.identity(c, name="checked")
initialized = tf.is_variable_initialized(a)

results = {}
with tf.Session() as sess:
    results["not_yet"] = sess.run(initialized)
    sess.run(tf.global_variables_initializer())
    results["b"] = sess.run(b)
    results["add"] = sess.run(add)
    results["sub"] = sess.run(sub)
    results["after_add"] = sess.run(after_add)
    results["read"] = sess.run(read)
    results["chained"] = sess.run(chained)
    sess.run(both)
    results["r"], results["r_sum"] = sess.run([r, r_sum])
    results["flag"] = sess.run(set_flag)
    results["text"] = sess.run(text)
    results["counter"] = sess.run(counter)
    results["doubled"] = sess.run(doubled)
    results["printed"] = sess.run(printed)
    results["checked"] = sess.run(checked)
    b.load([9.0, 8.0], sess)
    results["loaded"] = sess.run(b)
