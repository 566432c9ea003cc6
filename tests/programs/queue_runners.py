"""A queue filled by threads, which a coordinator stops."""

import numpy as np
import tensorflow as tf

results = {}
limit = tf.Variable(0, trainable=False, name="limit")
number = limit.count_up_to(7)
queue = tf.FIFOQueue(3, tf.int32, shapes=[[]], name="numbers")
tf.train.add_queue_runner(tf.train.QueueRunner(queue, [queue.enqueue(number)]))
squares = tf.FIFOQueue(100, tf.int32, shapes=[[]], name="squares")
taken = queue.dequeue()
tf.train.add_queue_runner(tf.train.QueueRunner(squares, [squares.enqueue(taken * taken)]))
three = squares.dequeue_many(3)
last = squares.dequeue_up_to(3)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    coord = tf.train.Coordinator()
    threads = tf.train.start_queue_runners(sess, coord)
    names = sorted(thread.name.encode() for thread in threads)
    results["threads"] = np.array(names, object)
    for i in range(2):
        results["three/{}".format(i)] = sess.run(three)
    results["last"] = sess.run(last)
    try:
        sess.run(last)
    except tf.errors.OutOfRangeError as error:
        results["end"] = "closed and has insufficient elements" in error.message
        coord.request_stop(error)
    coord.join(threads, stop_grace_period_secs=10)
    results["alive"] = any(thread.is_alive() for thread in threads)
    results["stopped"] = coord.should_stop()
