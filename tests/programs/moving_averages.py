"""Moving averages of variables and tensors: decays, numbers of updates, debiasing, names, what to restore."""
import numpy as np
import tensorflow as tf


def texts(items):
    return np.array([str(item).encode() for item in items], object)


results = {}
runs = []
names = []
fed = tf.placeholder(tf.float32, [2], name="fed")
for number, (kind, use_resource, options) in enumerate([
    ("plain", False, {}),
    ("resource", True, {}),
    ("named", False, {"name": "Shadow"}),
    ("counted", False, {"num_updates": tf.Variable(3, trainable=False, name="updates")}),
    ("counted_by_resource", True, {"num_updates": tf.Variable(3, False, name="updates", use_resource=True)}),
    ("a_number", True, {"num_updates": 5}),
    ("debiased", False, {"zero_debias": True}),
    ("debiased_resource", True, {"zero_debias": True, "num_updates": tf.constant(4)}),
]):
    with tf.variable_scope(kind, use_resource=use_resource):
        v = tf.get_variable("v", initializer=[1.0, 2.0])
        w = tf.get_variable("w", initializer=np.float64(3.0))
        tensor = tf.multiply(fed, 2.0, name="tensor")
        ema = tf.train.ExponentialMovingAverage(tf.constant(0.9) if number == 2 else 0.9, **options)
        grown = v.assign_add([1.0, 1.0])
        with tf.control_dependencies([grown]):
            update = ema.apply([v, w])
        of_tensor = ema.apply([tensor])
        averages = [ema.average(item) for item in (v, w, tensor)]
    runs.append((kind, update, of_tensor, averages))
    names += [ema.name, update.name, update.type, of_tensor.name, ema.average(fed)]
    names += [average.name for average in averages] + [ema.average_name(item) for item in (v, w, tensor, fed)]
    if number < 3:
        restored = ema.variables_to_restore()
        some = ema.variables_to_restore([v])
        names += sorted(key + "=" + found[key].name for found in (restored, some) for key in found)
second = tf.train.ExponentialMovingAverage(0.5)
all_updated = second.apply()
names += [second.average(v).name, second.average_name(v), all_updated.name]
for key in (tf.GraphKeys.MOVING_AVERAGE_VARIABLES, tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.TRAINABLE_VARIABLES):
    names += [variable.name for variable in tf.get_collection(key)]
results["names"] = texts(names)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for kind, update, of_tensor, averages in runs:
        for k in range(3):
            for part, value in zip("vwt", sess.run(averages)):
                results["%s_%s_%d" % (kind, part, k)] = value
            sess.run(update)
            sess.run(of_tensor, {fed: [k + 1.0, 2.0]})
        for part, value in zip("vwt", sess.run(averages)):
            results["%s_%s_end" % (kind, part)] = value
    sess.run(all_updated)
    results["second"] = sess.run(second.average(v))
