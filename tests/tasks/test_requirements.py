"""Graphs that do not fit a task: told at their line, before any data is read."""

from __future__ import annotations

from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.errors import MirbricksError
from mirbricks.workflows.loading import load_experiment

HEAD = "{out_channels: 1, kernel_size: 1, name: head}"
SKIP = f"""\
  - StoreAs: all
  - MaxPool2d: {{kernel_size: [1, 8]}}
  - Upsample: {{scale_factor: [1, 8]}}
  - CatWith: all
  - Conv2d: {HEAD}
"""
SKIP_MESSAGE = """\
g.yaml:7:5: CatWith 'all': the stored tensor and this one differ in T
    7 |   - CatWith: all
      |     ^^^^^^^
  here    (B, 6, 360, {out})   after Upsample, line 6
  stored  (B, 6, 360, {given})   by StoreAs, line 4
  line 5  MaxPool2d -> (B, 6, 360, {pooled})
  line 6  Upsample -> (B, 6, 360, {out})
  task    gives the graph {given} frames: task.{name}_frames
  help: write `size_of: all` in place of scale_factor, in the Upsample on line 6; \
or choose another task.{name}_frames     [E203]"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(
    layers: str,
    head: str = "input: B C=6 F=360 T\nname: g",
    task: str = "",
    feature: str = "",
) -> str:
    sections = f"feature: {{type: hcqt{feature}}}\ntask: {{type: multi_pitch{task}}}\n"
    Path("g.yaml").write_text(f"{head}\nlayers:\n{layers}{sections}")
    return "g.yaml"


def refused(path: str) -> str:
    with pytest.raises(MirbricksError) as caught:
        load_experiment(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "last", ["Sigmoid", "Softmax: {dim: 2}", "LogSoftmax: {dim: 2}"]
)
def test_a_graph_that_ends_in_probabilities(last: str) -> None:
    name = last.partition(":")[0]
    assert refused(write(f"  - Conv2d: {HEAD}\n  - {last}\n")) == (
        f"g.yaml:5:5: the graph ends in {name}, but multi_pitch reads logits: it makes probabilities of them itself\n"
        f"    5 |   - {last}\n      |     {'^' * len(name)}\n  help: remove this layer     [E502]"
    )


def test_probabilities_inside_a_graph_are_its_own_matter() -> None:
    inside = load_experiment(write(f"  - Sigmoid\n  - Conv2d: {HEAD}\n"))
    assert [node.block for node in inside.model.nodes] == ["Sigmoid", "Conv2d"]
    gated = f"  - Conv2d: {HEAD}\n  - StoreAs: logits\n  - Sigmoid\n"
    joined = load_experiment(write(f"{gated}  - MulWith: logits\n"))
    assert joined.model.output_shape == ("B", 1, 360, "T")
    # Without the join the same layers are refused.
    plain = f"  - Conv2d: {HEAD}\n  - Sigmoid\n"
    assert "the graph ends in Sigmoid" in refused(write(plain))


def test_every_layer_that_makes_probabilities_or_bounds_logits_by_name() -> None:
    for name in ("Sigmoid", "Tanh"):
        layer = f"  - Activation: {{function: {name}}}\n"
        assert f"the graph ends in {name}" in refused(
            write(f"  - Conv2d: {HEAD}\n{layer}")
        )


def test_several_inputs() -> None:
    path = write(f"  - Conv2d: {HEAD}\n", "input: {x: B C=6 F=360 T, t: B D=3}")
    assert refused(path) == (
        "g.yaml:1:8: the graph has 2 inputs, 'x', 't'; multi_pitch gives it one\n"
        "    1 | input: {x: B C=6 F=360 T, t: B D=3}\n"
        "      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  help: keep one of them in `input:`     [E501]"
    )


def test_outputs_with_names() -> None:
    path = write(f"  - Conv2d: {HEAD}\n", "input: B C=6 F=360 T\noutputs: [head]")
    assert refused(path) == (
        "g.yaml:2:1: the graph gives its outputs by name, 'head'; multi_pitch reads one tensor\n"
        "    2 | outputs: [head]\n      | ^^^^^^^\n"
        "  help: leave `outputs:` out: the last layer's tensor is read     [E502]"
    )


def test_no_weights() -> None:
    assert refused(
        write("  - Dropout\n", "input: B C=1 F=360 T", feature=", harmonics: [1]")
    ) == (
        "g.yaml:2:1: the graph has no weights to train\n    2 | layers:\n      | ^^^^^^\n"
        "  help: add a layer with weights, such as Conv2d or Linear     [E621]"
    )


def test_frames_at_which_the_graph_does_not_run() -> None:
    told = SKIP_MESSAGE.format(given=100, pooled=12, out=96, name="patch")
    assert refused(write(SKIP, task=", patch_frames: 100")) == told
    told = SKIP_MESSAGE.format(given=500, pooled=62, out=496, name="predict")
    assert refused(write(SKIP, task=", predict_frames: 500")) == told
    fits = load_experiment(write(SKIP, task=", patch_frames: 104, predict_frames: 504"))
    assert fits.task.given_shapes(fits.task.input_shape) == {
        "task.patch_frames": (None, 6, 360, 104),
        "task.predict_frames": (None, 6, 360, 504),
    }


def test_a_graph_that_fixes_its_frames_never_sees_others() -> None:
    fixed = load_experiment(
        write(SKIP, "input: B C=6 F=360 T=96\nname: g", task=", predict_frames: 500")
    )
    assert fixed.task.given_shapes(fixed.task.input_shape) == {
        "task.patch_frames": (None, 6, 360, 96)
    }


def test_the_published_graphs_fit() -> None:
    paths = sorted((Path(mb.__file__).parent / "graphs").glob("mpe_*.yaml"))
    assert len(paths) >= 6
    for path in paths:
        assert load_experiment(path).task.name == "multi_pitch", path.name


def test_checking_leaves_the_weights_as_they_are_drawn() -> None:
    """The same seed, the same weights, whatever is checked."""
    one = load_experiment(write(SKIP)).model.state_dict()
    other = load_experiment(
        write(SKIP, task=", predict_frames: 800")
    ).model.state_dict()
    assert all(value.equal(other[name]) for name, value in one.items())
