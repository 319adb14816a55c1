"""What is installed: the wheel, what is in it, and how it runs without a checkout around it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip makes of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that the wheel is unpacked to, as pip does."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, script: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = [str(installed), *(each for each in sys.path if each and Path(each) != ROOT)]
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_what_it_should(wheel: Path) -> None:
    """Types, examples with their media and the licence are in it; tests, caches and states are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "calsync/py.typed" in names
    examples = ROOT / "examples" / "calendars"
    wanted = {
        f"calsync/_examples/{path.relative_to(examples).as_posix()}"
        for path in examples.rglob("*")
        if path.is_file() and ".calsync" not in path.parts
    }
    assert {name for name in names if "_examples/" in name} == wanted
    assert {
        f"calsync/{path.relative_to(ROOT / 'calsync').as_posix()}"
        for path in (ROOT / "calsync").rglob("*.py")
    } <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} <= {
        "calsync",
        wheel.name.rsplit("-py3", 1)[0] + ".dist-info",
    }
    assert not any("__pycache__" in name or ".calsync/" in name for name in names)


def test_the_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Installed, far from any checkout, the demo finds its examples."""
    script = (
        f"import calsync.cli; assert calsync.__file__.startswith({str(installed)!r}), calsync.__file__\n"
        "raise SystemExit(calsync.cli.run(['demo']))"
    )
    done = run(installed, script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "13 posts: 10 scheduled, 2 published, 1 delivered" in done.stdout


@pytest.mark.parametrize("command", ["demo", "sandbox"])
def test_the_sandbox_is_an_extra(installed: Path, tmp_path: Path, command: str) -> None:
    """Without the extra, what needs it says so and exits 1; all other commands work."""
    script = (
        "import sys\n"
        "for name in ('starlette', 'uvicorn', 'python_multipart'): sys.modules[name] = None\n"
        "import calsync.cli\n"
        "assert calsync.cli.run(['schema']) == 0\n"
        f"raise SystemExit(calsync.cli.run([{command!r}]))"
    )
    done = run(installed, script, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error[sandbox]: ")
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_readme_installs_the_extra() -> None:
    """The extra that the README names is one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "'.[sandbox]'" in readme
    assert "sandbox" in project["optional-dependencies"]
