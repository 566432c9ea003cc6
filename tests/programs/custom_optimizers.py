"""Optimizers that programs derive from tf.train's: one that changes Adam, one with slots and steps of its own."""
import numpy as np
import tensorflow as tf


class Decaying(tf.train.AdamOptimizer):
    """Adam that shrinks the weights before each step."""

    def __init__(self, decay, **options):
        super(Decaying, self).__init__(**options)
        self._decay = decay

    def _prepare(self):
        super(Decaying, self)._prepare()
        self._decay_t = tf.convert_to_tensor(self._decay, name="decay")

    def _apply_dense(self, grad, var):
        shrink = tf.assign_sub(var, self._decay_t * self._lr_t * var, use_locking=self._use_locking)
        with tf.control_dependencies([shrink]):
            return super(Decaying, self)._apply_dense(grad, var)

    def _resource_apply_dense(self, grad, var):
        with tf.control_dependencies([var.assign_sub(self._decay_t * self._lr_t * var)]):
            return super(Decaying, self)._resource_apply_dense(grad, var)


class Own(tf.train.Optimizer):
    """Every method that an optimizer may define, and every kind of slot."""

    def __init__(self, rate=0.1, use_locking=False, name="Own"):
        super(Own, self).__init__(use_locking, name)
        self._rate = rate

    def _prepare(self):
        self._rate_t = tf.convert_to_tensor(self._call_if_callable(self._rate), name="rate")

    def _create_slots(self, var_list):
        first = min(var_list, key=lambda variable: variable.name)
        self._create_non_slot_variable(initial_value=1.0, name="power", colocate_with=first)
        for v in var_list:
            self._zeros_slot(v, "sum", self._name)
            self._get_or_make_slot(v, tf.ones(v.shape) * 0.5, "half", "half")
            start = tf.constant_initializer(2.0)
            self._get_or_make_slot_with_initializer(v, start, v.shape, v.dtype.base_dtype, "two", "two")

    def _power(self):
        return self._get_non_slot_variable("power", graph=tf.get_default_graph())

    def _apply_dense(self, grad, var):
        total = self.get_slot(var, "sum").assign(0.9 * self.get_slot(var, "sum") + grad)
        update = tf.assign_sub(var, tf.cast(self._rate_t, var.dtype.base_dtype) * total * self._power())
        return tf.group(*[update, total])

    def _resource_apply_dense(self, grad, var):
        return self._apply_dense(grad, var)

    def _apply_sparse(self, grad, var):
        return tf.scatter_sub(var, grad.indices, self._rate_t * grad.values, self._use_locking).op

    def _resource_apply_sparse(self, grad, var, indices):
        return var.scatter_sub(tf.IndexedSlices(self._rate_t * grad, indices)).op

    def _finish(self, update_ops, name_scope):
        with tf.control_dependencies(update_ops), tf.colocate_with(self._power()):
            fall = self._power().assign(self._power() * 0.9, use_locking=self._use_locking)
        return tf.group(*update_ops + [fall], name=name_scope)


step = tf.train.get_or_create_global_step()
results = {}
runs = []
names = []
for name, make in [("decaying", lambda: Decaying(0.01, learning_rate=0.1)), ("own", lambda: Own(lambda: 0.1))]:
    for use_resource in (False, True):
        with tf.variable_scope(name + ("_resource" if use_resource else "_ref"), use_resource=use_resource):
            v = tf.get_variable("v", initializer=[[1.0, 2.0], [3.0, 4.0]])
            e = tf.get_variable("e", initializer=[[1.0, 2.0], [3.0, 4.0]])
        optimizer = make()
        loss = tf.reduce_sum(v * v) + tf.reduce_sum(tf.gather(e, [1, 1]))
        runs.append((optimizer.minimize(loss, global_step=step, var_list=[v, e]), [v, e]))
        names += optimizer.get_slot_names() + [variable.name for variable in optimizer.variables()]
results["names"] = np.array([name.encode() for name in names], object)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for number, (train, variables) in enumerate(runs):
        for _ in range(3):
            sess.run(train)
        results["v%d" % number], results["e%d" % number] = sess.run(variables)
    results["step"] = sess.run(step)
