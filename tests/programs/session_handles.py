"""Tensors kept in the session, and named by handles."""
import numpy as np
import tensorflow as tf

a = tf.placeholder(tf.float32, [2], name="a")
state = a * 2.0
keep = tf.get_session_handle(state, name="keep")
words = tf.get_session_handle(tf.constant(["p", "q"]))
results = {}

with tf.Session() as sess:
    handle = sess.run(keep, {a: [1, 2]})
    text = sess.run(words)
    results["handles"] = np.array([str(handle).encode(), text.handle.encode()], object)
    results["raw"] = handle.to_numpy_array()["resource"]
    holder, stored = tf.get_session_tensor(handle.handle, tf.float32, name="stored")
    grown = tf.get_session_handle(stored + 1.0)
    handles = [handle]
    for _ in range(3):
        handles.append(sess.run(grown, {holder: handles[-1].handle}))
    results["numbers"] = np.array([str(one).encode() for one in handles], object)
    results["grown"] = sess.run(stored, {holder: handles[-1].get_raw_handle()})
    results["fed"] = sess.run(state, {a: handles[1]})
    word_holder, word = tf.get_session_tensor(text.handle, tf.string)
    results["words"] = sess.run(word, {word_holder: text.handle})
    gone, delete = tf.delete_session_tensor(handle.handle, name="delete")
    sess.run(delete, {gone: handles[-1].handle})
