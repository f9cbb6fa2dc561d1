"""Published networks with local weights: against independent reckonings, and every way in which a file may be wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor
from torch.nn import functional

from mirbricks.errors import DataError
from mirbricks.workflows.embeddings.naming import embedding_of
from mirbricks.workflows.embeddings.pann import SOURCE as PANN_SOURCE
from mirbricks.workflows.embeddings.pann import Cnn14
from mirbricks.workflows.embeddings.vggish import VGGish, VGGishEmbedding

WAVE = (0.1 * np.random.default_rng(0).standard_normal(40000)).astype(np.float32)


def vggish_file(folder: Path) -> Path:
    """Random weights of narrow layers, in the form of the published file."""
    torch.manual_seed(0)
    path = folder / "vggish-10086976.pth"
    torch.save(VGGish([4, 5, 6, 7, 8, 9], [12, 11, 10]).state_dict(), path)
    return path


def pann_file(folder: Path) -> Path:
    torch.manual_seed(1)
    network = Cnn14([4, 5, 6, 7, 8, 9], 12)
    for name, tensor in network.state_dict().items():
        if "running_mean" in name:
            tensor.normal_()
        if name.endswith("melW"):
            tensor.uniform_()
    # The published file has more: kernels of its transform, the labels' layer, and the sampler of its training.
    content = {
        "iteration": 600000,
        "model": {**network.state_dict(), "fc_audioset.weight": torch.zeros(527, 12)},
        "sampler": {"indexes": np.arange(20), "pointer": 3},
    }
    path = folder / "Cnn14_mAP=0.431.pth"
    torch.save(content, path)
    return path


def by_loops(wave: np.ndarray) -> np.ndarray:
    """Log-mel of VGGish, a frame and a band at a time, from the definition."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    mel = [1127 * np.log(1 + hz / 700) for hz in (125, 7500)]
    edges = np.linspace(mel[0], mel[1], 66)
    frames = []
    for start in range(0, len(wave) - 399, 160):
        padded = np.zeros(512)
        padded[:400] = wave[start : start + 400] * window
        spectrum = np.abs(np.fft.fft(padded))
        bands = np.zeros(64)
        for k in range(1, 257):
            at = 1127 * np.log(1 + k * 16000 / 512 / 700)
            for band in range(64):
                low, peak, high = edges[band : band + 3]
                weight = min((at - low) / (peak - low), (high - at) / (high - peak))
                bands[band] += max(0.0, weight) * spectrum[k]
        frames.append(np.log(bands + 0.01))
    return np.array(frames)


def test_the_log_mel_of_vggish_is_that_of_the_definition(tmp_path: Path) -> None:
    vggish_file(tmp_path)
    embedding = VGGishEmbedding("vggish", str(tmp_path / "vggish-10086976.pth"))
    found = embedding.log_mel(torch.from_numpy(WAVE[:1600])).numpy()
    np.testing.assert_allclose(found, by_loops(WAVE[:1600]), atol=1e-5)


def vggish_by_hand(weights: dict[str, Tensor], patches: Tensor) -> Tensor:
    """The network channels last, as the library of the first weights has it."""
    x = patches[:, None]
    for place in (0, 3, 6, 8, 11, 13):
        x = functional.conv2d(
            x,
            weights[f"features.{place}.weight"],
            weights[f"features.{place}.bias"],
            padding=1,
        )
        x = x.clamp(min=0)
        if place not in (6, 11):
            n, c, t, f = x.shape
            x = x.reshape(n, c, t // 2, 2, f // 2, 2).amax(dim=(3, 5))
    rows = []
    for one in x:
        # time, then band, then channel
        rows.append(torch.stack([one[:, t, f] for t in range(6) for f in range(4)]))
    x = torch.stack(rows).flatten(1)
    x = (x @ weights["embeddings.0.weight"].T + weights["embeddings.0.bias"]).clamp(0)
    x = (x @ weights["embeddings.2.weight"].T + weights["embeddings.2.bias"]).clamp(0)
    return x @ weights["embeddings.4.weight"].T + weights["embeddings.4.bias"]


def test_vggish_is_the_mean_over_patches_of_the_network(tmp_path: Path) -> None:
    path = vggish_file(tmp_path)
    embedding = embedding_of(f"vggish:{path}")
    # The log-mel is that of the definition, as the test above has it.
    assert isinstance(embedding, VGGishEmbedding)
    log_mel = embedding.log_mel(torch.from_numpy(WAVE))
    patches = log_mel[: len(log_mel) // 96 * 96].reshape(-1, 96, 64)
    expected = vggish_by_hand(torch.load(path), patches).mean(dim=0)
    found = embedding(WAVE, 16000)
    assert not embedding.standardise
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-6)
    # A sound of a few samples is followed by silence.
    assert np.isfinite(embedding(WAVE[:10], 16000)).all()


def test_the_published_vggish_has_its_parameters() -> None:
    with torch.device("meta"):
        network = VGGish([64, 128, 256, 256, 512, 512], [4096, 4096, 128])
    # torchvggish: 72,141,184 parameters
    assert sum(p.numel() for p in network.parameters()) == 72_141_184


def pann_by_hand(weights: dict[str, Tensor], wave: Tensor) -> Tensor:
    """The network with its transform as a sum of sines, a frame at a time."""
    padded = functional.pad(wave[None, None], (512, 512), mode="reflect")[0, 0].double()
    window = 0.5 - 0.5 * torch.cos(2 * torch.pi * torch.arange(1024).double() / 1024)
    frames = padded.unfold(0, 1024, 320) * window
    angle = torch.outer(torch.arange(1024).double(), torch.arange(513).double())
    angle = angle * 2 * torch.pi / 1024
    power = (frames @ angle.cos()) ** 2 + (frames @ angle.sin()) ** 2
    mel = power @ weights["logmel_extractor.melW"].double()
    x = (10 * mel.clamp(min=1e-10).log10()).float()

    def normalised(x: Tensor, name: str, axes: tuple[int, ...]) -> Tensor:
        mean, var, gain, offset = (
            weights[f"{name}.{key}"].reshape(axes)
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * gain + offset

    x = normalised(x, "bn0", (1, 64))[None, None]
    for number in range(1, 7):
        for half in (1, 2):
            block = f"conv_block{number}"
            x = functional.conv2d(x, weights[f"{block}.conv{half}.weight"], padding=1)
            x = normalised(x, f"{block}.bn{half}", (1, -1, 1, 1)).clamp(min=0)
        if number < 6:
            n, c, t, f = x.shape
            x = x[:, :, : t // 2 * 2, : f // 2 * 2]
            x = x.reshape(n, c, t // 2, 2, f // 2, 2).mean(dim=(3, 5))
    x = x.mean(dim=3)
    x = x.max(dim=2).values + x.mean(dim=2)
    return (x @ weights["fc1.weight"].T + weights["fc1.bias"]).clamp(min=0)[0]


def test_pann_is_the_network_of_its_paper(tmp_path: Path) -> None:
    path = pann_file(tmp_path)
    embedding = embedding_of(f"pann:{path}")
    content = torch.load(path, weights_only=False)
    expected = pann_by_hand(content["model"], torch.from_numpy(WAVE))
    found = embedding(WAVE, 32000)
    assert found.shape == (12,)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)


def test_pann_weighs_pieces_of_ten_seconds_by_their_length(tmp_path: Path) -> None:
    embedding = embedding_of(f"pann:{pann_file(tmp_path)}")
    rng = np.random.default_rng(1)
    wave = (0.1 * rng.standard_normal(11 * 32000)).astype(np.float32)
    parts = [embedding(part, 32000) for part in (wave[:320000], wave[320000:])]
    expected = (10 * parts[0] + parts[1]) / 11
    np.testing.assert_allclose(embedding(wave, 32000), expected, rtol=1e-6)


def test_the_published_pann_has_its_parameters() -> None:
    with torch.device("meta"):
        network = Cnn14([64, 128, 256, 512, 1024, 2048], 2048)
    own = sum(p.numel() for p in network.parameters())
    # Table 1 of the paper, with the layer of the 527 labels.
    assert own + 2048 * 527 + 527 == 80_753_615


def test_weights_lie_in_the_folder_of_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRBRICKS_WEIGHTS", str(tmp_path))
    with pytest.raises(DataError) as caught:
        embedding_of("pann")
    assert str(caught.value) == (
        f"there are no weights of 'pann' at '{tmp_path / 'Cnn14_mAP=0.431.pth'}'\n"
        f"  fetch  {PANN_SOURCE}\n"
        "  help: put it there, or name where it lies: --embedding pann:PATH     [E663]"
    )
    pann_file(tmp_path)
    assert embedding_of("pann")(WAVE, 32000).shape == (12,)
    # The folder of the user's data, where nothing is said.
    monkeypatch.delenv("MIRBRICKS_WEIGHTS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with pytest.raises(DataError, match=r"data/mirbricks/weights/vggish-10086976\.pth"):
        embedding_of("vggish")


class Evil:
    """What must never be run: a pickle that calls a function."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


def wrong_files(folder: Path) -> dict[str, Path]:
    """Every kind of file that is not the weights."""
    good = torch.load(vggish_file(folder))
    tensors = folder / "half.safetensors"
    safetensors.torch.save_file({"features.0.weight": torch.zeros(4, 1, 3, 3)}, tensors)
    contents: dict[str, Any] = {
        "list": [1, 2],
        "shape": {**good, "features.3.weight": torch.zeros(5, 3, 3, 3)},
        "code": {"model": Evil()},
        "number": 3,
    }
    files = {"half": tensors}
    for name, content in contents.items():
        files[name] = folder / f"{name}.pth"
        torch.save(content, files[name])
    for name, raw in (("text", b"weights"), ("empty", b""), ("cut", b"PK\x03\x04..")):
        files[name] = folder / f"{name}.pth"
        files[name].write_bytes(raw)
    (folder / "broken.safetensors").write_bytes(b"12345678{")
    return {**files, "broken": folder / "broken.safetensors", "folder": folder}


def test_other_files_are_refused_and_nothing_in_them_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, path in wrong_files(tmp_path).items():
        with pytest.raises(DataError) as caught:
            embedding_of(f"vggish:{path}")
        assert caught.value.code == "E664", name
        assert str(path) in caught.value.message
    assert not capsys.readouterr().out


def transformers_stand_in(calls: list[Any]) -> ModuleType:
    """The part of the package transformers that CLAP needs, with its signatures."""

    class ClapFeatureExtractor:
        sampling_rate = 48000

        @classmethod
        def from_pretrained(cls, folder: str, *, local_files_only: bool) -> Any:
            calls.append(("extractor", folder, local_files_only))
            return cls()

        def __call__(
            self, raw_speech: Any, *, sampling_rate: int, return_tensors: str
        ) -> dict[str, Tensor]:
            assert return_tensors == "pt"
            assert sampling_rate == 48000
            assert len(raw_speech) <= 480000  # of more a part would be drawn at random
            calls.append(len(raw_speech))
            values = torch.tensor([[float(len(raw_speech)), 1.0, 0.0]])
            return {"input_features": values, "is_longer": torch.tensor([[False]])}

    class ClapAudioModelWithProjection(torch.nn.Module):
        @classmethod
        def from_pretrained(
            cls, folder: str, *, local_files_only: bool, output_loading_info: bool
        ) -> Any:
            calls.append(("model", folder, local_files_only))
            assert output_loading_info
            assert logging.level == "error"
            if "damaged" in folder:
                raise OSError("Unable to load weights from the file\nmore")
            missing = {"audio_projection.linear1.bias"} if "half" in folder else set()
            return cls(), {"missing_keys": missing, "mismatched_keys": set()}

        def forward(self, input_features: Tensor, is_longer: Tensor) -> Any:
            assert is_longer.shape == (1, 1)
            assert not self.training
            assert torch.is_inference_mode_enabled()
            return SimpleNamespace(audio_embeds=input_features)

    logging = SimpleNamespace(level="warning")
    logging.get_verbosity = lambda: logging.level
    logging.set_verbosity = lambda level: setattr(logging, "level", level)
    logging.set_verbosity_error = lambda: setattr(logging, "level", "error")
    module = ModuleType("transformers")
    module.logging = logging  # type: ignore[attr-defined]
    module.ClapFeatureExtractor = ClapFeatureExtractor  # type: ignore[attr-defined]
    module.ClapAudioModelWithProjection = ClapAudioModelWithProjection  # type: ignore[attr-defined]
    return module


def clap_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return folder


def test_clap_is_the_mean_of_unit_vectors_over_pieces_of_ten_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    monkeypatch.setitem(sys.modules, "transformers", transformers_stand_in(calls))
    folder = clap_folder(tmp_path / "clap-htsat-unfused")
    embedding = embedding_of(f"clap:{folder}")
    assert calls == [("extractor", str(folder), True), ("model", str(folder), True)]
    # What the user has set is as before.
    assert sys.modules["transformers"].logging.level == "warning"
    found = embedding(np.zeros(15 * 16000, np.float32), 16000)
    assert calls[2:] == [480000, 240000]
    pieces = [np.array([n, 1, 0]) / np.hypot(n, 1) for n in (480000, 240000)]
    np.testing.assert_allclose(found, (2 * pieces[0] + pieces[1]) / 3, rtol=1e-6)

    monkeypatch.setenv("MIRBRICKS_WEIGHTS", str(tmp_path))
    assert embedding_of("clap").name == "clap"


def test_clap_without_its_package_or_its_files_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = clap_folder(tmp_path / "a")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(DataError) as caught:
        embedding_of(f"clap:{folder}")
    assert str(caught.value) == (
        "the embedding clap needs the package transformers\n"
        "  help: pip install 'mirbricks[clap]', or choose another embedding     [E665]"
    )
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError) as caught:
        embedding_of(f"clap:{folder}")
    assert caught.value.code == "E664"
    assert "no model.safetensors or pytorch_model.bin" in str(caught.value)
    with pytest.raises(DataError) as caught:
        embedding_of(f"clap:{tmp_path / 'nowhere'}")
    assert caught.value.code == "E663"
    assert "https://huggingface.co/laion/clap-htsat-unfused" in str(caught.value)

    monkeypatch.setitem(sys.modules, "transformers", transformers_stand_in([]))
    with pytest.raises(DataError) as caught:
        embedding_of(f"clap:{clap_folder(tmp_path / 'damaged')}")
    assert caught.value.code == "E664"
    assert "Unable to load weights from the file" in str(caught.value)
    # Weights that the package would draw at random are no weights.
    with pytest.raises(DataError) as caught:
        embedding_of(f"clap:{clap_folder(tmp_path / 'half')}")
    assert caught.value.code == "E664"
    assert "without 'audio_projection.linear1.bias'" in str(caught.value)
