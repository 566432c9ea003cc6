"""Learning-rate schedules with branches: steps, cycles, restarts, by a step that is fed and by a variable."""
import numpy as np
import tensorflow as tf

t = tf.train
step = tf.placeholder(tf.int32, [], name="step")
rates = {
    "cycle": t.polynomial_decay(0.1, step, 10, cycle=True),
    "cycle_root": t.polynomial_decay(0.1, step, 10, 0.01, 0.5, True, "root"),
    "restarts": t.cosine_decay_restarts(0.1, step, 10),
    "equal_restarts": t.cosine_decay_restarts(0.1, step, 10, 1.0, 0.5, 0.1, "equal"),
    "pieces": t.piecewise_constant(step, [5, 10], [0.1, 0.2, 0.3]),
    "more_pieces": t.piecewise_constant_decay(step, [5, 9, 25], [0.1, 0.2, 0.3, 0.4], name="pieces"),
    "long_pieces": t.piecewise_constant(tf.cast(step, tf.int64), [10], [tf.constant(0.1, tf.float64), np.float64(0.2)]),
    "growing_restarts": t.cosine_decay_restarts(0.1, step, 4, tf.constant(1.5), 0.9, name="growing"),
}
counters = [tf.Variable(0, name="counter"), tf.Variable(0, name="resource", use_resource=True)]
trained = []
for k, counter in enumerate(counters):
    w = tf.Variable([1.0, 2.0], name="w%d" % k)
    rate = t.cosine_decay_restarts(0.5, counter, 3)
    step_size = t.piecewise_constant(counter, [2], [1.0, 0.1])
    train = t.MomentumOptimizer(rate * step_size, 0.5).minimize(tf.reduce_sum(w * w), counter, [w])
    trained.append((train, w, t.polynomial_decay(0.1, counter, 3, cycle=True)))

results = {"names": np.array([rates[key].name.encode() for key in sorted(rates)], object)}
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    found = [sess.run(rates, {step: k}) for k in (0, 1, 5, 9, 10, 11, 25, 30, 100)]
    for key in rates:
        results[key] = np.array([values[key] for values in found])
    for k, (train, w, rate) in enumerate(trained):
        for _ in range(5):
            sess.run(train)
        results["trained%d" % k] = sess.run(w)
        results["rate%d" % k] = sess.run(rate)
