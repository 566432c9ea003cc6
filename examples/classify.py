"""Reads the network that digits.py saved and shows what it makes of images that it has not seen."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from digits import OUTPUT, TEST_IMAGES, DigitsModel, load_digits
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

import penstock as tf

SHADES = " ░▒▓█"


def drawing(image):
    """An 8x8 image as text; a pixel is two characters wide, which makes it about square."""
    levels = np.rint(image[:, :, 0] * (len(SHADES) - 1)).astype(int)
    return Text("\n".join("".join(SHADES[level] * 2 for level in row) for row in levels))


def card(image, label, probabilities):
    guess = int(np.argmax(probabilities))
    return Panel(
        drawing(image),
        title=f"{guess}  ({probabilities[guess]:.1%})",
        subtitle="right" if guess == label else f"wrong: it is a {label}",
        border_style="green" if guess == label else "red",
        width=20,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder of the checkpoint")
    parser.add_argument("--count", type=int, default=8, help="how many images")
    parser.add_argument("--seed", type=int, default=0, help="which images")
    options = parser.parse_args()

    checkpoint = tf.train.latest_checkpoint(str(options.output))
    if checkpoint is None:
        sys.exit(f"No checkpoint in {options.output}: run digits.py first.")

    images, labels = load_digits()
    chosen = np.random.RandomState(options.seed).choice(TEST_IMAGES, options.count, replace=False)
    model = DigitsModel()
    with tf.Session() as session:
        tf.train.Saver().restore(session, checkpoint)
        probabilities = session.run(
            model.probabilities, {model.images: images[chosen], model.dropout: 0.0}
        )
    cards = map(card, images[chosen], labels[chosen], probabilities)
    Console().print(Columns(cards))


if __name__ == "__main__":
    main()
