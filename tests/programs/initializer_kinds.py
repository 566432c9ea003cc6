"""Every initializer with every setting: numbers for a graph seed and for a seed of its own, configs, names."""
import numpy as np
import tensorflow as tf


def texts(items):
    return np.array([str(item).encode() for item in items], object)


def config(initializer):
    return type(initializer).__name__, sorted((key, str(value)) for key, value in initializer.get_config().items())


kinds, keras = tf.initializers, tf.keras.initializers
seen, values = [], {}
tf.set_random_seed(9)
for seed in None, 7:
    made = {
        "uniform": kinds.random_uniform(-2.0, 3.0, seed=seed), "normal": kinds.random_normal(1.0, 2.0, seed=seed),
        "truncated": kinds.truncated_normal(seed=seed), "unit": kinds.uniform_unit_scaling(1.43, seed=seed),
        "glorot": kinds.glorot_uniform(seed=seed), "glorot_normal": kinds.glorot_normal(seed=seed),
        "he": kinds.he_normal(seed=seed), "lecun": kinds.lecun_uniform(seed=seed),
        "orthogonal": tf.orthogonal_initializer(seed=seed), "keras_normal": keras.RandomNormal(seed=seed),
        "keras_uniform": keras.RandomUniform(seed=seed), "keras_truncated": keras.TruncatedNormal(seed=seed),
    }
    for name in sorted(made):
        values["%s_%s" % (name, seed)] = made[name]([3, 2] if seed is None else [2, 1, 3])
        seen.append((name, config(made[name]), config(type(made[name]).from_config(made[name].get_config()))))
for mode in "fan_in", "fan_out", "fan_avg":
    for distribution in "normal", "untruncated_normal", "Uniform":
        values["%s_%s" % (mode, distribution)] = kinds.variance_scaling(1.7, mode, distribution)([2, 3, 1, 2])
for shape in [3], []:
    values["scaled_%d" % len(shape)] = kinds.variance_scaling(1.7, "fan_avg", "uniform")(shape)
values["double"] = kinds.random_uniform(-2.0, 3.0)([3], tf.float64)
for shape in [4, 3], [2, 3, 4], [5, 2, 2], [1, 3]:
    values["orthogonal_%s" % "_".join(map(str, shape))] = kinds.orthogonal(gain=2.0, seed=3)(shape)
others = [
    kinds.constant(3), kinds.constant([1, 2, 3]), kinds.constant(np.arange(4)), kinds.constant(np.float64(2.5)),
    kinds.zeros(), kinds.ones(), kinds.identity(), kinds.identity(3.0), kinds.random_uniform(0, 10, dtype=tf.int32),
    kinds.zeros(tf.string), kinds.constant("a", dtype=tf.string), kinds.ones("bool"), kinds.constant(True, tf.bool),
]
for number, initializer in enumerate(others):
    values["other_%d" % number] = initializer([2, 3])
    seen.append(config(initializer))
values["verified"] = kinds.constant([1, 2], verify_shape=True)([2])
values["by_type"] = kinds.zeros()(tf.TensorShape([2, 3]), tf.int64)
values["by_tensor"] = kinds.ones()(tf.constant([2, 1]))
values["dimensions"] = kinds.variance_scaling(seed=1)([tf.Dimension(3), 4])
names = ["zeros", "Zeros", "one", "constant", "uniform", "normal", "random_normal", "TruncatedNormal", "glorot_uniform",
         "GlorotNormal", "VarianceScaling", "he_normal", "lecun_uniform", "orthogonal", "Identity"]
seen += [(name, config(keras.get(name))) for name in names]
seen += [keras.get(None), keras.get(len) is len, keras.serialize(None), keras.serialize(len)]
described = keras.serialize(keras.Constant(4.0))
values["described"] = keras.get(described)([2])
seen += [sorted(described.items()), config(keras.deserialize("Mine", {"Mine": keras.Ones}))]
cut = tf.fixed_size_partitioner(2)
for name, initializer in [("identity_parts", kinds.identity(2.0)), ("scaled_parts", kinds.glorot_uniform(seed=3)),
                          ("unit_parts", kinds.uniform_unit_scaling(seed=3))]:
    values[name] = tf.get_variable(name, [4, 3], initializer=initializer, partitioner=cut).as_tensor()
values["variable"] = tf.get_variable("variable", [3, 4], initializer=tf.orthogonal_initializer(), regularizer=None)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    results = sess.run(values)
results["seen"] = texts(seen)
