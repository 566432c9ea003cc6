"""Where penstock tells what a program should know: Python's logger "tensorflow".

TensorFlow 1 programs tune the logging under that name.
"""

from __future__ import annotations

import logging

LOG = logging.getLogger("tensorflow")
