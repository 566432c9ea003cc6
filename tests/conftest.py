"""Lets pytest explain the suite's assertions: it does so by itself in test files only."""

import pytest

pytest.register_assert_rewrite("tests.ops.suite")
