"""Rearranging: concat to pad to gather, each with its gradient, of known and partly unknown shapes."""
import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [2, 3, 4], name="x")
y = tf.placeholder(tf.float32, [None, 4], name="y")
i = tf.placeholder(tf.int32, [], name="i")
fetches = {}


def check(name, out, *inputs):
    fetches[name] = out
    outs = out if isinstance(out, (list, tuple)) else [out]
    for k, grad in enumerate(tf.gradients([o * tf.cast(tf.size(o), tf.float32) * 0.5 * o for o in outs], inputs)):
        fetches["%s_grad%d" % (name, k)] = tf.convert_to_tensor(grad)


check("concat", tf.concat([y, y * 2.0], axis=0), y)
check("concat_last", tf.concat([x, x[:, :, :1]], -1), x)
check("split", tf.split(x, 2, axis=2), x)
check("split_sizes", tf.split(y, [1, 3], axis=1)[1], y)
check("stack", tf.stack([y, y + 1.0], axis=1), y)
check("unstack", tf.unstack(x, axis=1)[2], x)
check("slice", tf.slice(x, [0, 1, 0], [2, 2, 3]), x)
check("strided", x[:, 1:, ::-2], x)
check("newaxis", y[..., tf.newaxis, 1], y)
check("tensor_index", x[1, i], x)
check("ellipsis", x[..., i:i + 2], x)
check("gather", tf.gather(y, [0, 0, 1]), y)
check("gather_axis", tf.gather(x, [2, 0], axis=1), x)
check("gather_nd", tf.gather_nd(x, [[0, 1], [1, 2]]), x)
check("tile", tf.tile(y, [2, 1]), y)
check("pad", tf.pad(x, [[0, 0], [1, 2], [0, 1]]), x)
check("pad_reflect", tf.pad(y, [[1, 0], [2, 1]], mode="REFLECT"), y)
check("transpose", tf.transpose(x, [2, 0, 1]), x)
check("transpose_all", tf.transpose(y), y)
check("where", tf.where(x > 0.5, x, -x), x)
check("reshape", tf.reshape(x, [-1, 6]), x)
check("reshape_dynamic", tf.reshape(y, [tf.shape(y)[0] * 2, -1]), y)
check("expand", tf.expand_dims(y, -1), y)
check("squeeze", tf.squeeze(x[:, :1], [1]), x)
check("reverse", tf.reverse(x, [0, 2]), x)
check("one_hot", tf.one_hot([1, 0, 3], 4) * y[:1], y)

fetches["where_indices"] = tf.where(y > 0.5)
fetches["range"] = tf.range(2, 20, 5)
fetches["range_dynamic"] = tf.range(tf.shape(y)[0])
fetches["fill"] = tf.fill([2, 2], 7)
fetches["zeros"] = tf.zeros([2, 3], tf.int64)
fetches["ones"] = tf.ones([3])
fetches["zeros_like"] = tf.zeros_like(y)
fetches["ones_like"] = tf.ones_like(x)
fetches["zeros_dynamic"] = tf.zeros(tf.shape(y)[:1])
fetches["rank"] = tf.rank(x)
fetches["size"] = tf.size(y)
fetches["shape64"] = tf.shape(y, out_type=tf.int64)
fetches["one_hot_values"] = tf.one_hot([0, 2, -1], 3, on_value=5, off_value=-1, axis=0)
fetches["cast"] = tf.cast(y * 10.0, tf.int32)
fetches["to_float"] = tf.to_float([1, 2])

random = np.random.RandomState(0)
feed = {x: random.rand(2, 3, 4), y: random.rand(3, 4), i: 1}
with tf.Session() as sess:
    results = {}
    for name, value in sess.run(fetches, feed).items():
        if isinstance(value, list):
            results.update(("%s_%d" % (name, k), item) for k, item in enumerate(value))
        else:
            results[name] = value
