"""Queues of all kinds, filled and emptied in one thread."""

import numpy as np
import tensorflow as tf

tf.set_random_seed(11)
results = {}

fifo = tf.FIFOQueue(10, [tf.float32, tf.int32], shapes=[[2], []])
x = tf.placeholder(tf.float32, [2])
batch = tf.placeholder(tf.float32, [None, 2])
put = fifo.enqueue([x, 3])
put_many = fifo.enqueue_many([batch, [1, 2]], name="fill")
taken = fifo.dequeue()
taken_many = fifo.dequeue_many(2)
rest = fifo.dequeue_up_to(4, name="rest")
state = [fifo.size(), fifo.is_closed()]
close = fifo.close()

with tf.name_scope("single"):
    single = tf.FIFOQueue(4, tf.string, name="strings")
    put_single = single.enqueue("abc")
    taken_single = single.dequeue()

named = tf.FIFOQueue(-1, [tf.float32, tf.int64], [[], [1]], names=["a", "b"], name="named")
put_named = named.enqueue({"b": [5], "a": 0.5})
put_named_many = named.enqueue_many({"a": [1.5, 2.5], "b": [[6], [7]]})
taken_named = named.dequeue_many(3)

shuffled = tf.RandomShuffleQueue(50, 5, tf.int32, shapes=[[]], seed=3)
shared = tf.RandomShuffleQueue(50, 0, tf.int32, shapes=[[]], shared_name="shared")
put_shuffled = [queue.enqueue_many([np.arange(40)]) for queue in (shuffled, shared)]
taken_shuffled = [queue.dequeue_many(35) for queue in (shuffled, shared)]
close_shuffled = shuffled.close(cancel_pending_enqueues=True)
rest_shuffled = shuffled.dequeue_up_to(10)

padded = tf.PaddingFIFOQueue(8, [tf.int32, tf.string], shapes=[[None], [2, None]])
lengths = tf.placeholder(tf.int32, [None])
texts = tf.placeholder(tf.string, [2, None])
put_padded = padded.enqueue([lengths, texts])
taken_padded = padded.dequeue_many(3)

ordered = tf.PriorityQueue(20, tf.string, shapes=[[]])
put_ordered = ordered.enqueue_many([[3, 1, 2, 1, -5, 1], ["a", "b", "c", "d", "e", "f"]])
first = ordered.dequeue()
others = ordered.dequeue_many(5)

which = tf.placeholder(tf.int32, [])
pair = [tf.FIFOQueue(3, tf.int32, shapes=[[]], name="q{}".format(i)) for i in range(2)]
chosen = tf.QueueBase.from_list(which, pair)
put_chosen = chosen.enqueue(7)
sizes = [queue.size() for queue in pair]

with tf.Session() as sess:
    sess.run(put, {x: [1.0, 2.0]})
    sess.run(put_many, {batch: [[3.0, 4.0], [5.0, 6.0]]})
    sess.run(put, {x: [7.0, 8.0]})
    for i, value in enumerate(sess.run(taken) + sess.run(taken_many) + sess.run(state)):
        results["fifo/{}".format(i)] = value
    sess.run(close)
    for i, value in enumerate(sess.run(rest) + sess.run(state)):
        results["closed/{}".format(i)] = value

    sess.run(put_single)
    results["single"] = sess.run(taken_single)
    sess.run(put_named)
    sess.run(put_named_many)
    for key, value in sess.run(taken_named).items():
        results["named/" + key] = value

    sess.run(put_shuffled)
    for name, value in zip(("shuffled", "shared"), sess.run(taken_shuffled)):
        results[name] = value
    sess.run(close_shuffled)
    results["shuffled/rest"] = sess.run(rest_shuffled)

    for i in range(3):
        sess.run(put_padded, {lengths: range(i), texts: np.full((2, i), b"t%d" % i, object)})
    results["padded/lengths"], results["padded/texts"] = sess.run(taken_padded)

    sess.run(put_ordered)
    results["first/priority"], results["first"] = sess.run(first)
    results["others/priority"], results["others"] = sess.run(others)

    sess.run(put_chosen, {which: 1})
    sess.run(put_chosen, {which: 1})
    sess.run(put_chosen, {which: 0})
    results["sizes"] = sess.run(sizes)
