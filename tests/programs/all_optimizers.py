"""Every optimizer on both kinds of variables, with dense and sparse gradients, some of them for one row twice."""
import numpy as np
import tensorflow as tf


def texts(items):
    return np.array([str(item).encode() for item in items], object)


start = np.array([[1.0, -2.0], [0.5, 3.0], [4.0, 0.25]], np.float32)
dense = tf.placeholder(tf.float32, [3, 2], name="dense")
rows = tf.placeholder(tf.float32, [3, 2], name="rows")
step = tf.train.get_or_create_global_step()
t = tf.train
optimizers = [
    ("sgd", lambda: t.GradientDescentOptimizer(0.1)),
    ("momentum", lambda: t.MomentumOptimizer(0.1, 0.9)),
    ("nesterov", lambda: t.MomentumOptimizer(0.1, 0.9, use_nesterov=True)),
    ("adam", lambda: t.AdamOptimizer(0.1, epsilon=1e-4)),
    ("adagrad", lambda: t.AdagradOptimizer(0.1)),
    ("adadelta", lambda: t.AdadeltaOptimizer(1.0, epsilon=1e-3)),
    ("rmsprop", lambda: t.RMSPropOptimizer(0.1, momentum=0.5)),
    ("centered", lambda: t.RMSPropOptimizer(0.1, centered=True, epsilon=1e-3)),
    ("ftrl", lambda: t.FtrlOptimizer(0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.02)),
    ("ftrl_v2", lambda: t.FtrlOptimizer(0.1, -0.7, l2_shrinkage_regularization_strength=0.1)),
    ("proximal_adagrad", lambda: t.ProximalAdagradOptimizer(0.1, 0.1, 0.01, 0.02)),
    ("proximal_sgd", lambda: t.ProximalGradientDescentOptimizer(0.1, 0.01, 0.02)),
    ("adagrad_da", lambda: t.AdagradDAOptimizer(0.1, step, 0.1, 0.01, 0.02)),
]
results = {}
adam = None
runs = []
for name, make in optimizers:
    for use_resource in (False, True):
        optimizer = make()
        kind = "_resource" if use_resource else "_ref"
        with tf.variable_scope(name + kind, use_resource=use_resource):
            v = tf.get_variable("v", initializer=start)
            e = tf.get_variable("e", initializer=start)
        slices = tf.IndexedSlices(rows, tf.constant([2, 0, 2]), tf.constant([3, 2]))
        train = optimizer.apply_gradients([(dense, v), (slices, e)], name=name + kind + "_train")
        runs.append((name + kind, train, [v, e]))
    adam = optimizer if name == "adam" else adam
    results[name + "_slots"] = texts(optimizer.get_slot_names())
results["names"] = texts([variable.op.name for variable in tf.global_variables()])

random = np.random.RandomState(3)
feeds = [{dense: random.randn(3, 2), rows: random.randn(3, 2)} for _ in range(3)]
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for feed in feeds:
        sess.run([train for _, train, _ in runs], feed)
    for name, _, variables in runs:
        results[name + "_dense"], results[name + "_sparse"] = sess.run(variables)
    results["variables"] = texts(sorted(v.op.name for v in adam.variables()))
