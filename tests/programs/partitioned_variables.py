"""Variables in parts: partitioners, scopes, sharing, lookups, updates, training, checkpoints."""
import os
import tempfile

import numpy as np
import tensorflow as tf


def texts(items):
    return np.array([str(item).encode() for item in items], object)


def as_offsets(shape, dtype=None, partition_info=None):
    """An initializer that looks at which part it makes."""
    seen.append((partition_info.full_shape, partition_info.var_offset, partition_info.single_offset(shape),
                 partition_info.single_slice_dim(shape)))
    return tf.fill(shape, tf.cast(partition_info.single_offset(shape), dtype))


seen = []
parts = []
tf.set_random_seed(3)
for kind in ("ref", "resource"):
    with tf.variable_scope(kind, use_resource=kind == "resource"):
        in_three = tf.fixed_size_partitioner(3)
        table = tf.get_variable("table", [7, 4], partitioner=in_three)
        wide = tf.get_variable("wide", [4, 6], partitioner=tf.fixed_size_partitioner(2, axis=1),
                               regularizer=tf.contrib.layers.l2_regularizer(0.1))
        whole = tf.get_variable("whole", [2, 4], partitioner=tf.fixed_size_partitioner(1))
        given = tf.get_variable("given", initializer=tf.constant(np.arange(6.0)),
                                partitioner=tf.fixed_size_partitioner(4))
        listed = tf.get_variable("listed", [6], initializer=np.arange(6, dtype=np.float32), partitioner=in_three)
        offsets = tf.get_variable("offsets", [5, 2], tf.int32, initializer=as_offsets, partitioner=in_three)
        scaled = tf.get_variable("scaled", [6, 2], initializer=tf.variance_scaling_initializer(), partitioner=in_three)
        strings = tf.get_variable("strings", [8], tf.string, initializer=tf.constant([b"x"] * 8),
                                  partitioner=tf.variable_axis_size_partitioner(16, bytes_per_string_element=4))
        scalar = tf.get_variable("scalar", [], initializer=tf.zeros_initializer(), partitioner=in_three)
        with tf.variable_scope("inner", partitioner=tf.min_max_variable_partitioner(4, min_slice_size=64)) as inner:
            chosen = tf.get_variable("chosen", [10, 4])
            bias = tf.get_variable("bias", [1], initializer=tf.zeros_initializer())
        with tf.variable_scope(inner, reuse=True):
            seen.append(tf.get_variable("chosen", [10, 4]) is chosen)
            seen.append(tf.get_variable("chosen", [10, 4], partitioner=tf.fixed_size_partitioner(3)) is chosen)
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            part = tf.get_variable("table/part_0", [3, 4])
            seen.append(part is list(table)[0])
        sums = table.as_tensor() + tf.reduce_sum(wide.as_tensor())
        named = tf.identity(whole, name="named")
        added = table.assign_add(tf.ones([7, 4]), name="added")
        copied = wide.assign(wide)
        by_list = table.assign_sub([tf.ones([3, 4]), tf.ones([2, 4]), tf.ones([2, 4])])
        mod = tf.nn.embedding_lookup(table, [0, 3, 6])
        div = tf.nn.embedding_lookup(table, [0, 3, 6], partition_strategy="div")
        loss = tf.reduce_sum(tf.square(div)) + tf.reduce_sum(wide.as_tensor() * 2.0)
    trained = [part for cut in (table, wide) for part in cut]
    step = tf.train.AdagradOptimizer(0.1, name=kind).minimize(loss, var_list=trained)
    parts.append((kind, table, wide, whole, given, listed, offsets, scaled, strings, chosen, bias, mod, div, sums, named,
                  added, copied, by_list, step, scalar))
with tf.variable_scope("made"):
    made = tf.create_partitioned_variables([4, 6], [1, 2], tf.ones_initializer(), name="two")
    made += tf.create_partitioned_variables([4, 2], [2, 1], np.arange(8.0).reshape(4, 2).astype(np.float32),
                                            trainable=False)
for cut in tf.variable_axis_size_partitioner(400), tf.variable_axis_size_partitioner(400, max_shards=5), \
        tf.min_max_variable_partitioner(), tf.min_max_variable_partitioner(7, min_slice_size=100), \
        tf.fixed_size_partitioner(4):
    for shape in [10, 20], [100, 3], [1000], [3, 1000, 2]:
        for dtype in tf.float32, tf.string, tf.float64:
            seen.append(cut(shape=tf.TensorShape(shape), dtype=dtype))
infos = [(v.name, v._get_save_slice_info()) for v in tf.global_variables()]
seen += [(name, info and (info.full_name, info.full_shape, info.var_offset, info.var_shape, info.spec))
         for name, info in infos]
seen += [v.name for v in tf.trainable_variables()] + tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
again = tf.Variable.from_proto(made[1].to_proto())
seen.append(again._get_save_slice_info().spec)
saver = tf.train.Saver()
results = {}
folder = tempfile.mkdtemp()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for kind, table, wide, whole, given, listed, offsets, scaled, strings, chosen, bias, mod, div, sums, named, \
            added, copied, by_list, step, scalar in parts:
        cut = table, wide, whole, given, listed, offsets, scaled, strings, chosen, bias
        fetches = {variable.name: variable.as_tensor() for variable in cut}
        fetches.update({kind + "_mod": mod, kind + "_div": div, kind + "_sums": sums, kind + "_named": named})
        results.update(sess.run(fetches))
        sess.run([part.op for part in added])
        results[kind + "_added"] = sess.run(table.as_tensor())
        sess.run([part.op for part in copied] + [part.op for part in by_list])
        sess.run(step)
        results[kind + "_trained"], results[kind + "_wide"] = sess.run([table.as_tensor(), wide.as_tensor()])
    results["made"] = np.concatenate([part.ravel() for part in sess.run(made)])
    path = saver.save(sess, os.path.join(folder, "model"))
results["stored"] = texts(tf.train.list_variables(path))
results["stored_slot"] = tf.train.load_variable(path, "ref/table/ref")
with tf.Graph().as_default(), tf.Session() as sess:
    with tf.variable_scope("ref", use_resource=True):
        other = tf.get_variable("table", [7, 4], partitioner=tf.fixed_size_partitioner(2))
        plain = tf.get_variable("wide", [4, 6])
    tf.train.Saver({"ref/table": other, "ref/wide": plain}).restore(sess, path)
    results["restored"], results["restored_whole"] = sess.run([other.as_tensor(), plain])
results["seen"] = texts(seen)
