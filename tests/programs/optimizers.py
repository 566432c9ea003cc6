"""Optimizers by hand: compute_gradients, clipping, apply_gradients, slots, a decaying rate fed in."""
import numpy as np
import tensorflow as tf

rate = tf.placeholder_with_default(0.1, [], name="rate")
results = {}
runs = []
for name, optimizer, clip in [
    ("sgd", tf.train.GradientDescentOptimizer(rate), "value"),
    ("momentum", tf.train.MomentumOptimizer(learning_rate=rate, momentum=0.5), "norm"),
    ("adam", tf.train.AdamOptimizer(0.1, beta1=0.8, beta2=0.9, epsilon=1e-4), "global"),
    ("resource", tf.train.AdamOptimizer(0.1), "none"),
]:
    with tf.variable_scope(name, use_resource=(name == "resource")):
        w = tf.get_variable("w", initializer=tf.constant([[1.0, -2.0], [0.5, 3.0]]))
        b = tf.get_variable("b", [2], initializer=tf.zeros_initializer())
        unused = tf.get_variable("unused", [1], initializer=tf.zeros_initializer())
        step = tf.Variable(0, trainable=False, name="step", dtype=tf.int64)
        out = tf.matmul([[1.0, 2.0]], w) + b
        loss = tf.reduce_sum(tf.square(out - [[3.0, 5.0]]))
        pairs = optimizer.compute_gradients(loss, var_list=[w, b, unused])
        kept = [(g, v) for g, v in pairs if g is not None]
        if clip == "value":
            kept = [(tf.clip_by_value(g, -1.0, 1.0), v) for g, v in kept]
        elif clip == "norm":
            kept = [(tf.clip_by_norm(g, 2.0), v) for g, v in kept]
        elif clip == "global":
            grads, norm = tf.clip_by_global_norm([g for g, _ in kept], 1.5)
            kept = [(g, v) for g, (_, v) in zip(grads, kept)]
        train = optimizer.apply_gradients(kept, global_step=step, name="train")
        slots = [optimizer.get_slot(w, slot) for slot in optimizer.get_slot_names()]
        runs.append((name, loss, train, [w, b, step], slots))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for name, loss, train, variables, slots in runs:
        losses = []
        for k in range(4):
            losses.append(sess.run([loss, train], {rate: 0.1 / (k + 1)})[0])
        results[name + "_losses"] = np.array(losses)
        for k, value in enumerate(sess.run(variables)):
            results["%s_%d" % (name, k)] = value
        for k, value in enumerate(sess.run(slots)):
            results["%s_slot%d" % (name, k)] = value
