"""Optimizers: float64, gates and aggregation, rates of several kinds, names, steps, slots, one optimizer used twice."""
import numpy as np
import tensorflow as tf

t = tf.train
step = t.get_or_create_global_step()
start = np.array([[1.0, -2.0], [0.5, 3.0], [4.0, 0.25]])
results = {}
runs = []
names = []

# Each optimizer on float64, through a loss.
x = tf.placeholder(tf.float64, [3, 2], name="x")
for number, (name, optimizer) in enumerate([
    ("sgd", t.GradientDescentOptimizer(0.1, use_locking=True)),
    ("nesterov", t.MomentumOptimizer(lambda: 0.1, lambda: 0.9, use_nesterov=True)),
    ("adam", t.AdamOptimizer(tf.constant(0.1, tf.float64), beta1=0.8)),
    ("adagrad", t.AdagradOptimizer(0.1, 0.3)),
    ("adadelta", t.AdadeltaOptimizer(0.5)),
    ("rms", t.RMSPropOptimizer(0.1, 0.8, 0.3, 1e-4, True)),
    ("ftrl_flat", t.FtrlOptimizer(0.1, 0.0)),
    ("centered", t.RMSPropOptimizer(0.1, momentum=0.3, centered=True, epsilon=1e-3)),
    ("ftrl", t.FtrlOptimizer(0.1, -0.3, 0.2, 0.01, 0.02, accum_name="sums", linear_name="line")),
    ("ftrl_v2", t.FtrlOptimizer(0.1, l2_shrinkage_regularization_strength=0.05)),
    ("adagrad_da", t.AdagradDAOptimizer(0.1, step, 0.1, 0.01, 0.02)),
]):
    with tf.variable_scope(name, use_resource=number % 2 == 1):
        e = tf.get_variable("e", initializer=start)
        z = tf.get_variable("z", initializer=np.float64(1.5))
        loss = tf.reduce_sum(tf.square(tf.gather(e, [2, 0, 2])) * x) * z
        train = optimizer.minimize(loss, var_list=[e, z])
        slots = [optimizer.get_slot(w, slot) for slot in optimizer.get_slot_names() for w in (e, z)]
        runs.append((train, [e, z] + slots))
    names += optimizer.get_slot_names() + [w.op.name for w in optimizer.variables()]

# Float32 variables with a rate of another type, and one that is fed.
rate = tf.placeholder_with_default(np.float32(0.2), [], name="rate")
for name, optimizer in [
    ("wide", t.AdamOptimizer(tf.constant(0.1, tf.float64))),
    ("fed", t.MomentumOptimizer(rate, 0.9)),
]:
    v = tf.Variable([1.0, 2.0], name=name)
    runs.append((optimizer.minimize(tf.reduce_sum(v * v), var_list=[v]), [v]))

# Gates, ways to add up, colocation; gradients that are slices.
methods = tf.AggregationMethod
for gate, method in [
    (t.Optimizer.GATE_NONE, None),
    (t.Optimizer.GATE_OP, methods.EXPERIMENTAL_TREE),
    (t.Optimizer.GATE_GRAPH, methods.EXPERIMENTAL_ACCUMULATE_N),
]:
    with tf.variable_scope("gate_%d" % gate):
        v = tf.get_variable("v", initializer=[1.0, 2.0])
        e = tf.get_variable("e", initializer=[[1.0, 2.0], [3.0, 4.0]])
        w = tf.get_variable("w", initializer=1.0)
        loss = tf.reduce_sum(v * v) + tf.reduce_sum(tf.gather(e, [0, 0])) + tf.reduce_sum(tf.exp(v) * 3.0)
        loss += tf.reduce_sum(tf.gather(e, [1]) * 2.0) + tf.reduce_sum(v)
        optimizer = t.MomentumOptimizer(0.1, 0.9)
        pairs = optimizer.compute_gradients(loss, [v, [e, w]], gate, method, colocate_gradients_with_ops=gate == 1)
        names += [str(gradient) for gradient, _ in pairs]
        runs.append((optimizer.apply_gradients(pairs), [v, e]))

# Names, steps, weights of a loss; slots of the same name.
for kind, counter in [
    ("int", tf.Variable(5, name="int")),
    ("resource", tf.Variable(np.int64(7), name="resource", use_resource=True)),
    ("float", tf.Variable(0.5, name="float")),
]:
    v = tf.Variable([1.0, 2.0], name="v")
    optimizer = t.AdamOptimizer(0.1, name="Other")
    train = optimizer.minimize(v * v, counter, [v], name="train", grad_loss=tf.constant([0.5, 2.0]))
    again = optimizer.minimize(tf.reduce_sum(v), counter, [v])
    third = t.RMSPropOptimizer(0.1, name="Other").minimize(v, var_list=v)
    runs += [(train, [v, counter]), (again, [v, counter]), (third, [v])]
    names += [train.name, train.type, again.name, third.name] + [w.name for w in optimizer.variables()]

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    feeds = [{x: np.array([[0.1, -0.2], [0.3, 0.05], [1.0, 0.5]]) * k, rate: 0.1 * k} for k in (1, 2, 3)]
    for number, (train, variables) in enumerate(runs):
        results["start_%d" % number] = np.concatenate([np.ravel(value) for value in sess.run(variables)])
        for feed in feeds:
            sess.run(train, feed)
        results["end_%d" % number] = np.concatenate([np.ravel(value) for value in sess.run(variables)])
names += [op.name for op in tf.get_collection(tf.GraphKeys.TRAIN_OP)] + [w.name for w in tf.trainable_variables()]
results["names"] = np.array([name.encode() for name in names], object)
