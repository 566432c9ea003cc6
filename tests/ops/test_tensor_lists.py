"""TensorFlow's lists of tensors, stacks and optional values."""

from tests.ops.suite import OpSuite


class TestTensorLists(OpSuite):
    subject = "tensor_lists"
