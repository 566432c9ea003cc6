"""Examples in docstrings: each that shows what comes out runs, and gives just that.

It may take `tf`, `np`, the default graph `graph`, a session `sess`, and in the working folder a
checkpoint `model-1` of a variable `w`, float32 [2, 3].
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.graph.export import public_names


def documented(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The functions and classes that a module defines, and their methods."""
    for name, thing in vars(module).items():
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            yield name, thing
            for member, method in vars(thing).items():
                if callable(method) or isinstance(method, property | classmethod):
                    yield f"{name}.{member}", method


def shown() -> Iterator[Any]:
    """The examples with output, by the name of what they explain."""
    parser = doctest.DocTestParser()
    for found in pkgutil.walk_packages(tf.__path__, "penstock."):
        module = importlib.import_module(found.name)
        for name, thing in documented(module):
            text = getattr(thing, "__doc__", None) or ""
            examples = parser.get_examples(text) if ">>>" in text else []
            if any([example.want for example in examples]):
                yield pytest.param(module, examples, id=f"{found.name}.{name}")


@pytest.fixture
def _checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default(), tf.Session() as sess:
        w = tf.get_variable("w", [2, 3])
        sess.run(w.initializer)
        tf.train.Saver().save(sess, "model", global_step=1)


@pytest.mark.usefixtures("_checkpoint")
@pytest.mark.parametrize(("module", "examples"), list(shown()))
def test_what_a_docstring_shows_comes_out(
    module: ModuleType, examples: list[doctest.Example]
) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        names = {**vars(module), "tf": tf, "np": np, "graph": graph, "sess": sess}
        test = doctest.DocTest(examples, names, module.__name__, None, 0, None)
        runner.run(test, out=report.append)
    assert not report, "".join(report)


def named_arguments(text: str) -> list[str]:
    """The arguments that the Args section of a docstring tells of."""
    section = re.search(r"^Args:\n((?: {4}.*\n|\n)+)", inspect.cleandoc(text) + "\n", re.MULTILINE)
    lines = section[1].splitlines() if section else []
    heads = [found[1] for line in lines if (found := re.match(r" {4}(\w[\w, ]*):", line))]
    return [name.strip() for head in heads for name in head.split(",")]


def parameters(thing: Any) -> set[str]:
    """Those of a function, or of what makes an object of a class."""
    makers = [thing.__init__, thing.__new__] if inspect.isclass(thing) else [thing]
    found = [inspect.signature(maker).parameters for maker in makers]
    return {name for names in found for name in names}


def test_docstrings_tell_of_the_arguments_that_there_are() -> None:
    wrong = {}
    for name, thing in public_names.items():
        if inspect.isfunction(thing) or inspect.isclass(thing):
            told = named_arguments(thing.__doc__ or "")
            wrong[name] = set(told) - parameters(thing)
    assert {name: extra for name, extra in wrong.items() if extra} == {}
