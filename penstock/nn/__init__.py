"""Neural networks made of ops: what `tf.nn` offers beyond single operations."""
