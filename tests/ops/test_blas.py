"""How many threads products take."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import penstock as tf
from penstock.ops import blas

library = blas._openblas()
pytestmark = pytest.mark.skipif(library is None, reason="NumPy has another BLAS than OpenBLAS")


@pytest.fixture(autouse=True)
def _threads():
    before = library.get_threads()
    yield
    blas.set_threads(before)


@pytest.fixture
def seen(monkeypatch):
    """The threads that OpenBLAS had when a product was made."""
    found = []
    real = np.dot

    def dot(a, b):
        found.append(library.get_threads())
        return real(a, b)

    monkeypatch.setattr(np, "dot", dot)
    return found


def product(rows: int, columns: int = 256):
    a = np.ones((rows, 256), np.float32)
    b = np.ones((256, columns), np.float32)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 256])
        with tf.Session() as sess:
            return sess.run(tf.matmul(x, b), {x: a})


def test_a_product_of_some_microseconds_takes_one_thread(seen):
    blas.set_threads(2)
    assert (product(64) == 256).all()
    assert seen == [1]
    assert library.get_threads() == 2


def test_a_large_one_takes_all(seen):
    blas.set_threads(2)
    assert (product(4096) == 256).all()
    assert seen == [2]


def test_what_is_set_meanwhile_holds_afterwards():
    blas.set_threads(2)
    with blas._one_thread:
        with blas._one_thread:
            assert library.get_threads() == 1
        assert library.get_threads() == 1
        blas.set_threads(1)
        blas.set_threads(2)
        assert library.get_threads() == 1
    assert library.get_threads() == 2


def test_many_threads_leave_it_as_it_was():
    blas.set_threads(2)
    a = np.ones((64, 128), np.float32)

    def work():
        for _ in range(200):
            blas.dot(a, a.T)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert library.get_threads() == 2
