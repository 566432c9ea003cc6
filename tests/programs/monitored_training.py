"""Training in a monitored session: the operations that prepare it, and what its hooks see."""
import collections

import numpy as np
import tensorflow as tf

results = {}
x = tf.placeholder(tf.float32, [None], name="x")
w = tf.get_variable("w", [], initializer=tf.constant_initializer(3.0))
b = tf.get_variable("b", [], initializer=tf.constant_initializer(-1.0), use_resource=True)
seen = tf.get_variable(
    "seen", [], tf.int64, tf.zeros_initializer(), trainable=False, collections=[tf.GraphKeys.LOCAL_VARIABLES]
)
loss = tf.reduce_mean(tf.square(w * x + b - 1.0), name="loss")
step = tf.train.get_or_create_global_step()
count = tf.assign_add(seen, tf.shape(x, out_type=tf.int64)[0])
train = tf.group(tf.train.GradientDescentOptimizer(0.1).minimize(loss, step), count)
calls = collections.Counter()


class Record(tf.train.SessionRunHook):
    def begin(self):
        calls["begin"] += 1
        self.losses = []

    def after_create_session(self, session, coord):
        calls["create"] += 1

    def before_run(self, run_context):
        return tf.train.SessionRunArgs({"loss": [loss]}, {x: np.array([1.0, 2.0], np.float32)})

    def after_run(self, run_context, run_values):
        self.losses.append(run_values.results["loss"][0])

    def end(self, session):
        results["at_end"] = session.run([w, b])


record = Record()
final = tf.train.FinalOpsHook({"seen": seen})
hooks = [tf.train.StopAtStepHook(num_steps=4), record, tf.train.NanTensorHook(loss), final]
scaffold = tf.train.Scaffold(init_fn=lambda scaffold, session: session.run(w.initializer))
with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold), hooks) as session:
    while not session.should_stop():
        session.run(train)
results["losses"] = np.array(record.losses)
results["calls"] = np.array([calls["begin"], calls["create"]])
results["seen"] = final.final_ops_values["seen"]
