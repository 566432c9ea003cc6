"""One graph, two sessions: each has its own value of the variable."""

import tensorflow as tf

graph = tf.Graph()
with graph.as_default():
    variable = tf.Variable(42, name="foo")
    initialize = tf.global_variables_initializer()
    assign = variable.assign(13)

first = tf.Session(graph=graph)
first.run(initialize)
first.run(assign)
in_first = first.run(variable)
print("first session:", in_first)

second = tf.Session(graph=graph)
try:
    second.run(variable)
    message = ""
except tf.errors.FailedPreconditionError as error:
    message = error.message
print("second session:", message.splitlines()[0] if message else "no error")

second.run(initialize)
in_second = second.run(variable)
print("second session, initialized:", in_second)
still_in_first = first.run(variable)
print("first session still:", still_in_first)
first.close()
second.close()

assert in_first == 13
assert "Attempting to use uninitialized value foo" in message
assert in_second == 42
assert still_in_first == 13
