"""The command `penstock`: run a TensorFlow 1 program as it is, or look at the installation."""

from __future__ import annotations

import argparse
import builtins
import importlib.metadata
import platform
import sys
import types
from collections.abc import Sequence
from pathlib import Path

PACKAGES = ("penstock", "numpy", "scipy", "jax", "jaxlib", "tensorboard", "protobuf", "rich")
# Each extra, and the distributions one of which it takes.
EXTRAS = {"gpu": ("jax-cuda12-plugin", "jax-cuda13-plugin"), "ray": ("ray",)}
FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: what follows the command's name; by default, the process's own.

    Returns:
        The exit status.

    Example:
        >>> main(["run", "train.py", "--steps", "100"])
    """
    options = make_parser().parse_args(arguments)
    if options.command == "run":
        return run_script(options.script, options.arguments)
    return doctor()


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="penstock", description="TensorFlow 1's Graph and Session, without TensorFlow."
    )
    parser.add_argument("--version", action="version", version=version_of("penstock"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run a TensorFlow 1 script, to which `import tensorflow` gives penstock",
        description="Runs a TensorFlow 1 script unchanged: `import tensorflow` gives it penstock.",
    )
    run.add_argument("script", metavar="SCRIPT", help="the Python file")
    run.add_argument("arguments", metavar="ARG", nargs=argparse.REMAINDER, help="its arguments")
    commands.add_parser(
        "doctor",
        help="print versions, devices, the cache folder and the extras",
        description="Prints versions, devices, the cache folder and the extras.",
    )
    return parser


def run_script(script: str, arguments: Sequence[str]) -> int:
    """Runs a script as `python SCRIPT ARG...` would, except that `tensorflow` is penstock.

    Args:
        script: path of the file.
        arguments: the rest of its `sys.argv`.

    Returns:
        The exit status: 0 at the script's end, 1 after an exception. A SystemExit passes through.
    """
    from penstock.compat import tensorflow_alias

    try:
        source = Path(script).read_bytes()
    except OSError as error:
        print(f"penstock run: can't read {script}: {error.strerror}", file=sys.stderr)
        return 2
    tensorflow_alias.install()
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).resolve().parent)
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=script, __builtins__=builtins)
    # Not runpy, which takes the module away at the script's end, while its threads still use it.
    sys.modules["__main__"] = module
    try:
        exec(compile(source, script, "exec", dont_inherit=True), module.__dict__)
    except Exception as error:
        # What Python does at the top, less this function's frame.
        traceback = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        return FAILED
    return 0


def doctor() -> int:
    """Prints what this installation has.

    Returns:
        The exit status: 1 where something is wrong, which is said in red.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2))
    findings = [*versions(), *devices(), *cache(), *extras()]
    for name, finding, good in findings:
        table.add_row(f"[bold]{name}[/]", finding, style=None if good else "red")
    Console().print(table)
    return 0 if all(good for _, _, good in findings) else FAILED


Finding = tuple[str, str, bool]  # what was looked at, what was found, whether that is good


def version_of(package: str) -> str:
    """Returns the version of an installed distribution, or "not installed"."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def versions() -> list[Finding]:
    """Returns the versions of Python, penstock and all that it needs."""
    found = [(package, version_of(package)) for package in PACKAGES]
    python = f"{platform.python_version()} ({sys.executable})"
    return [
        ("python", python, True),
        *((name, version, version != "not installed") for name, version in found),
    ]


def devices() -> list[Finding]:
    """Returns the devices that compiled programs can run on."""
    from penstock.runtime import xla

    try:
        found = xla.load_jax().devices()
    except RuntimeError as error:  # a driver that does not answer, for one
        return [("devices", f"none: {error}", False)]
    names = ", ".join(f"{device.platform}:{device.id} ({device.device_kind})" for device in found)
    return [("devices", names, True)]


def cache() -> list[Finding]:
    """Returns the folder where compiled programs are kept, and how much lies there."""
    from penstock.runtime import xla

    used = xla.load_jax().config.jax_compilation_cache_dir
    if used is None:
        danger = "is not used: others own it or can write to it (chmod 700 mends the latter)"
        return [("cache", f"{xla.cache_folder()} {danger}", False)]
    size = sum(file.stat().st_size for file in Path(used).rglob("*") if file.is_file())
    return [("cache", f"{used} ({size / 2**20:.1f} MiB)", True)]


def extras() -> list[Finding]:
    """Returns which of the optional parts are installed."""
    return [(f"extra {extra}", extra_state(extra), True) for extra in EXTRAS]


def extra_state(extra: str) -> str:
    """Returns the distribution and version that provide an extra, or how to get it."""
    for package in EXTRAS[extra]:
        if (version := version_of(package)) != "not installed":
            return f"{package} {version}"
    return f'not installed; in a clone, pip install -e ".\\[{extra}]" adds it'


if __name__ == "__main__":
    sys.exit(main())
