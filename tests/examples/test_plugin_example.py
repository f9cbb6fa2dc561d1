"""Blocks of other packages: the example package, installed as users install it, and packages that are broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from mirbricks.cli import main

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plugin"
CLI = [
    sys.executable,
    "-c",
    "import sys; from mirbricks.cli import main; sys.exit(main())",
]


def run(*words: str, packages: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command that sees the packages in the folder `packages` as installed."""
    python_path = os.pathsep.join(
        filter(None, [str(packages), os.environ.get("PYTHONPATH", "")])
    )
    env = {**os.environ, "PYTHONPATH": python_path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        words, cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the example, without any network."""
    pytest.importorskip(
        "setuptools", minversion="70.1", reason="setuptools builds the example"
    )
    pytest.importorskip("pip", reason="pip installs the example")
    folder = tmp_path_factory.mktemp("example")
    source, target = folder / "source", folder / "installed"
    shutil.copytree(
        EXAMPLE,
        source,
        ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".*"),
    )
    options = [
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
    ]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        *options,
        "--target",
        str(target),
        str(source),
    ]
    done = subprocess.run(pip, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def test_the_installed_example_is_listed_and_its_graph_is_fine(installed: Path) -> None:
    listed = run(*CLI, "blocks", packages=installed, cwd=installed)
    assert listed.stderr == ""
    assert re.search(
        r"^harmonic stacking\n  HarmonicStacking +Copies of a log-frequency",
        listed.stdout,
        flags=re.M,
    )
    graph = EXAMPLE / "graphs" / "stacked_pitch.yaml"
    checked = run(*CLI, "check", str(graph), packages=installed, cwd=installed)
    assert (
        checked.stdout
        == f"{graph}: fine: (B, 1, 264, T) -> (B, 1, 264, T), 18,449 parameters; any T\n"
    )
    assert (checked.returncode, checked.stderr) == (0, "")


ENTRY_POINTS = re.findall(
    r'^\[project.entry-points."(mirbricks\.\w+)"\]\n(\w+) = "([\w.]+)"',
    (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"),
    flags=re.M,
)


@pytest.fixture(scope="module")
def as_if_installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip leaves it: the package, and its entry points beside it."""
    folder = tmp_path_factory.mktemp("as_if_installed")
    shutil.copytree(
        EXAMPLE / "mylab_blocks",
        folder / "mylab_blocks",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    info = folder / "mylab_blocks-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: mylab-blocks\nVersion: 0.1.0\n"
    )
    groups = [f"[{group}]\n{name} = {module}\n" for group, name, module in ENTRY_POINTS]
    (info / "entry_points.txt").write_text("\n".join(groups))
    return folder


def test_it_brings_a_block_a_feature_and_an_augmentation() -> None:
    assert [group for group, _, _ in ENTRY_POINTS] == [
        "mirbricks.blocks",
        "mirbricks.features",
        "mirbricks.augmentations",
    ]


def test_graphs_use_all_of_it_once_it_is_installed(as_if_installed: Path) -> None:
    graphs = sorted(map(str, (EXAMPLE / "graphs").glob("*.yaml")))
    assert len(graphs) == 3
    done = run(*CLI, "check", *graphs, packages=as_if_installed, cwd=as_if_installed)
    assert done.stderr == ""
    assert done.stdout.count(": fine: ") == 3
    done = run(
        *CLI, "explain", "spectral_flux", packages=as_if_installed, cwd=as_if_installed
    )
    assert done.stdout.startswith("spectral_flux (a feature, ")


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ("flux_tagging", "there is no feature 'spectral_flux'"),
        ("hummed_tagging", "there is no augmentation 'MainsHum'"),
    ],
)
def test_without_it_feature_and_augmentation_are_refused(
    graph: str, message: str, tmp_path: Path
) -> None:
    path = str(EXAMPLE / "graphs" / f"{graph}.yaml")
    refused = run(*CLI, "check", path, packages=tmp_path, cwd=tmp_path)
    assert refused.returncode == 1
    assert message in refused.stderr


@pytest.mark.slow
def test_the_examples_own_tests_pass(installed: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        str(EXAMPLE / "tests"),
    ]
    done = run(*words, packages=installed, cwd=installed)
    assert "9 passed" in done.stdout, done.stdout + done.stderr


def test_without_it_the_graph_is_refused_and_plugin_brings_the_block(
    tmp_path: Path,
) -> None:
    graph = str(EXAMPLE / "graphs" / "stacked_pitch.yaml")
    refused = run(*CLI, "check", graph, packages=tmp_path, cwd=EXAMPLE)
    assert refused.returncode == 1
    assert "there is no block 'HarmonicStacking'" in refused.stderr
    fine = run(
        *CLI,
        "check",
        graph,
        "--plugin",
        "mylab_blocks.harmonic_stacking",
        packages=tmp_path,
        cwd=EXAMPLE,
    )
    assert (fine.returncode, fine.stderr) == (0, "")


BLOCK = """
from mirbricks import Block, register

@register("{name}", shape="B ... -> B ...", source="here", examples=[((1, 2), {{}})])
class {name}(Block):
    '''Nothing.'''
"""
MODULES = {
    "toy_raises": "1 / 0\n",
    "toy_exits": "import sys\nsys.exit('bye\\nnow')\n",
    "toy_taken": BLOCK.format(name="Conv2d"),
    "toy_fine": BLOCK.format(name="ToyOfTest"),
}


def install_modules(folder: Path) -> None:
    """Each module as an installed package with an entry point."""
    for name, text in {**MODULES, "toy_absent": None}.items():
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[mirbricks.blocks]\n{name} = {name}\n")
        if text is not None:
            (folder / f"{name}.py").write_text(text)


def test_a_broken_plugin_is_named_in_one_line_and_does_not_stop_the_rest(
    tmp_path: Path,
) -> None:
    install_modules(tmp_path)
    done = run(*CLI, "blocks", packages=tmp_path, cwd=tmp_path)
    assert done.returncode == 0
    assert "\n  ToyOfTest" in done.stdout
    assert re.search(r"\n  Conv2d +Convolution over frequency and time\.", done.stdout)
    assert done.stderr.splitlines() == [
        "warning: plugin 'toy_absent' cannot be imported: ModuleNotFoundError: No module named 'toy_absent'; "
        "help: there is no module 'toy_absent'; is it installed, or beside the graph? [E306]",
        "warning: plugin 'toy_exits' cannot be imported: SystemExit: bye; now; help: correct or uninstall it [E306]",
        "warning: plugin 'toy_raises' cannot be imported: ZeroDivisionError: division by zero; "
        "help: correct or uninstall it [E306]",
        "warning: the name 'Conv2d' is taken by another block; registered "
        "mirbricks.blocks.convolution.convolution.Conv2d; refused toy_taken.Conv2d; "
        "help: register it under another name [E301]",
    ]


def test_a_plugin_that_takes_a_name_of_ours_is_blamed_itself(tmp_path: Path) -> None:
    """It is imported before any block of ours, and still the newcomer: the library did nothing wrong."""
    (tmp_path / "toy_taken.py").write_text(MODULES["toy_taken"])
    (tmp_path / "g.yaml").write_text(
        "input: B C=1 F T\nlayers:\n  - Conv2d: {out_channels: 2, kernel_size: 3}\n"
    )
    words = [*CLI, "--plugin", "toy_taken", "check", "g.yaml"]
    done = run(*words, packages=tmp_path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "the name 'Conv2d' is taken by another block\n"
        "  registered  mirbricks.blocks.convolution.convolution.Conv2d\n"
        "  refused     toy_taken.Conv2d\n"
        "  help: register it under another name     [E301]\n"
    )


def test_explain_knows_the_codes_of_a_package_and_of_every_room(tmp_path: Path) -> None:
    (tmp_path / "toy_codes.py").write_text(
        "from mirbricks.errors import register_codes\n"
        "register_codes(__name__, {'TOY7': 'A toy has wheels.'})\n"
    )
    words = [*CLI, "explain", "toy7", "--plugin", "toy_codes"]
    done = run(*words, packages=tmp_path, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("TOY7: A toy has wheels.\n", "")
    for code, word in (("E461", "data kinds"), ("E504", "MIDI"), ("e620", "NaN")):
        done = run(*CLI, "explain", code, packages=tmp_path, cwd=tmp_path)
        assert done.stdout.startswith(f"{code.upper()}: ")
        assert word in done.stdout


def test_warnings_of_others_and_outside_the_command_stay_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = warnings.formatwarning
    assert main(["explain", "ReLU"]) == 0
    assert warnings.formatwarning is before
    from mirbricks.cli import _warning

    assert _warning(
        UserWarning("two\nlines"), UserWarning, "/elsewhere.py", 3, ""
    ) == before(UserWarning("two\nlines"), UserWarning, "/elsewhere.py", 3, "")
    capsys.readouterr()
