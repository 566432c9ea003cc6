"""Trains a convolutional network on handwritten digits and saves it; classify.py reads it back.

The program is TensorFlow 1's in all but its import: placeholders, a graph, and a session that holds
the weights.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import penstock as tf

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "demo-output"
SEED = 1  # of the weights and of what is held out; other splits end between 97.5 % and 99.7 %
TEST_IMAGES = 360
BATCH = 64


def load_digits():
    """Reads images, float32 [1797, 8, 8, 1] from 0 to 1, and labels, int64 [1797]; shuffled."""
    rows = np.loadtxt(HERE / "data" / "digits.csv.gz", delimiter=",", dtype=np.int64)
    rows = rows[np.random.RandomState(SEED).permutation(len(rows))]
    images = (rows[:, :64] / 16.0).astype(np.float32).reshape(-1, 8, 8, 1)
    return images, rows[:, 64]


def convolution(x, filters, name):
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [3, 3, int(x.shape[-1]), filters])
        bias = tf.get_variable("bias", [filters], initializer=tf.zeros_initializer())
        x = tf.nn.conv2d(x, kernel, strides=[1, 1, 1, 1], padding="SAME")
        return tf.nn.relu(tf.nn.bias_add(x, bias))


def dense(x, units, name):
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [int(x.shape[-1]), units])
        bias = tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
        return tf.matmul(x, kernel) + bias


class DigitsModel:
    """The graph: what is fed (images, labels, dropout) and what can be asked of it."""

    def __init__(self):
        self.images = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
        self.labels = tf.placeholder(tf.int64, [None], name="labels")
        self.dropout = tf.placeholder(tf.float32, [], name="dropout")

        x = convolution(self.images, 32, "conv1")
        x = convolution(x, 64, "conv2")
        x = convolution(x, 64, "conv3")
        x = tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
        x = tf.reshape(x, [-1, 4 * 4 * 64])
        x = tf.nn.relu(dense(x, 128, "dense1"))
        x = tf.nn.dropout(x, rate=self.dropout)
        logits = dense(x, 10, "logits")

        self.probabilities = tf.nn.softmax(logits, name="probabilities")
        self.prediction = tf.argmax(logits, axis=1, name="prediction")
        right = tf.equal(self.prediction, self.labels)
        self.accuracy = tf.reduce_mean(tf.cast(right, tf.float32), name="accuracy")
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self.labels, logits=logits)
        self.loss = tf.reduce_mean(losses, name="loss")
        self.global_step = tf.train.get_or_create_global_step()
        optimizer = tf.train.AdamOptimizer(0.001)
        self.train_op = optimizer.minimize(self.loss, global_step=self.global_step)


def batches(images, labels, epochs):
    """Yields shuffled full batches, `epochs` times through the images."""
    shuffle = np.random.RandomState(SEED)
    for _ in range(epochs):
        order = shuffle.permutation(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            yield images[chosen], labels[chosen]


def train(session, model, images, labels, epochs, console):
    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TextColumn("accuracy {task.fields[accuracy]:6.1%}"),
        TextColumn("{task.fields[speed]:.0f} steps/s"),
        TimeRemainingColumn(),
    )
    steps = epochs * (len(images) // BATCH)
    begin = time.perf_counter()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=steps, loss=0.0, accuracy=0.0, speed=0.0)
        for done, (batch_images, batch_labels) in enumerate(batches(images, labels, epochs), 1):
            _, loss, accuracy = session.run(
                [model.train_op, model.loss, model.accuracy],
                {model.images: batch_images, model.labels: batch_labels, model.dropout: 0.4},
            )
            speed = done / (time.perf_counter() - begin)
            progress.update(task, completed=done, loss=loss, accuracy=accuracy, speed=speed)


def report(predicted, labels, console):
    """Prints the share of each digit's images that were recognized; returns the share of all."""
    table = Table(title=f"{len(labels)} images the network has not seen")
    for title in ("digit", "images", "recognized", "accuracy"):
        table.add_column(title, justify="right")
    for digit in range(10):
        right = predicted[labels == digit] == digit
        table.add_row(str(digit), str(right.size), str(right.sum()), f"{right.mean():.1%}")
    right = predicted == labels
    table.add_section()
    table.add_row("all", str(right.size), str(right.sum()), f"{right.mean():.1%}")
    console.print(table)
    return right.mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train for 3 epochs and not 20")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder of the checkpoint")
    options = parser.parse_args()
    console = Console()

    images, labels = load_digits()
    tf.set_random_seed(SEED)
    model = DigitsModel()
    saver = tf.train.Saver()
    options.output.mkdir(parents=True, exist_ok=True)
    epochs = 3 if options.short else 20

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        train(session, model, images[TEST_IMAGES:], labels[TEST_IMAGES:], epochs, console)
        predicted = session.run(
            model.prediction, {model.images: images[:TEST_IMAGES], model.dropout: 0.0}
        )
        accuracy = report(predicted, labels[:TEST_IMAGES], console)
        path = saver.save(session, str(options.output / "digits"), global_step=model.global_step)
    console.print(f"Test accuracy {accuracy:.2%}; the weights are in {path}", soft_wrap=True)


if __name__ == "__main__":
    main()
