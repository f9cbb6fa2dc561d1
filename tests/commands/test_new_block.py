"""`mirbricks new-block`: what it writes works at once; what it refuses, and in which words."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mirbricks.cli import main
from mirbricks.spelling import snake_case

ROOT = Path(__file__).resolve().parents[2]
CLI = [
    sys.executable,
    "-c",
    "import sys; from mirbricks.cli import main; sys.exit(main())",
]
Capture = pytest.CaptureFixture[str]


def run(*words: str, cwd: Path, path: Path | None = None) -> str:
    """Output of a command that must end well; `path` goes before all others on the path of modules."""
    python_path = os.pathsep.join(
        filter(None, [str(path or ""), os.environ.get("PYTHONPATH", "")])
    )
    env = {**os.environ, "PYTHONPATH": python_path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        words, cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ruff(*files: str, cwd: Path, options: tuple[str, ...] = ()) -> None:
    run(sys.executable, "-m", "ruff", "check", *options, *files, cwd=cwd)
    run(
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--check",
        *[o for o in options if o == "--isolated"],
        *files,
        cwd=cwd,
    )


def written(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GLUConv1d", "glu_conv1d"),
        ("MyBlock", "my_block"),
        ("LSTM", "lstm"),
        ("A", "a"),
        ("Conv2dRes", "conv2d_res"),
    ],
)
def test_the_file_is_the_name_in_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


def test_it_says_what_it_wrote_and_what_to_do_next(here: Path, capsys: Capture) -> None:
    assert main(["new-block", "ToyGate"]) == 0
    assert capsys.readouterr().out == (
        "wrote toy_gate.py\n"
        "wrote test_toy_gate.py\n"
        "wrote toy_gate.yaml\n"
        "\n"
        "next:\n"
        "  python -m pytest test_toy_gate.py\n"
        "  mirbricks check toy_gate.yaml --plugin toy_gate\n"
    )
    assert written(here) == ["test_toy_gate.py", "toy_gate.py", "toy_gate.yaml"]


@pytest.mark.usefixtures("here")
def test_without_its_plugin_the_graph_names_it(capsys: Capture) -> None:
    assert main(["new-block", "Softmaxes"]) == 0
    assert main(["check", "softmaxes.yaml"]) == 1
    # A block with a near name would be another model.
    hint = "help: if 'softmaxes.py' registers it, add `--plugin softmaxes`     [E110]"
    assert hint in capsys.readouterr().err


def test_in_a_package_the_module_has_its_dotted_name(
    here: Path, capsys: Capture
) -> None:
    folder = here / "my lab" / "toylab" / "blocks"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    assert main(["new-block", "ToyGate", "--dir", "my lab/toylab/blocks"]) == 0
    output = capsys.readouterr().out
    assert "wrote my lab/toylab/blocks/toy_gate.py\n" in output
    assert output.endswith(
        f"next:\n  cd '{here / 'my lab'}'\n"
        "  python -m pytest toylab/blocks/test_toy_gate.py\n"
        "  mirbricks check toylab/blocks/toy_gate.yaml --plugin toylab.blocks.toy_gate\n"
    )
    run(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-k",
        "definition",
        "toylab/blocks/test_toy_gate.py",
        cwd=here / "my lab",
    )


@pytest.mark.slow
def test_what_it_writes_passes_its_test_and_check_and_ruff(here: Path) -> None:
    names = {
        "1d": "ToyOverTime",
        "2d": "ToyOverFrequencyAndTime",
        "seq": "ToyOfEachFrame",
    }
    for kind, name in names.items():
        assert main(["new-block", name, "--kind", kind]) == 0
    assert "9 passed" in run(
        sys.executable, "-m", "pytest", "-q", "-W", "error", ".", cwd=here
    )
    modules = [snake_case(name) for name in names.values()]
    plugins = [word for module in modules for word in ("--plugin", module)]
    output = run(
        *CLI, "check", *(f"{module}.yaml" for module in modules), *plugins, cwd=here
    )
    assert output.splitlines() == [
        "toy_over_time.yaml: fine: (B, 4, T) -> (B, 8, T), 208 parameters; any T",
        "toy_over_frequency_and_time.yaml: fine: (B, 4, F, T) -> (B, 8, F, T), 592 parameters; any F; any T",
        "toy_of_each_frame.yaml: fine: (B, T, 4) -> (B, T, 8), 80 parameters; any T",
    ]
    ruff(
        ".",
        cwd=here,
        options=(
            "--isolated",
            "--select",
            "E,F,W,I,UP,B,PT,RUF",
            "--line-length",
            "88",
        ),
    )


CHECKOUT = [
    "setup.cfg",
    "registry.py",
    "graphs/a.yaml",
    "tests/blocks/test_a.py",
    "blocks/__init__.py",
    "blocks/convolution/__init__.py",
    "blocks/pooling/__init__.py",
    "blocks/sequence/__init__.py",
]


@pytest.fixture
def checkout(here: Path) -> Path:
    """What a checkout is known by."""
    for name in CHECKOUT:
        path = here / "mb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return here / "mb"


@pytest.mark.parametrize(
    ("options", "family"),
    [
        ([], "convolution"),
        (["--kind", "2d"], "convolution"),
        (["--kind", "seq"], "sequence"),
        (["--kind", "seq", "--family", "pooling"], "pooling"),
    ],
)
def test_in_a_checkout_the_family_is_a_folder(
    options: list[str], family: str, checkout: Path, capsys: Capture
) -> None:
    assert main(["new-block", "ToyGate", "--dir", "mb", *options]) == 0
    test = f"tests/blocks/{family}/test_toy_gate.py"
    assert capsys.readouterr().out == (
        f"wrote mb/blocks/{family}/toy_gate.py\n"
        f"wrote mb/{test}\n"
        "wrote mb/graphs/toy_gate.yaml\n"
        "\n"
        "next:\n"
        f"  cd {checkout}\n"
        f"  python -m pytest {test}\n"
        "  mirbricks check graphs/toy_gate.yaml\n"
        "  make pictures  # writes its row in docs/blocks.md, and docs/blocks/ToyGate.svg\n"
        "  make test\n"
    )


@pytest.mark.parametrize(
    ("folder", "family", "message"),
    [
        (
            "mb",
            "pools",
            "there is no family 'pools' of blocks\n  help: did you mean 'pooling'?     [E307]\n",
        ),
        (
            "mb",
            "mine",
            "there is no family 'mine' of blocks\n"
            "  help: the families are: convolution, pooling, sequence     [E307]\n",
        ),
        (
            "elsewhere",
            "pooling",
            "--family is for a checkout of mirbricks, and 'HERE/elsewhere' is not one\n"
            "  help: leave --family out     [E307]\n",
        ),
    ],
)
def test_a_family_that_there_is_not(
    folder: str, family: str, message: str, checkout: Path, capsys: Capture
) -> None:
    words = ["new-block", "ToyGate", "--dir", folder, "--family", family]
    before = written(checkout)
    assert main(words) == 1
    wanted = message.replace("HERE", str(checkout.parent))
    assert capsys.readouterr() == ("", wanted)
    assert written(checkout) == before


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout, whole but for what Git does not keep."""
    target = tmp_path_factory.mktemp("copy") / "mirbricks"
    folders = [path.parent for path in ROOT.glob("*/__init__.py")]
    folders += [ROOT / name for name in ("tests", "docs", "graphs", "examples")]
    for folder in sorted(set(folders)):
        unwanted = shutil.ignore_patterns("__pycache__", "*.part")
        shutil.copytree(folder, target / folder.name, ignore=unwanted)
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy(path, target / path.name)
    return target


@pytest.mark.slow
def test_the_next_steps_in_a_checkout_end_in_a_green_suite(
    copy: Path, capsys: Capture
) -> None:
    before = set(written(copy))
    assert main(["new-block", "ToyGate", "--kind", "2d", "--dir", str(copy)]) == 0
    steps = capsys.readouterr().out.partition("next:\n")[2].splitlines()
    enter, *commands = (step.partition("#")[0].split() for step in steps)
    assert enter == ["cd", str(copy)]
    for words in commands:
        _do(words, copy)
    made = set(written(copy)) - before
    caches = re.compile(r"(^|/)(__pycache__|\.[a-z_]+)/")
    assert {name for name in made if not caches.search(name)} == {
        "blocks/convolution/toy_gate.py",
        "tests/blocks/convolution/test_toy_gate.py",
        "graphs/toy_gate.yaml",
        "docs/blocks/ToyGate.svg",
    }
    page = (copy / "docs" / "blocks.md").read_text(encoding="utf-8")
    assert "test_toy_gate.py::test_by_its_definition" in page


def _do(words: list[str], copy: Path) -> None:
    """One of the commands, in the copy; of `make test` the parts that a new block concerns."""
    here = {"cwd": copy, "path": copy.parent}
    if words[:3] == ["python", "-m", "pytest"]:
        assert "3 passed" in run(sys.executable, *words[1:], **here)
    elif words[0] == "mirbricks":
        assert "fine" in run(*CLI, *words[1:], **here)
    elif words == ["make", "pictures"]:
        for script in _scripts("pictures"):
            run(sys.executable, script, **here)
    else:
        assert words == ["make", "test"]
        ruff("blocks", "graphs", "tests/blocks", cwd=copy)
        options = ["-q", "-p", "no:cacheprovider", "-k", "ToyGate or toy_gate or page"]
        tests = ["tests/docs/test_blocks_page.py", "tests/blocks", "tests/compiler"]
        whole = ["tests/test_layers.py", "tests/test_families.py"]
        run(sys.executable, "-m", "pytest", *options, *tests, **here)
        run(sys.executable, "-m", "pytest", *options[:-2], *whole, **here)


def _scripts(target: str) -> list[str]:
    """The Python scripts that `make` runs for a target, in their order."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition(f"\n{target}:")[2].partition("\n\n")[0]
    scripts = [line.split()[-1] for line in recipe.splitlines()[1:]]
    assert scripts
    return scripts


MESSAGES = {
    "gated-conv": "'gated-conv' is not a name of a class in CapWords\n  help: write GatedConv     [E307]\n",
    "gated": "'gated' is not a name of a class in CapWords\n  help: write Gated     [E307]\n",
    "../Gated": "'../Gated' is not a name of a class in CapWords\n  help: write Gated     [E307]\n",
    "2d": "'2d' is not a name of a class in CapWords\n  help: write a name such as GatedConv1d     [E307]\n",
    "é": "'é' is not a name of a class in CapWords\n  help: write a name such as GatedConv1d     [E307]\n",
    "Conv2d": "the name 'Conv2d' is taken by another block\n"
    "  registered  mirbricks.blocks.convolution.convolution.Conv2d\n"
    "  help: choose another name     [E301]\n",
    "CatWith": "'CatWith' is a word of the graph language\n  help: choose another name     [E307]\n",
    "Tensor": "'Tensor' is a word that the file of a block needs itself\n  help: choose another name     [E307]\n",
    "None": "'None' is a word that the file of a block needs itself\n  help: choose another name     [E307]\n",
    "Class": "the file class.py could not be imported: 'class' is a word of Python\n"
    "  help: choose a longer name: ClassBlock     [E307]\n",
    "Random": "the file random.py would hide the module 'random'\n"
    "  help: choose a longer name: RandomBlock     [E307]\n",
    "Torch": "the file torch.py would hide the module 'torch'\n  help: choose a longer name: TorchBlock     [E307]\n",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_bad_name_is_refused(name: str, here: Path, capsys: Capture) -> None:
    assert main(["new-block", name]) == 1
    assert capsys.readouterr() == ("", MESSAGES[name])
    assert written(here) == []


@pytest.mark.parametrize("name", ["toy_gate.py", "test_toy_gate.py", "toy_gate.yaml"])
def test_no_file_is_overwritten(name: str, here: Path, capsys: Capture) -> None:
    (here / name).write_text("mine\n")
    assert main(["new-block", "ToyGate"]) == 1
    assert capsys.readouterr() == (
        "",
        f"'{name}' already exists\n  help: choose another name, or delete it: nothing is overwritten     [E191]\n",
    )
    assert written(here) == [name]
    assert (here / name).read_text() == "mine\n"


def test_a_folder_that_is_a_file_is_told(here: Path, capsys: Capture) -> None:
    (here / "file").write_text("")
    assert main(["new-block", "ToyGate", "--dir", "file"]) == 1
    assert "[E408]" in capsys.readouterr().err


def test_an_unknown_kind_is_wrong_usage(here: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["new-block", "ToyGate", "--kind", "3d"])
    assert ended.value.code == 2
    assert "invalid choice: '3d'" in capsys.readouterr().err
    assert written(here) == []
