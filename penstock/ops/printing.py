"""Ops that print: `tf.print`, `tf.Print`, and `tf.strings.format`, which makes the text."""

from __future__ import annotations

import datetime
import os
import pprint
import sys
from typing import Any

import numpy as np

from penstock.formats.os_errors import translated
from penstock.graph import dtypes, nest
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import export, public_names
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, register
from penstock.graph.protos import as_bytes
from penstock.ops.value_text import framed_text, short_text

_DEFAULT_SUMMARIZE = 3
_FILE = "file://"

# Levels of the log: the letter that a line begins with, and the value of TF_CPP_MIN_LOG_LEVEL that
# still lets it through.
_LEVELS = {"log(info)": ("I", 0), "log(warning)": ("W", 1), "log(error)": ("E", 2)}


def print_kernel(
    ctx: Any, value: Any, data: list[Any], *, message: str, first_n: int, summarize: int
) -> Any:
    count = ctx.count_of_runs()
    if first_n < 0 or count <= first_n:
        text = "".join([f"[{short_text(item, summarize)}]" for item in data])
        sys.stderr.write(f"{message}{text}\n")
        sys.stderr.flush()
    return value


PRINT = register(
    OpSpec(
        name="Print", inputs=("input: T", "data: U"), outputs=("output: T",),
        attrs=(
            "T: type", "U: list(type) >= 0", "message: string = ''", "first_n: int = -1",
            "summarize: int = 3",
        ),
        shape=lambda value, data: value, kernel=print_kernel,
        gradient=lambda op, grad: [grad] + [None] * (len(op._inputs) - 1), stateful=True, view=True,
    )
)  # fmt: skip


@export("Print")
def print_tensors(
    input_: Any,
    data: Any,
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Tensor:
    """The value of `input_`; each run prints `data` on standard error.

    Args:
        input_: the tensor that is passed on.
        data: a list of tensors to print.
        message: what is printed before them.
        first_n: print in the first so many runs only.
        summarize: how many items of each tensor to print.
        name: a name for the operation.

    Returns:
        A Tensor like `input_`.

    Raises:
        TypeError: `data` is no list.

    Example:
        >>> loss = tf.Print(loss, [loss], "loss: ")
    """
    return PRINT(
        input_, data, message=message or "", first_n=-1 if first_n is None else first_n,
        summarize=_DEFAULT_SUMMARIZE if summarize is None else summarize, name=name,
    )  # fmt: skip


def string_format_kernel(
    xp: Any, inputs: list[Any], *, template: Any, placeholder: Any, summarize: int
) -> Any:
    parts = as_bytes(template).split(as_bytes(placeholder))
    text = parts[0]
    for value, part in zip(inputs, parts[1:], strict=True):
        text += framed_text(value, summarize).encode() + part
    return np.array(text, object)


STRING_FORMAT = register(
    OpSpec(
        name="StringFormat", inputs=("inputs: T",), outputs=("output: string",),
        attrs=(
            "T: list(type) >= 0", "template: string = '%s'", "placeholder: string = '%s'",
            "summarize: int = 3",
        ),
        shape=lambda inputs: (), kernel=string_format_kernel, gradient=NOT_DIFFERENTIABLE,
        host=True,
    )
)  # fmt: skip


@export("strings.format")
def string_format(
    template: str,
    inputs: Any,
    placeholder: str = "{}",
    summarize: int = 3,
    name: str | None = None,
) -> Tensor:
    """A text with the values of tensors in it.

    Args:
        template: the text.
        inputs: a tensor or a sequence of them.
        placeholder: what in the text stands for the next tensor.
        summarize: how many items are written at each end of each axis; -1 for all.
        name: a name for the operation.

    Returns:
        A scalar Tensor of type string.

    Raises:
        ValueError: there are more or fewer tensors than placeholders.

    Example:
        >>> sess.run(tf.strings.format("shape: {}", tf.shape([[1, 2, 3]])))
        b'shape: [1 3]'
    """
    tensors = list(inputs) if nest.is_nested(inputs) or isinstance(inputs, str) else [inputs]
    wanted = template.count(placeholder)
    if wanted != len(tensors):
        raise ValueError(
            f"{wanted} placeholder(s) in template does not match {len(tensors)} tensor(s) "
            "provided as input"
        )
    return STRING_FORMAT(
        tensors, template=template, placeholder=placeholder, summarize=summarize, name=name
    )


def print_v2_kernel(ctx: Any, input: Any, *, output_stream: Any, end: Any) -> tuple[()]:
    text = (as_bytes(input.item()) + as_bytes(end)).decode(errors="surrogateescape")
    stream = as_bytes(output_stream).decode()
    if stream.startswith(_FILE):
        _append(stream.removeprefix(_FILE), text)
    elif stream in _LEVELS:
        _log(text, *_LEVELS[stream])
    else:
        target = sys.stdout if stream == "stdout" else sys.stderr
        target.write(text)
        target.flush()
    return ()


def _append(path: str, text: str) -> None:
    if not path:
        valid = "stdout stderr log(info) log(warning) log(error)"
        raise InvalidArgumentError(
            None, None, f"Unknown output stream: {path}, Valid streams are: {valid}"
        )
    with translated(path), open(path, "a", errors="surrogateescape") as file:
        file.write(text)


def _log(text: str, letter: str, level: int) -> None:
    if level >= int(os.environ.get("TF_CPP_MIN_LOG_LEVEL") or 0):
        now = datetime.datetime.now().isoformat(sep=" ", timespec="microseconds")
        sys.stderr.write(f"{now}: {letter} {os.path.basename(__file__)}] {text}\n")
        sys.stderr.flush()


PRINT_V2 = register(
    OpSpec(
        name="PrintV2", inputs=("input: string",), outputs=(),
        attrs=("output_stream: string = 'stderr'", "end: string = '\\n'"),
        shape=lambda input: [], kernel=print_v2_kernel, gradient=NOT_DIFFERENTIABLE, stateful=True,
    )
)  # fmt: skip


@export("print")
def print_(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that prints values, as Python's `print` does.

    Args:
        *inputs: tensors, any Python values, and nested structures of these.
        **kwargs: `output_stream`, where to print: `sys.stderr` (unless told otherwise),
            `sys.stdout`, `tf.logging.info`, `tf.logging.warning`, `tf.logging.error`, or
            "file://PATH"; `summarize`, how many items are printed at each end of each axis, 3, or
            -1 for all; `sep`, " "; `end`, a line feed; `name`.

    Returns:
        An Operation. What is to print must wait for it, or it must be fetched.

    Raises:
        ValueError: an unknown keyword, or output stream.

    Example:
        >>> with tf.control_dependencies([tf.print("loss:", loss, output_stream=sys.stdout)]):
        ...     loss = tf.identity(loss)
    """
    stream = _stream_name(kwargs.pop("output_stream", sys.stderr))
    name = kwargs.pop("name", None)
    summarize = kwargs.pop("summarize", _DEFAULT_SUMMARIZE)
    sep = kwargs.pop("sep", " ")
    end = kwargs.pop("end", os.linesep)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments for tf.print: {kwargs}")
    plain = nest.map_structure(lambda item: "" if _is_tensor(item) else item, list(inputs))
    placeholder = _unused_placeholder(" ".join([_pretty(item) for item in plain]))
    tensors: list[Any] = []
    texts = [_template(item, placeholder, tensors) for item in inputs]
    if len(inputs) == 1 and _is_text(inputs[0]):  # printed as it is, without quotes
        text = inputs[0]
    else:
        template = sep.join(texts).replace(f"'{placeholder}'", placeholder)
        format_name = f"{name}_format" if name else None
        text = string_format(template, tuple(tensors), placeholder, summarize, format_name)
    return PRINT_V2(text, output_stream=stream, end=end, name=name)


def _is_tensor(item: Any) -> bool:
    return hasattr(item, "op") or isinstance(item, nest.Composite)


def _is_text(item: Any) -> bool:
    is_dense = _is_tensor(item) and not isinstance(item, nest.Composite)
    return is_dense and item.dtype == dtypes.string and item.shape.ndims == 0


def _template(item: Any, placeholder: str, tensors: list[Any]) -> str:
    """The text for one argument; its tensors are added to `tensors`."""
    if isinstance(item, str):
        return item
    leaves: list[Any] = []
    for leaf in nest.flatten(item):
        if hasattr(leaf, "indices") and hasattr(leaf, "dense_shape"):
            tensors += [leaf.indices, leaf.values, leaf.dense_shape]
            leaves.append(
                f"SparseTensor(indices={placeholder}, values={placeholder}, shape={placeholder})"
            )
        elif _is_tensor(leaf):
            tensors.append(leaf)
            leaves.append(placeholder)
        else:
            leaves.append(leaf)
    return _pretty(nest.pack_sequence_as(item, leaves))


def _pretty(value: Any) -> str:
    with np.printoptions(legacy="1.25"):  # `3.0` for a NumPy number, and not `np.float32(3.0)`
        return pprint.pformat(value)


def _unused_placeholder(text: str) -> str:
    """What no printed text has in it: "{}", or that with the digits that TensorFlow adds."""
    import random  # slow to import

    placeholder = "{}"
    digits = random.Random(5)
    while placeholder in text:
        placeholder += str(digits.randint(0, 9))
    return placeholder


def _stream_name(stream: Any) -> str:
    if isinstance(stream, str):
        if stream.startswith(_FILE):
            return stream
    elif stream is sys.stdout or stream is sys.__stdout__:
        return "stdout"
    elif stream is sys.stderr or stream is sys.__stderr__:
        return "stderr"
    for name in ("info", "warning", "error"):
        known = [public_names[f"logging.{spelled}"] for spelled in _SPELLINGS[name]]
        if any([stream is each or stream == each for each in known]):
            return f"log({name})"
    raise ValueError(
        f"Unsupported output stream, logging level, or file.{stream}. Supported streams are "
        "sys.stdout, sys.stderr, tf.logging.info, tf.logging.warning, tf.logging.error. File needs "
        "to be in the form of 'file://<filepath>'."
    )


_SPELLINGS = {
    "info": ("info", "INFO"),
    "warning": ("warn", "warning", "WARN"),
    "error": ("error", "ERROR"),
}
