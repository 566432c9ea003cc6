"""The command line, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock import cli

ROOT = Path(__file__).parents[1]


def penstock(
    *arguments: str, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environ},
        timeout=120,
    )


def script(folder: Path, text: str) -> str:
    path = folder / "program.py"
    path.write_text(text)
    return str(path)


def test_a_script_sees_what_it_would_see_under_python(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("name = 'beside the script'")
    path = script(
        tmp_path,
        "import sys, neighbour\nimport __main__\n"
        "print(sys.argv, __name__, __file__, neighbour.name, __main__.__dict__ is globals())",
    )
    done = penstock("run", path, "--steps", "3", "-h", cwd=tmp_path)
    assert done.stderr == ""
    arguments = [path, "--steps", "3", "-h"]
    assert done.stdout == f"{arguments} __main__ {path} beside the script True\n"
    assert done.returncode == 0


def test_tensorflow_is_penstock_in_a_script(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        "import tensorflow as tf, tensorflow.compat.v1 as tf1, penstock\n"
        "assert tf.placeholder is tf1.placeholder is penstock.placeholder\n"
        "print(tf.placeholder(tf.float32, name='x').name)",
    )
    done = penstock("run", path)
    assert (done.stdout, done.returncode) == ("x:0\n", 0), done.stderr


@pytest.mark.parametrize(
    ("text", "status"), [("raise SystemExit(7)", 7), ("import sys\nsys.exit('no')", 1), ("", 0)]
)
def test_the_exit_status_is_the_scripts(tmp_path: Path, text: str, status: int) -> None:
    assert penstock("run", script(tmp_path, text)).returncode == status


def test_an_exception_is_shown_from_the_scripts_first_frame_on(tmp_path: Path) -> None:
    path = script(tmp_path, "def f():\n    raise ValueError('told')\n\nf()\n")
    done = penstock("run", path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[1] == f'  File "{path}", line 4, in <module>'
    assert lines[-1] == "ValueError: told"
    assert "cli.py" not in done.stderr


def test_a_scripts_annotations_are_its_own_matter(tmp_path: Path) -> None:
    path = script(tmp_path, "def f(x: 1 + 1): pass\nprint(f.__annotations__)")
    assert penstock("run", path).stdout == "{'x': 2}\n"


def test_threads_outlive_the_scripts_end(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        "import threading, time\nword = 'still here'\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), print(word))).start()",
    )
    assert penstock("run", path).stdout == "still here\n"


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    done = penstock("run", str(tmp_path / "absent.py"))
    assert done.returncode == 2
    assert "absent.py: No such file or directory" in done.stderr


def test_a_missing_name_is_told_in_full(tmp_path: Path) -> None:
    path = script(tmp_path, "import tensorflow as tf\ntf.contrib.no_such_name")
    done = penstock("run", path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "AttributeError: penstock has no tf.contrib.no_such_name: "
        "docs/coverage.md lists the names that it covers"
    )


def test_doctor_names_what_there_is(tmp_path: Path) -> None:
    done = penstock("doctor", XDG_CACHE_HOME=str(tmp_path))
    found = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert {"python", "penstock", "numpy", "jax", "jaxlib", "tensorboard", "protobuf"} <= set(found)
    assert found["devices"].startswith(("cpu:0", "gpu:0", "cuda:0", "tpu:0"))
    assert str(tmp_path / "penstock" / "xla") in found["cache"]
    assert "extra gpu" in done.stdout
    assert "extra ray" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(("mode", "status"), [(0o700, 0), (0o777, 1)])
def test_a_cache_open_to_others_is_found(
    tmp_path: Path, mode: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    folder = tmp_path / "penstock" / "xla"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    done = penstock("doctor", XDG_CACHE_HOME=str(tmp_path))
    assert ("chmod 700" in done.stdout) is bool(status)
    assert str(folder) in done.stdout


def test_a_missing_package_fails_the_doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "PACKAGES", ("numpy", "no-such-package"))
    assert cli.doctor() == 1
    assert "not installed" in capsys.readouterr().out
