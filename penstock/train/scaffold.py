"""`tf.train.Scaffold`: the operations that start a training session, gathered or made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph import dtypes
from penstock.graph.collections import GraphKeys
from penstock.graph.export import api, export
from penstock.graph.log import LOG
from penstock.graph.operation import Operation, Tensor
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.train.saver import saver_or_default


def _uninitialized(variables: Any) -> Tensor:
    """The names of what has no value yet: of some variables, or of all where None."""
    missing = api.report_uninitialized_variables(variables)
    with name_scope("report_uninitialized_resources"), default_graph().device("/cpu:0"):
        resources = api.constant([], dtype=dtypes.string)  # variables and tables are all there is
    return api.concat([missing, resources], 0)


def _default_init_op() -> Operation:
    # The second is TensorFlow's for resources that are neither variables nor tables.
    return api.group(api.global_variables_initializer(), api.no_op(name="init"))


def _merged_summaries() -> Any:
    if not default_graph().get_collection(GraphKeys.SUMMARIES):
        return None
    return api.summary.merge_all()


@export("train.Scaffold")
class Scaffold:
    """The operations that start a training session.

    What is not given is taken from the graph's collections by `finalize`, which makes it, and adds
    it to its collection, where there is none.

    Args:
        init_op: initializes the variables.
        init_feed_dict: what `init_op` is fed.
        init_fn: called after `init_op` with the scaffold and the session.
        ready_op: a string vector of the names of variables that have no value; ready if empty.
        ready_for_local_init_op: the same, of those that `local_init_op` needs.
        local_init_op: initializes local variables and tables.
        summary_op: a string scalar, the merged summaries.
        saver: the `tf.train.Saver`.
        copy_from_scaffold: a scaffold to take from what is not given.

    Raises:
        TypeError: `copy_from_scaffold` is no Scaffold.

    Example:
        >>> scaffold = tf.train.Scaffold(init_fn=lambda scaffold, sess: load_weights(sess))
        >>> sess = tf.train.SingularMonitoredSession(scaffold=scaffold)
    """

    def __init__(
        self,
        init_op: Any = None,
        init_feed_dict: Any = None,
        init_fn: Callable[[Scaffold, Any], Any] | None = None,
        ready_op: Any = None,
        ready_for_local_init_op: Any = None,
        local_init_op: Any = None,
        summary_op: Any = None,
        saver: Any = None,
        copy_from_scaffold: Scaffold | None = None,
    ) -> None:
        if copy_from_scaffold is not None and not isinstance(copy_from_scaffold, Scaffold):
            raise TypeError("copy_from_scaffold is not a Scaffold instance.")

        def given(value: Any, name: str) -> Any:
            return getattr(copy_from_scaffold, name, None) if value is None else value

        self._init_op = given(init_op, "_init_op")
        self._init_feed_dict = given(init_feed_dict, "_init_feed_dict")
        self._user_init_fn = given(init_fn, "_user_init_fn")
        self._ready_op = given(ready_op, "_ready_op")
        self._ready_for_local_init_op = given(ready_for_local_init_op, "_ready_for_local_init_op")
        self._local_init_op = given(local_init_op, "_local_init_op")
        self._summary_op = given(summary_op, "_summary_op")
        self._saver = given(saver, "_saver")

    def finalize(self) -> Scaffold:
        """Takes or makes what was not given, and finalizes the default graph.

        Returns:
            The scaffold.

        Raises:
            RuntimeError: a collection holds several items to choose from.
        """
        keys = GraphKeys
        if self._init_op is None:
            self._init_op = self.get_or_default("init_op", keys.INIT_OP, _default_init_op)
        if self._ready_op is None:
            self._ready_op = self.get_or_default(
                "ready_op", keys.READY_OP, lambda: _uninitialized(None)
            )
        if self._ready_for_local_init_op is None:
            self._ready_for_local_init_op = self.get_or_default(
                "ready_for_local_init_op",
                keys.READY_FOR_LOCAL_INIT_OP,
                lambda: _uninitialized(api.global_variables()),
            )
        if self._local_init_op is None:
            self._local_init_op = self.get_or_default(
                "local_init_op", keys.LOCAL_INIT_OP, self.default_local_init_op
            )
        if self._summary_op is None:
            self._summary_op = self.get_or_default("summary_op", keys.SUMMARY_OP, _merged_summaries)
        if self._saver is None:
            self._saver = saver_or_default()
        self._saver.build()
        default_graph().finalize()
        LOG.info("Graph was finalized.")
        return self

    @property
    def init_fn(self) -> Callable[[Any], Any] | None:
        """A function of the session that calls the one that was given; None without."""
        own = self._user_init_fn
        return (lambda sess: own(self, sess)) if own else None

    @property
    def init_op(self) -> Any:
        """What initializes the variables."""
        return self._init_op

    @property
    def ready_op(self) -> Any:
        """The names of variables that have no value."""
        return self._ready_op

    @property
    def ready_for_local_init_op(self) -> Any:
        """The names of variables without value that `local_init_op` needs."""
        return self._ready_for_local_init_op

    @property
    def local_init_op(self) -> Any:
        """What initializes local variables and tables."""
        return self._local_init_op

    @property
    def summary_op(self) -> Any:
        """The merged summaries, or None."""
        return self._summary_op

    @property
    def saver(self) -> Any:
        """The saver."""
        return self._saver

    @property
    def init_feed_dict(self) -> Any:
        """What `init_op` is fed."""
        return self._init_feed_dict

    @staticmethod
    def get_or_default(
        arg_name: str, collection_key: str, default_constructor: Callable[[], Any]
    ) -> Any:
        """The only item of a collection of the default graph.

        Args:
            arg_name: of the scaffold's argument, for the error.
            collection_key: the collection's name.
            default_constructor: makes the item where the collection is empty; what it gives is
                added there, unless it is None.

        Returns:
            The item.

        Raises:
            RuntimeError: there are several.
        """
        graph = default_graph()
        found = graph.get_collection(collection_key)
        if len(found) > 1:
            raise RuntimeError(
                f'More than one item in the collection "{collection_key}". Please indicate which '
                f"one to use by passing it to the tf.Scaffold constructor as:  "
                f"tf.Scaffold({arg_name}=item to use)"
            )
        if found:
            return found[0]
        item = default_constructor()
        if item is not None:
            graph.add_to_collection(collection_key, item)
        return item

    @staticmethod
    def default_local_init_op() -> Operation:
        """An operation that initializes the local variables and the tables.

        Returns:
            An Operation.
        """
        return api.group(
            api.local_variables_initializer(), api.tables_initializer(), api.no_op(name="init")
        )
