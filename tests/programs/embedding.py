"""Embedding lookups and the sparse updates that their gradients make, for each optimizer."""
import numpy as np
import tensorflow as tf

ids = tf.placeholder(tf.int32, [None], name="ids")
initial = np.random.RandomState(0).randn(6, 3).astype(np.float32)
targets = tf.constant(np.arange(3, dtype=np.float32), name="targets")
results = {}
steps = []
for name, optimizer in [("sgd", tf.train.GradientDescentOptimizer(0.1)),
                        ("momentum", tf.train.MomentumOptimizer(0.1, 0.9)),
                        ("nesterov", tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)),
                        ("adam", tf.train.AdamOptimizer(0.1))]:
    with tf.variable_scope(name):
        table = tf.get_variable("table", initializer=tf.constant(initial))
        looked_up = tf.nn.embedding_lookup(table, ids)
        twice = tf.gather(table, ids + 1)
        loss = tf.reduce_sum(tf.square(looked_up - targets)) + tf.reduce_sum(twice)
        steps.append((name, table, loss, optimizer.minimize(loss)))

sharded = [tf.constant(initial[0::2]), tf.constant(initial[1::2])]
from_shards = tf.nn.embedding_lookup(sharded, ids, partition_strategy="mod")
slices = tf.gradients(steps[0][2], steps[0][1])[0]
dense = tf.convert_to_tensor(slices)

feed = {ids: [0, 2, 2, 4]}
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    results["from_shards"] = sess.run(from_shards, feed)
    value = sess.run(slices, feed)
    results["slice_values"], results["slice_indices"] = value.values, value.indices
    results["dense"] = sess.run(dense, feed)
    for name, table, loss, train in steps:
        results[name + "_losses"] = np.array([sess.run([loss, train], feed)[0] for _ in range(3)])
        results[name + "_table"] = sess.run(table)
