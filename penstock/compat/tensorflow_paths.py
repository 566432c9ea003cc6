"""Where TensorFlow 1.15 keeps what programs import from it, told as paths below `tensorflow`."""

from __future__ import annotations

API_VERSION = "1.15.5"  # the release whose names, graphs and numbers penstock has

# The public modules of 1.15. One that penstock has nothing of is there all the same, and empty, so
# that the error comes from the name that a program needs, and tells it in full.
NAMESPACES = frozenset(
    """
    app app.flags audio autograph autograph.experimental bitwise compat config config.experimental
    config.optimizer config.threading contrib contrib.framework contrib.framework.nest contrib.rnn
    data data.experimental debugging distribute
    distribute.cluster_resolver distribute.experimental distributions dtypes errors estimator
    experimental feature_column flags gfile graph_util image initializers io io.gfile keras layers
    layers.experimental linalg lite lite.experimental logging lookup lookup.experimental losses
    manip math metrics nest nn nn.rnn_cell profiler python_io quantization queue ragged random
    random.experimental raw_ops resource_loader saved_model saved_model.builder
    saved_model.constants saved_model.experimental saved_model.loader saved_model.main_op
    saved_model.signature_constants saved_model.signature_def_utils saved_model.tag_constants
    saved_model.utils sets signal sparse spectral strings summary sysconfig test tpu
    tpu.experimental train train.experimental train.queue_runner user_ops version xla
    xla.experimental
    """.split()
)


def _below(folder: str, modules: str, *public: str) -> dict[str, tuple[str, ...]]:
    return {f"{folder}.{module}": public for module in modules.split()}


# Modules that are not public, and that programs import from nevertheless, each with the public
# modules where its names stand; "" is `tf` itself.
INTERNAL_MODULES: dict[str, tuple[str, ...]] = {
    **_below(
        "python.framework",
        "constant_op device function importer load_library op_def_registry ops random_seed "
        "sparse_tensor tensor_util",
        "",
    ),
    **_below("python.framework", "dtypes", "dtypes", ""),
    **_below("python.framework", "tensor_shape", ""),
    **_below("python.framework", "errors errors_impl", "errors"),
    **_below("python.framework", "graph_util graph_util_impl", "graph_util"),
    **_below("python.framework", "graph_io", "io", "train"),
    **_below(
        "python.ops",
        "array_ops check_ops clip_ops control_flow_ops data_flow_ops functional_ops gradients "
        "gradients_impl histogram_ops io_ops logging_ops lookup_ops math_ops numerics "
        "parsing_ops partitioned_variables random_ops resource_variable_ops script_ops "
        "session_ops sparse_ops special_math_ops standard_ops state_ops string_ops template "
        "tensor_array_ops variable_scope variables",
        "",
    ),
    **_below("python.ops", "init_ops", "", "initializers"),
    **_below("python.ops", "linalg_ops", "linalg", ""),
    **_below("python.ops", "nn nn_impl nn_ops embedding_ops candidate_sampling_ops", "nn", ""),
    **_below("python.ops", "ctc_ops", "nn"),
    **_below("python.ops", "rnn", "nn", "contrib.rnn"),
    **_below("python.ops", "rnn_cell rnn_cell_impl", "nn.rnn_cell", "contrib.rnn"),
    **_below("python.ops", "image_ops image_ops_impl", "image"),
    **_below("python.ops", "metrics metrics_impl", "metrics"),
    **_below("python.ops", "summary_ops", "summary"),
    **_below("python.ops.losses", "losses losses_impl", "losses"),
    **_below("python.layers", "base convolutional core layers normalization pooling", "layers"),
    **_below(
        "python.training",
        "adadelta adagrad adam basic_session_run_hooks checkpoint_management checkpoint_utils "
        "coordinator device_setter ftrl gradient_descent input learning_rate_decay momentum "
        "monitored_session optimizer queue_runner queue_runner_impl rmsprop saver server_lib "
        "session_manager session_run_hook supervisor sync_replicas_optimizer training "
        "training_util",
        "train",
    ),
    **_below("python.client", "session", ""),
    **_below("python.data.ops", "dataset_ops iterator_ops readers", "data"),
    **_below("python.lib.io", "python_io tf_record", "python_io", "io"),
    **_below("python.platform", "app", "app"),
    **_below("python.platform", "flags", "flags"),
    **_below("python.platform", "gfile", "gfile"),
    **_below("python.platform", "googletest test", "test"),
    **_below("python.platform", "tf_logging", "logging"),
    **_below("python.saved_model", "builder builder_impl", "saved_model.builder", "saved_model"),
    **_below("python.saved_model", "loader loader_impl", "saved_model.loader", "saved_model"),
    **_below("python.saved_model", "main_op", "saved_model.main_op"),
    **_below("python.saved_model", "signature_constants", "saved_model.signature_constants"),
    **_below("python.saved_model", "signature_def_utils", "saved_model.signature_def_utils"),
    **_below("python.saved_model", "tag_constants", "saved_model.tag_constants"),
    **_below("python.saved_model", "utils", "saved_model.utils"),
    **_below("python.summary", "summary", "summary"),
    **_below("python.summary.writer", "writer", "summary"),
    **_below("python.util", "compat", "compat"),
    **_below("python.util", "nest", "contrib.framework.nest"),
}

# Modules of that kind with names that are not public, and the modules of ours that hold them.
OWN_MODULES = {
    "python.client.timeline": "penstock.compat.timeline",
    "python.training.moving_averages": "penstock.train.moving_averages",
    "python.framework.smart_cond": "penstock.ops.smart_cond",
    "python.layers.utils": "penstock.compat.layers_utils",
    "python.ops.control_flow_ops": "penstock.ops.control",
}

# Folders of protobuf modules (graph_pb2, config_pb2, ...); TensorBoard ships these files too.
PROTO_FOLDERS = ("core.example", "core.framework", "core.protobuf", "core.util")
