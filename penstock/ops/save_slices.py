"""Which part of a larger stored tensor a variable is, and names under export and import scopes."""

from __future__ import annotations

from typing import Any


class SaveSliceInfo:
    """Which part of a larger stored tensor a variable is.

    Args:
        save_slice_info_def: a SaveSliceInfoDef protobuf message to take everything from.
        import_scope: a name scope to put in front of its name.
        full_name: the name of the larger tensor.
        full_shape: its shape.
        var_offset: where the part begins.
        var_shape: the part's shape.
    """

    def __init__(
        self,
        full_name: Any = None,
        full_shape: Any = None,
        var_offset: Any = None,
        var_shape: Any = None,
        save_slice_info_def: Any = None,
        import_scope: str | None = None,
    ) -> None:
        if save_slice_info_def is not None:
            full_name = with_scope(save_slice_info_def.full_name, import_scope)
            full_shape = list(save_slice_info_def.full_shape)
            var_offset = list(save_slice_info_def.var_offset)
            var_shape = list(save_slice_info_def.var_shape)
        self.full_name = full_name
        self.full_shape = full_shape
        self.var_offset = var_offset
        self.var_shape = var_shape

    @property
    def spec(self) -> str:
        """The shape and the part as checkpoint ops take them, such as "10 4 0,5:0,4"."""
        sizes = " ".join([str(size) for size in self.full_shape])
        parts = [
            f"{start},{size}" for start, size in zip(self.var_offset, self.var_shape, strict=True)
        ]
        return f"{sizes} {':'.join(parts)}"

    def to_proto(self, export_scope: str | None = None) -> Any:
        """A SaveSliceInfoDef protobuf message."""
        from tensorboard.compat.proto import variable_pb2

        return variable_pb2.SaveSliceInfoDef(
            full_name=in_scope(self.full_name, export_scope), full_shape=self.full_shape,
            var_offset=self.var_offset, var_shape=self.var_shape,
        )  # fmt: skip


def in_scope(name: str, export_scope: str | None) -> str:
    """`name` as it reads inside `export_scope`."""
    if export_scope and name.startswith(export_scope):
        return name[len(export_scope) :].lstrip("/")
    return name


def with_scope(name: str, import_scope: str | None) -> str:
    """`name` as it reads once it was imported under `import_scope`."""
    return f"{import_scope}/{name}" if import_scope else name
