"""What stands around the core: `tf.compat`, and the `tensorflow` alias."""
