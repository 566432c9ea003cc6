"""Learning-rate schedules without branches: steps of several types, staircases, noise, names; one that trains."""
import numpy as np
import tensorflow as tf

t = tf.train
tf.set_random_seed(3)
step = tf.placeholder(tf.int64, [], name="step")
rates = {
    "exponential": t.exponential_decay(0.1, step, 10, 0.96),
    "exponential_stairs": t.exponential_decay(0.1, step, 10, 0.96, staircase=True, name="stairs"),
    "exponential64": t.exponential_decay(tf.constant(0.1, tf.float64), step, 10, 0.96),
    "natural": t.natural_exp_decay(0.1, step, 10, 0.96),
    "natural_stairs": t.natural_exp_decay(0.1, step, 10, 0.96, staircase=True, name="natural"),
    "inverse": t.inverse_time_decay(0.1, step, 10, 0.5),
    "inverse_stairs": t.inverse_time_decay(0.1, step, 10, 0.5, True, "inverse"),
    "polynomial": t.polynomial_decay(0.1, step, 10),
    "polynomial_root": t.polynomial_decay(0.1, step, 10, 0.01, 0.5, name="root"),
    "cosine": t.cosine_decay(0.1, step, 10),
    "cosine_alpha": t.cosine_decay(0.1, step, 10, 0.3, "cosine"),
    "linear_cosine": t.linear_cosine_decay(0.1, step, 10),
    "linear_cosine_waves": t.linear_cosine_decay(0.1, step, 10, 2.0, 0.1, 0.01, "waves"),
    "noisy": t.noisy_linear_cosine_decay(0.1, step, 10),
    "noisy_waves": t.noisy_linear_cosine_decay(0.1, step, 10, 0.5, 0.3, 2.0, 0.1, 0.01, "noise"),
    "a_number": t.exponential_decay(0.1, 7, 10.0, 0.9),
    "steps_in_a_tensor": t.cosine_decay(0.1, step, tf.constant(20)),
}
counters = [tf.Variable(0, name="counter"), tf.Variable(np.float32(0), name="resource", use_resource=True)]
trained = []
for k, counter in enumerate(counters):
    w = tf.Variable([1.0, 2.0], name="w%d" % k)
    rate = t.exponential_decay(0.5, counter, 2, 0.5, staircase=True)
    train = t.GradientDescentOptimizer(rate).minimize(tf.reduce_sum(w * w), counter, [w])
    trained.append((train, w, t.polynomial_decay(0.1, counter, 5)))

results = {"names": np.array([rates[key].name.encode() for key in sorted(rates)], object)}
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    found = [sess.run(rates, {step: k}) for k in (0, 1, 5, 9, 10, 11, 25)]
    for key in rates:
        results[key] = np.array([values[key] for values in found])
    for k, (train, w, rate) in enumerate(trained):
        for _ in range(5):
            sess.run(train)
        results["trained%d" % k] = sess.run(w)
        results["rate%d" % k] = sess.run(rate)
