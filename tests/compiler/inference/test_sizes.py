"""At which sizes a graph runs: what is said of free axes, against running the graph at all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.compiler.compile import as_graph
from mirbricks.compiler.given_shapes import read_shape
from mirbricks.compiler.inference.sizes import Sizes, free_sizes, spans, sweep

ROOT = Path(__file__).parents[3]

Capture = pytest.CaptureFixture[str]
POOL = {"MaxPool1d": {"kernel_size": 2}}
UP = {"Upsample": {"scale_factor": 2}}


def conv(**config: object) -> dict[str, object]:
    return {"Conv1d": {"out_channels": 2, **config}}


CASES = [
    (["ReLU"], Sizes("T", 1), "any T"),
    ([conv(kernel_size=5)], Sizes("T", 5), "T ≥ 5"),
    ([conv(kernel_size=5, dilation=3, stride=4)], Sizes("T", 13), "T ≥ 13"),
    (
        [{"StoreAs": "E"}, POOL, UP, {"CatWith": "E"}],
        Sizes("T", 2, 2),
        "T a multiple of 2",
    ),
    (
        [
            {"StoreAs": "E"},
            POOL,
            {"StoreAs": "F"},
            POOL,
            POOL,
            UP,
            UP,
            {"CatWith": "F"},
            UP,
            {"CatWith": "E"},
        ],
        Sizes("T", 8, 8),
        "T a multiple of 8",
    ),
    (
        [conv(kernel_size=4), {"StoreAs": "E"}, POOL, UP, {"CatWith": "E"}],
        Sizes("T", 5, 2),
        "T ≥ 5 and T % 2 = 1",
    ),
    (
        [
            {"StoreAs": "E"},
            conv(kernel_size=3),
            {"CatWith": {"key": "E", "fit": "crop"}},
        ],
        Sizes("T", 3),
        "T ≥ 3",
    ),
]


@pytest.mark.parametrize(("layers", "expected", "words"), CASES)
def test_sizes_of_a_free_axis(
    layers: list[object], expected: Sizes, words: str
) -> None:
    text = {"input": "B C=2 T", "layers": layers}
    model = mb.compile_graph(text).eval()
    found = free_sizes(
        model.graph, model.graph.inputs, {"B": 2, "T": model.free_sizes["T"]}
    )
    assert found == (Sizes("B", 1), expected)
    assert str(found[1]) == words
    for size in range(1, 40):  # the same, by running the weights
        try:
            model(torch.randn(1, 2, size))
            runs = True
        except (RuntimeError, mb.MirbricksError):
            runs = False
        assert runs == (size in expected), size


def test_a_sweep_says_what_breaks_at_each_size() -> None:
    graph = as_graph(
        {"input": "B C=2 F=8 T", "layers": [{"MaxPool2d": {"kernel_size": [4, 1]}}]}
    )
    outcomes = sweep(
        graph, read_shape(graph, None), {"B": 2, "T": 64}, "F", range(2, 7)
    )
    assert [outcome.size for outcome in outcomes if outcome.error] == [2, 3]
    assert outcomes[0].error is not None
    assert outcomes[0].error.code == "E204"


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([4], "4"), ([4, 5], "4:5"), ([4, 6], "4, 6"), ([1, 2, 3, 7, 9], "1:3, 7, 9"),
        (range(8, 99, 8), "8:96 in steps of 8"),
        ([1, 3, 6, 8, 11, 13, 16, 18], "1, 3, 6, 8, … 18"),
    ],
)  # fmt: skip
def test_spans(sizes: list[int], words: str) -> None:
    assert spans(list(sizes)) == words


def test_check_tells_the_sizes_and_sweeps(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("graphs"))
    text = "input: B C=2 F=8 T\nlayers:\n  - Conv2d: {out_channels: 3, kernel_size: [3, 5]}\n"
    Path("g.yaml").write_text(text)
    assert main(["check", "g.yaml", "--sweep", "T=1:9", "--sweep", "F=3:9:3"]) == 1
    assert capsys.readouterr().out == (
        "g.yaml: fine: (B, 2, 8, T) -> (B, 3, 6, T-4), 93 parameters; T ≥ 5\n"
        "  T = 1:9: runs at 5:9\n"
        "    breaks at 1:4: g.yaml:3:5: Conv2d cannot run on this tensor     [E204]\n"
        "  F = 3:9 in steps of 3: runs at 3:9 in steps of 3\n"
    )


@pytest.mark.parametrize(
    "text", ["F", "F=3", "F=9:3", "F=0:3", "F=a:b", "F=1:99999", "F=1:9:0", "f=1:3"]
)
def test_a_sweep_of_another_form(text: str, capsys: Capture) -> None:
    assert main(["check", "nothing.yaml", "--sweep", text]) == 1
    assert capsys.readouterr().err == (
        f"--sweep: expected an axis and its sizes, at most 10,000, got '{text}'\n"
        "  help: write --sweep F=12:400, or --sweep F=12:400:4 for every fourth     [E207]\n"
    )


def test_a_sweep_of_an_axis_that_is_not_there(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("graphs"))
    Path("g.yaml").write_text("input: B C=2 T\nlayers:\n  - ReLU\n")
    assert main(["check", "g.yaml", "--sweep", "F=1:9"]) == 1
    assert capsys.readouterr().err == (
        "g.yaml:1:8: --sweep: no input has an axis 'F'\n"
        "    1 | input: B C=2 T\n"
        "      |        ^^^^^^^\n"
        "  help: there are: B, C, T     [E207]\n"
    )


def test_check_does_not_wait_for_the_compiler_of_torch() -> None:
    """And leaves nothing behind: afterwards torch.compile works as ever."""
    program = (
        "import sys, torch\n"
        "from mirbricks.compiler.compile import compile_graph\n"
        "from mirbricks.compiler.inference.without_dynamo import without_dynamo\n"
        "layers = ['BatchNorm1d', {'Conv1d': {'out_channels': 3, 'kernel_size': 3}}, 'ReLU']\n"
        "with without_dynamo():\n"
        "    model = compile_graph({'input': 'B C=2 T', 'layers': layers}).eval()\n"
        "assert 'torch._dynamo' not in sys.modules and '_dynamo' not in vars(torch)\n"
        "x = torch.randn(1, 2, 9)\n"
        "assert torch.equal(torch.compile(model, backend='eager', fullgraph=True)(x), model(x))\n"
        "from torch._refs.nn.functional import relu\n"
        "import torch._dynamo\n"
        "assert torch._dynamo.disable.__module__.startswith('torch.')\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


def test_who_asks_for_more_than_the_stand_in_has_gets_the_real_module() -> None:
    program = (
        "import torch\n"
        "from mirbricks.compiler.inference.without_dynamo import without_dynamo\n"
        "with without_dynamo():\n"
        "    torch.relu(torch.empty(2, device='meta'))\n"
        "    import torch._dynamo as dynamo\n"
        "    assert dynamo.explain.__module__ == 'torch._dynamo.eval_frame'\n"
        "import torch._dynamo\n"
        "assert torch._dynamo.__file__\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


@pytest.mark.parametrize("graph", ["mpe_bittner", "chord_crnn"])
def test_check_does_not_wait_for_sympy(graph: str) -> None:
    """And finds the same sizes as with torch's symbols; once this fails, without_symbols.py names too few functions."""
    program = (
        "import sys, torch\n"
        "from mirbricks.cli import main\n"
        f"assert main(['check', 'graphs/{graph}.yaml']) == 0\n"
        "late = {'sympy', 'joblib', 'rich', 'h5py', 'matplotlib', 'mir_eval', 'sklearn'}\n"
        "found = sorted(late & set(sys.modules))\n"
        "assert not found, found\n"
        "import sympy, torch.fx.experimental.symbolic_shapes as symbols\n"
        "assert sympy.Basic.__module__ == 'sympy.core.basic' and symbols.__file__\n"
        f"assert main(['check', 'graphs/{graph}.yaml']) == 0\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    first, second = run.stdout.splitlines()
    assert first == second


def test_stand_ins_for_symbols_leave_what_is_no_number_to_torch() -> None:
    program = (
        "import sys, torch\n"
        "from mirbricks.compiler.inference.without_symbols import without_symbols\n"
        "with without_symbols():\n"
        "    import sympy\n"
        "    from torch.fx.experimental.symbolic_shapes import guard_or_false, sym_eq, sym_or\n"
        "    assert guard_or_false(True) is True and sym_or(False, True) is True\n"
        "    assert sym_eq((2, 3), [2, 3]) and not sym_eq((2, 3), (2, 4))\n"
        "    assert 'torch.fx.experimental.symbolic_shapes' in sys.modules\n"
        "    stand_in = sympy\n"
        "    assert sympy.Symbol('x').name == 'x'\n"
        "    from torch.fx.experimental.symbolic_shapes import ShapeEnv\n"
        "assert stand_in.Basic.__module__ == 'sympy.core.basic'\n"
        "symbol = ShapeEnv().create_unbacked_symbool()\n"
        "assert guard_or_false(symbol) is False\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
