"""What stands around the core: `tf.compat`, parts of `tf.contrib` and `tf.keras`, the alias."""
