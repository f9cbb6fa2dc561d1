"""Music2Latent behind the interface of all codecs, with a stand-in of its package."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from mirbricks.errors import TaskError
from mirbricks.tasks.codec.interface import Codec, codec_of
from mirbricks.tasks.codec.music2latent import (
    HOP,
    WEIGHTS,
    Music2Latent,
    Music2LatentConfig,
)
from mirbricks.tasks.latent_generation import LatentGenerationConfig

FRAME = 8 * HOP


class Network(nn.Module):
    """A weight per latent."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(64))


class EncoderDecoder:
    """The public names of the package: arguments, shapes, what it cuts off, and that it takes any file."""

    def __init__(self, load_path_inference: Any = None, device: Any = None) -> None:
        sys.modules["music2latent.inference"].download_model()  # type: ignore[attr-defined]  # of the stand-in
        self.device = device
        self.gen = Network()
        found = torch.load(load_path_inference, map_location=device)["gen_state_dict"]
        self.gen.load_state_dict(found, strict=False)

    def encode(self, path_or_audio: Any, extract_features: bool = False) -> Tensor:
        assert not extract_features
        wave: Tensor = path_or_audio
        assert wave.ndim == 2
        # Three hops more than the frames are needed, and what fills no frame is left out.
        frames = (wave.shape[-1] - 3 * HOP) // FRAME
        kept = wave[:, 3 * HOP // 2 :][:, : frames * FRAME]
        latents = kept.reshape(len(wave), frames, 64, FRAME // 64).mean(-1)
        return latents.transpose(1, 2) * self.gen.scale[:, None]

    def decode(self, latent: Any, denoising_steps: int = 1) -> Tensor:
        assert denoising_steps == 1
        held = (latent / self.gen.scale[:, None]).transpose(1, 2)
        wave = held.repeat_interleave(FRAME // 64, dim=-1).flatten(1)
        noise = 1e-4 * torch.randn(len(wave), wave.shape[1] + 3 * HOP)
        noise[:, 3 * HOP // 2 : 3 * HOP // 2 + wave.shape[1]] += wave
        return noise


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The stand-in, installed; whoever fetches weights with it fails."""

    def fetch() -> None:
        raise AssertionError("weights were fetched")

    package: Any = ModuleType("music2latent")
    package.__file__ = str(tmp_path / "site" / "music2latent" / "__init__.py")
    package.EncoderDecoder = EncoderDecoder
    inference: Any = ModuleType("music2latent.inference")
    inference.download_model = fetch
    monkeypatch.setitem(sys.modules, "music2latent", package)
    monkeypatch.setitem(sys.modules, "music2latent.inference", inference)
    return package  # type: ignore[no-any-return]  # Any above, for its attributes


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return saved(tmp_path / "weights.pt", {"scale": torch.arange(1.0, 65.0)})


def saved(path: Path, state: Mapping[str, Tensor]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"gen_state_dict": dict(state)}, path)
    return path


def opened(path: Path | None) -> Music2Latent:
    settings = Music2LatentConfig(
        type="music2latent", weights=None if path is None else str(path)
    )
    return settings.opened(None)


def test_it_is_a_codec_with_latents(weights: Path) -> None:
    codec = codec_of(opened(weights))
    assert isinstance(codec, Codec)
    facts = (codec.sr_hz, codec.hop_length, codec.n_codebooks, codec.latent_channels)
    assert facts == (44100, 4096, 0, 64)


@pytest.mark.parametrize("samples", [1, 4095, 4096, 4097, 3 * 4096, 50_000])
@pytest.mark.parametrize("batch", [1, 3])
def test_frames_are_whole_and_lie_where_they_were(
    weights: Path, samples: int, batch: int
) -> None:
    codec = opened(weights)
    levels = torch.rand(batch, 1, -(-samples // 64))
    waves = levels.repeat_interleave(64, dim=-1)[..., :samples]

    latents = codec.encode_latent(waves)
    found = codec.decode_latent(latents)

    frames = -(-samples // FRAME)
    assert latents.shape == (batch, 64, frames)
    assert found.shape == (batch, 1, frames * FRAME)
    # But for a little noise, and a last piece that is filled up with silence.
    whole = samples // 64 * 64
    torch.testing.assert_close(
        found[..., :whole], waves[..., :whole], atol=1e-3, rtol=0
    )


def test_the_same_latents_give_the_same_sound(weights: Path) -> None:
    codec = opened(weights)
    latents = torch.randn(2, 64, 3)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)

    first, again = codec.decode_latent(latents), codec.decode_latent(latents)

    assert torch.equal(first, again)
    # Nobody else's random numbers are used up.
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_it_has_no_codes(weights: Path, name: str) -> None:
    with pytest.raises(TaskError, match="has latents, and no codes") as caught:
        getattr(opened(weights), name)(torch.zeros(1, 1, FRAME))
    assert caught.value.code == "E583"


def test_a_run_keeps_its_weights(weights: Path, tmp_path: Path) -> None:
    part = opened(weights)
    (tmp_path / WEIGHTS).write_bytes(part.files()[WEIGHTS])
    weights.unlink()
    gone = Music2LatentConfig(type="music2latent", weights=str(weights))
    again = gone.opened(tmp_path)
    assert again.fingerprint == part.fingerprint
    scale = torch.arange(1.0, 65.0)
    assert torch.equal(again.model.gen.scale, scale)
    assert not again.model.gen.scale.requires_grad


def test_other_weights_are_another_codec(weights: Path, tmp_path: Path) -> None:
    other = saved(tmp_path / "other.pt", {"scale": torch.ones(64)})
    assert opened(other).fingerprint != opened(weights).fingerprint


def test_the_packages_own_file_is_the_default(package: ModuleType) -> None:
    own = Path(str(package.__file__)).parent / "models" / WEIGHTS
    with pytest.raises(TaskError, match="are not at") as caught:
        opened(None)
    assert caught.value.code == "E587"
    assert "EncoderDecoder()" in str(caught.value.help)
    saved(own, {"scale": torch.full((64,), 2.0)})
    assert float(opened(None).model.gen.scale[0]) == 2.0


@pytest.mark.parametrize(
    "content",
    [
        {"scale": torch.ones(64)},
        {"gen_state_dict": {}},
        {"gen_state_dict": {"other": torch.ones(2)}},
        [1, 2],
        None,
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: object) -> None:
    """The package would take it, and leave its weights random."""
    path = tmp_path / "other.pt"
    torch.save(content, path)
    with pytest.raises(TaskError, match="does not hold the weights") as caught:
        opened(path)
    assert caught.value.code == "E587"


def test_a_file_that_is_damaged_is_refused(tmp_path: Path) -> None:
    (tmp_path / "damaged.pt").write_bytes(b"PK\x03\x04 and nothing else")
    with pytest.raises(TaskError, match="does not hold the weights"):
        opened(tmp_path / "damaged.pt")


def test_a_missing_package_is_one_message(
    monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    monkeypatch.setitem(sys.modules, "music2latent", None)
    with pytest.raises(TaskError) as caught:
        opened(weights)
    lines = str(caught.value).splitlines()
    assert (
        lines[0] == "the codec music2latent needs its package, which cannot be imported"
    )
    assert lines[-1] == "  help: pip install 'mirbricks[music2latent]'     [E588]"


def test_other_waves_are_refused(weights: Path) -> None:
    for shape in ((2, 100), (1, 2, 100), (1, 1, 0)):
        with pytest.raises(TaskError, match="reads waveforms"):
            opened(weights).encode_latent(torch.zeros(shape))


def test_a_task_names_it_by_its_type() -> None:
    settings: Any = {"type": "music2latent", "weights": "m.pt"}
    config = LatentGenerationConfig(codec=settings, patch_frames=16)
    assert isinstance(config.codec, Music2LatentConfig)
    with pytest.raises(ValidationError, match="weight"):
        LatentGenerationConfig(codec={**settings, "weight": 1}, patch_frames=16)
    with pytest.raises(ValidationError, match="music2latent"):
        LatentGenerationConfig(codec={"type": "music"}, patch_frames=16)  # type: ignore[arg-type]  # wrong on purpose
