"""tf.gradients: several ys, grad_ys, stop_gradients, unconnected inputs, aggregation, higher order, overrides."""
import numpy as np
import tensorflow as tf

x = tf.constant([1.0, 2.0, 3.0], name="x")
y = tf.constant([0.5, -1.0, 0.25], name="y")
z = tf.constant(1.0, name="z")

shared = tf.multiply(x, y, name="shared")
out1 = tf.reduce_sum(shared * shared + tf.exp(shared), name="out1")
out2 = tf.tanh(shared, name="out2")

many = tf.gradients([out1, out2], [x, y])
seeded = tf.gradients(out2, [x], grad_ys=[tf.constant([1.0, 10.0, 100.0])])
stopped = tf.gradients(out1, [x, shared], stop_gradients=[shared])
unconnected = tf.gradients(out1, [x, z])
zeros = tf.gradients(out1, [x, z], unconnected_gradients=tf.UnconnectedGradients.ZERO)
blocked = tf.gradients(tf.stop_gradient(shared) * x, [x, y])
second = tf.gradients(many[0], x)
accumulated = tf.gradients(x * x + x * y + tf.sin(x) - x, x, aggregation_method=tf.AggregationMethod.ADD_N)
through_identity = tf.gradients(tf.identity(x) * 2.0, x, name="named")
colocated = tf.gradients(tf.sqrt(x), x, colocate_gradients_with_ops=True)
table = tf.constant(np.arange(8.0).reshape(4, 2), tf.float32)
slices = tf.gradients(tf.gather(table, [1, 1, 3]) * 2.0, table)[0]
summed = tf.gradients(tf.reduce_sum(tf.gather(table, [0])) + tf.reduce_sum(tf.gather(table, [1])), table)[0]
mixed = tf.gradients(tf.reduce_sum(tf.gather(table, [0])) + tf.reduce_sum(table), table)[0]


try:
    @tf.RegisterGradient("TenTimes")
    def ten_times(op, grad):
        return grad * 10.0
except KeyError:
    print("registered when this program ran before in this process")


with tf.get_default_graph().gradient_override_map({"Square": "TenTimes"}):
    squared = tf.square(x)
overridden = tf.gradients(squared, x)


assert unconnected[1] is None and blocked[1] is None
assert isinstance(slices, tf.IndexedSlices) and isinstance(summed, tf.IndexedSlices)
with tf.Session() as sess:
    results = sess.run({
        "many0": many[0], "many1": many[1], "seeded": seeded[0], "stopped1": stopped[1],
        "unconnected": unconnected[0], "zeros": zeros[1], "blocked": blocked[0], "second": second[0],
        "accumulated": accumulated[0], "identity": through_identity[0], "colocated": colocated[0],
        "slices": slices.values, "slice_indices": slices.indices, "summed": summed.values, "mixed": mixed,
        "overridden": overridden[0],
    })
