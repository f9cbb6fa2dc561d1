"""A wheel and an sdist build; what is installed of them, in an empty environment, works from anywhere."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import mirbricks
from mirbricks.version import __version__

ROOT = Path(mirbricks.__file__).parent
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"graphs"}
ROOMS -= {"tests", "bench", "docs", "examples"}
NEEDED = {".yaml", ".safetensors", ".css", ".js", ".md"}
BUILD = "import sys, setuptools.build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"


def built(what: str, source: Path, out: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, f"build_{what}", str(out)],
        cwd=source,
        capture_output=True,
        text=True,
        check=True,
    )
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist of a copy of the checkout, and the wheel that is built of this sdist alone."""
    folder = tmp_path_factory.mktemp("dist")
    copy = folder / "checkout"
    leave = shutil.ignore_patterns(
        ".*", "out", "runs_", "build", "*.egg-info", "node_modules", "__pycache__"
    )
    shutil.copytree(ROOT, copy, ignore=leave)
    sdist = built("sdist", copy, folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    return {"sdist": sdist, "wheel": built("wheel", source, folder)}


@pytest.fixture(scope="module")
def bin_folder(
    archives: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The programs of an environment that has the wheel and, of this one, the packages that it needs."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=False)
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = site / "site-packages"
    python = folder / "bin" / "python"
    # No internet is needed: the dependencies are those that are here. A line of a .pth file adds their folder, and not
    # what its own .pth files would add, such as a checkout of mirbricks.
    (site / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    command += ["--quiet", "--no-deps", "--no-index", "--force-reinstall"]
    subprocess.run([*command, str(archives["wheel"])], check=True, env=bare(folder))
    return folder / "bin"


def bare(folder: Path) -> dict[str, str]:
    """An environment that knows nothing of the checkout."""
    keep = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    more = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return {**keep, **more, "MIRBRICKS_CACHE": str(folder / "cache")}


def said(bin_folder: Path, cwd: Path, *words: str) -> str:
    done = subprocess.run(
        [str(bin_folder / words[0]), *words[1:]],
        cwd=cwd,
        env=bare(bin_folder.parent),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_has_every_file_that_the_package_reads(
    archives: dict[str, Path],
) -> None:
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        inside = {name.removeprefix("mirbricks/") for name in wheel.namelist()}
    wanted = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in {*NEEDED, ".py"} and "client" not in path.parts
    }
    assert wanted - inside == set()
    assert len(wanted) > 500
    # And nothing of what is beside the package.
    others = {"tests", "bench", "docs", "examples"}
    assert not any(name.split("/")[0] in others for name in inside)


@pytest.mark.slow
def test_there_is_one_version(bin_folder: Path, archives: dict[str, Path]) -> None:
    assert f"-{__version__}-" in archives["wheel"].name
    assert archives["sdist"].name == f"mirbricks-{__version__}.tar.gz"
    assert said(bin_folder, bin_folder, "mirbricks", "--version").split() == [
        "mirbricks",
        __version__,
    ]
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["metadata"]["version"] == "attr: mirbricks.version.__version__"


LOADED = """
import mirbricks as mb
from pathlib import Path
assert Path(mb.__file__).is_relative_to(Path({site!r})), mb.__file__
for name in mb.list_graphs():
    mb.load_graph(name)
for model in mb.list_models():
    mb.load(model)
print("loaded")
"""


@pytest.mark.slow
def test_what_is_installed_runs_the_demo(bin_folder: Path, tmp_path: Path) -> None:
    code = LOADED.format(site=str(bin_folder.parent.resolve()))
    assert said(bin_folder, tmp_path, "python", "-c", code) == "loaded\n"

    words = ["data", "synth", "polyphony", "--out", "clips", "--n", "3"]
    said(bin_folder, tmp_path, "mirbricks", *words, "--seconds", "3", "--jobs", "1")
    words = ["demo", "--data", "clips", "--out", "demo", "--jobs", "1"]
    for setting in ("train.steps=2", "train.validate_every=2", "dataset.folds=3"):
        words += ["--set", setting]
    assert "demo/report.html" in said(bin_folder, tmp_path, "mirbricks", *words)
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "<style>" in page
    # Templates and the pages' own files are part of it, too.
    said(bin_folder, tmp_path, "mirbricks", "new-block", "Own", "--kind", "2d")
    check = ["check", "own.yaml", "--plugin", "own"]
    assert "fine" in said(bin_folder, tmp_path, "mirbricks", *check)
