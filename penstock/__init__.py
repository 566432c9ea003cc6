"""penstock: TensorFlow 1's Graph and Session. `import penstock as tf`, and a TF 1.15 program runs.

The public names stand beside the things themselves (`@export("nn.relu")`); penstock/public.py lists
the modules that define them, and gives each name its place in a namespace such as `tf.nn`.
"""

from penstock.public import install as _install

_install(__name__)
