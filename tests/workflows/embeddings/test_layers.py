"""A layer of a model as an embedding: what the node gives while the model predicts, as it was computed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

import mirbricks as mb
from mirbricks.errors import MirbricksError
from mirbricks.workflows.embeddings.interface import Classifier
from mirbricks.workflows.embeddings.layers import (
    LayerEmbedding,
    Layout,
    _rows,
    layout_of,
    node_names,
)
from mirbricks.workflows.embeddings.naming import embedding_of

RNG = np.random.default_rng(0)
SR_HZ = 22050
WAVE = (0.1 * RNG.standard_normal(2 * SR_HZ)).astype(np.float32)


def test_statistics_need_no_model_and_any_rate() -> None:
    low = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    high = np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    for name, size in (("mel", 128), ("chroma", 24)):
        embedding = embedding_of(name)
        assert embedding(low, 8000).shape == (size,)
        assert embedding.name == name
    # The same tone at two rates is the same harmony.
    chroma = embedding_of("chroma")
    np.testing.assert_allclose(chroma(low, 8000), chroma(high, 48000), atol=0.02)


@pytest.fixture(scope="module")
def tagging() -> mb.Model:
    return mb.load("zoo:tagging_esc10")


def test_a_layer_is_what_the_model_computes_when_it_predicts(tagging: mb.Model) -> None:
    """Against the outputs of the node, kept while `Model.predict` runs: mean and deviation over frames and bins."""
    node = "conv2d_8"
    kept: list[torch.Tensor] = []
    layer = tagging.module.get_submodule(node)
    handle = layer.register_forward_hook(lambda *given: kept.append(given[2]))
    tagging.predict(WAVE, sr_hz=SR_HZ)
    handle.remove()
    tensor = torch.cat(kept).double()  # patches (P, C, F, T)
    rows = tensor.permute(1, 0, 2, 3).flatten(1)
    expected = torch.cat([rows.mean(dim=1), rows.std(dim=1, correction=0)])

    found = embedding_of(f"zoo:tagging_esc10@{node}")(WAVE, SR_HZ)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)
    # The hook is gone: predicting twice gives the same, and leaves nothing behind.
    assert not layer._forward_hooks


def test_without_a_node_it_is_what_the_head_reads(tagging: mb.Model) -> None:
    """A tagger's head is linear: its weights times the embedding, averaged over patches, are its mean logits."""
    embedding = embedding_of("zoo:tagging_esc10")
    found = embedding(WAVE, SR_HZ)
    kept: list[torch.Tensor] = []
    head = tagging.module.get_submodule("tags")
    handle = head.register_forward_hook(lambda *given: kept.append(given[2]))
    tagging.predict(WAVE, sr_hz=SR_HZ)
    handle.remove()
    logits = torch.cat(kept).mean(dim=0).double().detach().numpy()
    weight = head.state_dict()
    (matrix,) = (value for name, value in weight.items() if name.endswith("weight"))
    (bias,) = (value for name, value in weight.items() if name.endswith("bias"))
    assert found.shape == (matrix.shape[1],)
    np.testing.assert_allclose(
        matrix.double().numpy() @ found + bias.double().numpy(), logits, atol=1e-4
    )


def test_a_classifier_gives_the_probabilities_that_it_predicts(
    tagging: mb.Model,
) -> None:
    embedding = embedding_of("zoo:tagging_esc10")
    assert isinstance(embedding, Classifier)
    vector, shares = embedding.classified(WAVE, SR_HZ)
    np.testing.assert_allclose(
        shares, tagging.predict(WAVE, sr_hz=SR_HZ).probabilities, rtol=1e-9
    )
    np.testing.assert_allclose(vector, embedding(WAVE, SR_HZ), rtol=1e-9)
    assert len(embedding.labels) == len(shares)
    assert not isinstance(embedding_of("zoo:mpe_bach10"), Classifier)


def test_a_task_with_an_embedding_of_its_own_gives_that() -> None:
    model = mb.load("zoo:ssl_esc10")
    found = embedding_of("zoo:ssl_esc10")(WAVE, SR_HZ)
    np.testing.assert_allclose(
        found, model.predict(WAVE, sr_hz=SR_HZ).embedding, rtol=1e-6
    )


CHANNELS_FIRST = """\
input: B C=4 F=12 T
layers:
  - Conv2d: {name: conv, out_channels: 6, kernel_size: 3, padding: same}
  - ReLU
  - Flatten: {name: flat, start_dim: 1, end_dim: 2}
  - Conv1d: {name: conv1, out_channels: 5, kernel_size: 1}
  - Rearrange: {name: turned, pattern: "b c t -> b t c"}
  - Linear: {name: dense, out_features: 7}
  - Tanh: {name: tanh}
  - Rearrange: {name: back, pattern: "b t c -> b c t"}
  - Mean: {name: mean, dim: -1}
"""


@pytest.mark.parametrize("frames", ["T", "T=9"])
@pytest.mark.parametrize(
    ("node", "of_input", "features", "pooled"),
    [
        ("conv", False, 1, True),
        ("relu_1", False, 1, True),
        ("conv1", False, 1, True),
        ("dense", False, 2, True),
        ("dense", True, 2, True),
        ("tanh", False, 2, True),
        ("mean", False, 1, False),
    ],
)
def test_features_are_kept_and_time_and_frequency_are_pooled(
    frames: str, node: str, of_input: bool, features: int, pooled: bool
) -> None:
    """With free frames and with a number of them, when no size tells time from features."""
    text = CHANNELS_FIRST.replace("F=12 T", f"F=12 {frames}")
    model = mb.compile_graph(YAML(typ="safe").load(text))
    place = [info.name for info in model.nodes].index(node)
    found = layout_of(model, place, of_input=of_input)
    assert (found.features, found.pooled) == (features, pooled)


def test_a_value_per_frame_is_one_feature() -> None:
    rows = _rows(torch.arange(6.0).reshape(2, 3), Layout(2, 1, pooled=True))
    np.testing.assert_array_equal(rows, np.arange(6.0)[:, None])
    rows = _rows(torch.arange(2.0), Layout(1, 1, pooled=False))
    np.testing.assert_array_equal(rows, np.arange(2.0)[:, None])
    rows = _rows(torch.arange(12.0).reshape(2, 2, 3), Layout(3, 2, pooled=True))
    np.testing.assert_array_equal(rows, np.arange(12.0).reshape(4, 3))
    rows = _rows(torch.arange(12.0).reshape(2, 2, 3), Layout(3, 1, pooled=True))
    np.testing.assert_array_equal(rows[:3], [[0, 3], [1, 4], [2, 5]])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "mell",
            "there is no embedding 'mell'\n"
            "  embeddings  mel, chroma, clap, vggish, pann, zoo:NAME[@NODE], RUN[@NODE]\n"
            "  help: did you mean 'mel'?     [E660]",
        ),
        (
            "tagging_esc10",
            "there is no embedding 'tagging_esc10'\n"
            "  embeddings  mel, chroma, clap, vggish, pann, zoo:NAME[@NODE], RUN[@NODE]\n"
            "  help: did you mean 'zoo:tagging_esc10'?     [E660]",
        ),
    ],
)
def test_an_unknown_name_has_the_nearest_one(name: str, message: str) -> None:
    with pytest.raises(MirbricksError) as caught:
        embedding_of(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("node", "said", "help"),
    [
        ("conv2d_99", "has no node 'conv2d_99'", "did you mean"),
        ("zzz", "has no node 'zzz'", "choose one of these nodes"),
        ("", "needs the name of a node after '@'", "choose one of these nodes"),
    ],
)
def test_an_unknown_node_lists_the_nodes(
    tagging: mb.Model, node: str, said: str, help: str
) -> None:
    name = f"zoo:tagging_esc10@{node}"
    with pytest.raises(MirbricksError, match="E661") as caught:
        embedding_of(name)
    text = str(caught.value)
    assert text.startswith(f"'{name}' {said}\n")
    assert f"help: {help}" in text
    assert all(known in text for known in node_names(tagging.module)[:36])


def test_a_folder_with_an_at_in_its_name_is_a_model(tmp_path: Path) -> None:
    source = mb.load("zoo:mpe_bach10").path
    folder = tmp_path / "runs@home"
    folder.mkdir()
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    found = embedding_of(str(folder))
    assert isinstance(found, LayerEmbedding)
    np.testing.assert_allclose(
        found(WAVE, SR_HZ), embedding_of("zoo:mpe_bach10")(WAVE, SR_HZ)
    )


def test_a_model_that_makes_sounds_is_refused_before_any_is_read(
    tagging: mb.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(tagging.task), "generates", True)
    with pytest.raises(MirbricksError, match="E662") as caught:
        embedding_of("zoo:tagging_esc10")
    assert "makes sounds" in str(caught.value)


def test_another_rate_is_resampled() -> None:
    """The rate of the sound does not matter: the model's own feature resamples it."""
    embedding = embedding_of("zoo:tagging_esc10")
    tone = np.sin(2 * np.pi * 300 * np.arange(2 * 48000) / 48000).astype(np.float32)
    low = np.sin(2 * np.pi * 300 * np.arange(2 * 16000) / 16000).astype(np.float32)
    one, other = embedding(tone, 48000), embedding(low, 16000)
    assert np.linalg.norm(one - other) < 0.1 * np.linalg.norm(one)
