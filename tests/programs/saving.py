"""Saving and restoring: names of one's own, kept checkpoints, another shape, a graph from its file."""
import os
import tempfile

import numpy as np
import tensorflow as tf


def texts(items):
    return np.array([str(item).encode() for item in items], object)


folder = tempfile.mkdtemp()
path = os.path.join(folder, "model")
a = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="a")
b = tf.Variable(np.arange(3), name="b", use_resource=True)
text = tf.Variable(["x", "yz"], name="text")
saver = tf.train.Saver(max_to_keep=2)
renamed = tf.train.Saver({"other/a": a, "b": b})
results = {}

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for number in range(3):
        sess.run(tf.assign_add(a, tf.ones_like(a), name="add%d" % number))
        written = saver.save(sess, path, global_step=number)
    results["written"] = texts([os.path.basename(written)])
    results["kept"] = texts([os.path.basename(name) for name in saver.last_checkpoints])
    results["files"] = texts(sorted(os.listdir(folder)))
    renamed.save(sess, path + "-renamed", write_meta_graph=False, write_state=False)
    results["latest"] = texts([os.path.basename(tf.train.latest_checkpoint(folder))])
    sess.run([tf.assign(a, -a), b.assign([7, 8, 9])])
    saver.restore(sess, path + "-1")
    results["restored"], results["b"], results["text"] = sess.run([a, b, text])
    renamed.restore(sess, path + "-renamed")
    results["renamed"] = sess.run(a)
results["stored"] = texts(tf.train.list_variables(path + "-renamed"))

with tf.Graph().as_default() as graph:
    flat = tf.Variable(np.zeros(4, np.float32), name="a")
    reshaped = tf.train.Saver([flat], reshape=True)
    with tf.Session() as sess:
        reshaped.restore(sess, path + "-2")
        results["flat"] = sess.run(flat)
with tf.Graph().as_default():
    imported = tf.train.import_meta_graph(path + "-2.meta")
    with tf.Session() as sess:
        imported.restore(sess, path + "-2")
        results["imported"] = sess.run("a:0")
        results["collected"] = sess.run(tf.global_variables()[1])
    results["names"] = texts([v.name for v in tf.trainable_variables()])
