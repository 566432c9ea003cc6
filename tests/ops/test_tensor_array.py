"""tf.TensorArray."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestTensorArray(OpSuite):
    subject = "tensor_array"
