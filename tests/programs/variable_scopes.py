"""Variable scopes in each other: names, sharing, defaults, custom getters, creators, local variables."""
import numpy as np
import tensorflow as tf


def texts(items):
    return np.array([str(item).encode() for item in items], object)

seen = []


def renamed(getter, name, *args, **kwargs):
    seen.append(name)
    return getter(name + "_renamed", *args, **kwargs)


def doubled(getter, name, *args, **kwargs):
    seen.append("2 " + name)
    return 2.0 * getter(name, *args, **kwargs)


def creator(next_creator, **kwargs):
    seen.append("made " + str(kwargs["name"]))
    return next_creator(**kwargs)


one = tf.ones_initializer()
with tf.variable_scope("x", initializer=one) as x:
    tf.get_variable("v", [2])
    seen += [x.name, x.original_name_scope]
    with tf.variable_scope("y"):
        tf.get_variable("v", [2])
        with tf.variable_scope(x) as again:
            seen += [again.name, again.original_name_scope]
            tf.constant(1)
            tf.Variable(1.0)
            with tf.variable_scope(None, "auto"):
                tf.get_variable("v", [2])
            with tf.variable_scope(None, "auto"):
                tf.get_variable("v", [2])
        with tf.variable_scope("bare", auxiliary_name_scope=False) as bare:
            tf.get_variable("u", [1])
            tf.constant(2)
            seen.append(bare.original_name_scope)
    with tf.variable_scope(None, "auto"):
        tf.get_variable("w", [2])
with tf.variable_scope("x", reuse=tf.AUTO_REUSE, initializer=one):
    shared = tf.get_variable("v", [2])
    tf.get_variable("new", [2])
    tf.constant(3)
with tf.variable_scope(
    "x", dtype=tf.float64, initializer=one, regularizer=tf.reduce_sum, use_resource=True, caching_device="/cpu:0",
):
    tf.get_variable("k", [2])
    with tf.variable_scope("in"):
        tf.get_variable("k", [2], initializer=tf.zeros_initializer(), regularizer=tf.no_regularizer)
with tf.variable_scope("custom", custom_getter=renamed, initializer=one):
    tf.get_variable("a", [1])
    with tf.variable_scope("inner", custom_getter=doubled):
        product = tf.get_variable("a", [1])
with tf.name_scope("names"):
    with tf.variable_scope("vs"):
        tf.get_variable("a", [1], initializer=one)
        tf.constant(1.0)
    tf.get_variable("top", [1], initializer=one)
local = tf.get_local_variable("local", [1], initializer=one)
with tf.variable_scope("again") as again:
    first = tf.get_variable("a", [1], initializer=one)
    again.reuse_variables()
    seen += [str(tf.get_variable("a", [1]) is first), str(again.reuse)]
    with tf.variable_scope("inner", reuse=False) as inner:
        seen.append(str(inner.reuse))
with tf.control_dependencies([tf.constant(1, name="before")]):
    tf.get_variable("free", [2], initializer=one, regularizer=tf.reduce_sum)
with tf.variable_op_scope([], None, "op"):
    tf.get_variable("v", [2], initializer=one)
with tf.variable_creator_scope(creator):
    tf.get_variable("made", [2], initializer=one)
    tf.Variable(2.0)
seen += [v.name for v in x.global_variables()] + [v.name for v in x.trainable_variables()]
seen += [v.name for v in tf.global_variables("x/y")] + [v.name for v in tf.local_variables()]
seen += [str(v) for v in tf.trainable_variables()]
missing = tf.report_uninitialized_variables([shared, local])

with tf.Session() as sess:
    names = [sess.run(missing)]
    sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    names.append(sess.run(missing))
    results = {"product": sess.run(product), "shared": sess.run(shared), "local": sess.run(local)}
    results["seen"] = texts(seen)
    results["missing"], results["none_missing"] = names
