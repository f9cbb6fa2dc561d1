"""SDR, ISR, SIR and SAR beside the museval package, and beside what they must be by construction."""

from __future__ import annotations

import doctest
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.data import Corpus
from mirbricks.metrics import bss_eval, bss_ratios

RATIOS = ("sdr_db", "isr_db", "sir_db", "sar_db")


@pytest.fixture(scope="module")
def museval() -> ModuleType:
    """museval's metrics alone: the package imports stempeg, which refuses to be imported without ffmpeg."""
    package = importlib.util.find_spec("museval")
    if package is None or package.origin is None:
        pytest.skip("museval is not installed")
    path = Path(package.origin).with_name("metrics.py")
    spec = importlib.util.spec_from_file_location("museval_metrics", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sources(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def estimates_of(references: np.ndarray, seed: int = 1) -> np.ndarray:
    """Each source delayed a little, with a part of the next one and noise."""
    delayed = np.roll(references, 3, axis=-1)
    others = np.roll(references, 1, axis=0)
    return (
        0.8 * references
        + 0.2 * delayed
        + 0.3 * others
        + 0.1 * sources(*references.shape, seed=seed)
    )


def assert_equal(
    museval: ModuleType,
    references: np.ndarray,
    estimates: np.ndarray,
    window: int,
    hop: int,
    taps: int,
    tolerance_db: float,
) -> None:
    theirs = museval.bss_eval(
        references.transpose(0, 2, 1),
        estimates.transpose(0, 2, 1),
        window=window,
        hop=hop,
        filters_len=taps,
    )
    ours = bss_eval(references, estimates, window=window, hop=hop, filter_taps=taps)
    for name, wanted in zip(RATIOS, theirs, strict=False):
        found = getattr(ours, name)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance_db)
    for name, wanted in zip(RATIOS, theirs, strict=False):
        medians = np.nanmedian(wanted, axis=1)
        np.testing.assert_allclose(ours.medians()[name], medians, atol=tolerance_db)


@given(
    n_sources=st.integers(1, 3),
    n_channels=st.integers(1, 2),
    n_samples=st.integers(300, 900),
    window=st.integers(60, 1000),
    hop=st.integers(40, 300),
    taps=st.integers(1, 24),
    seed=st.integers(0, 10**6),
    silence=st.booleans(),
)
@settings(max_examples=40)
def test_equals_museval_for_any_shape_window_and_silence(
    museval: ModuleType,
    n_sources: int,
    n_channels: int,
    n_samples: int,
    window: int,
    hop: int,
    taps: int,
    seed: int,
    silence: bool,
) -> None:
    references = sources(n_sources, n_channels, n_samples, seed=seed)
    if silence:
        # Of one source only, and long enough to hold whole frames: none of the sources has a ratio there.
        references[0, :, n_samples // 4 : n_samples // 2] = 0
    estimates = estimates_of(references, seed + 1)
    assert_equal(museval, references, estimates, window, hop, taps, 1e-8)


def test_equals_museval_on_a_chorale_with_its_own_settings(
    museval: ModuleType, bach10: Path
) -> None:
    # Six seconds: recordings have little above 8 kHz, so the systems are as ill-conditioned as real ones are.
    items = {item.key: item for item in Corpus.open(bach10).items}
    mix = items["01-AchGottundHerr.wav"]
    stems = [item for item in items.values() if item.stem_of == mix.key]
    n_samples = 6 * mix.sr_hz
    wave = mix.read(0, n_samples)[0].astype(np.float64)
    references = np.stack([stem.read(0, n_samples)[0] for stem in stems])[:, None]
    noise = 1e-3 * sources(*references.shape)
    estimates = 0.8 * references + 0.05 * wave + noise
    assert_equal(museval, references, estimates, mix.sr_hz, mix.sr_hz, 512, 1e-6)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # mir_eval will leave it out
@pytest.mark.parametrize("n_channels", [1, 2])
def test_one_frame_equals_the_version_before(n_channels: int) -> None:
    """Of a single frame BSSEval v3 and v4 are the same: mir_eval, which is always installed, has v3 for images."""
    separation = pytest.importorskip("mir_eval.separation")
    references = sources(2, n_channels, 3000)
    estimates = estimates_of(references)
    swapped = [array.transpose(0, 2, 1) for array in (references, estimates)]
    theirs = separation.bss_eval_images(*swapped, compute_permutation=False)
    ours = bss_eval(references, estimates, window=3000)
    for name, wanted in zip(RATIOS, theirs, strict=False):
        np.testing.assert_allclose(getattr(ours, name)[:, 0], wanted, atol=1e-8)


def test_ratios_of_orthogonal_parts() -> None:
    # Without filters the parts are: another gain (spatial), the other source, and noise that neither explains.
    n_samples = 4000
    basis = np.linalg.qr(sources(n_samples, 3))[0].T
    first, second, noise = basis
    references = np.stack([first, second])[:, None]
    estimate = 1.1 * first + 0.01 * second + 0.001 * noise
    found = bss_eval(
        references,
        np.stack([estimate, second])[:, None],
        window=n_samples,
        filter_taps=1,
    )
    energies = np.array([1.0, 1.0, 1.1**2, 1.1**2 + 1e-4])
    distortions = np.array([0.01 + 1e-4 + 1e-6, 0.01, 1e-4, 1e-6])
    wanted = 10 * np.log10(energies / distortions)
    ratios = [getattr(found, name)[0, 0] for name in RATIOS]
    np.testing.assert_allclose(ratios, wanted, atol=1e-6)


def test_a_source_that_is_silent_throughout_leaves_the_others_as_they_are() -> None:
    references = sources(3, 2, 2000)
    estimates = estimates_of(references)
    references[1] = 0
    found = bss_eval(references, estimates, window=500, filter_taps=16)
    others = bss_eval(references[[0, 2]], estimates[[0, 2]], window=500, filter_taps=16)
    for name in RATIOS:
        assert np.isnan(getattr(found, name)[1]).all()
        np.testing.assert_array_equal(
            getattr(found, name)[[0, 2]], getattr(others, name)
        )
    assert np.isnan(found.medians()["sdr_db"]).tolist() == [False, True, False]

    # An estimate without a sound takes its own ratios away, and nobody else's.
    estimates[0] = 0
    found = bss_eval(references, estimates, window=500, filter_taps=16)
    assert np.isnan(found.medians()["sdr_db"]).tolist() == [True, True, False]


def test_swapped_sources_are_scored_against_their_own_references() -> None:
    references = sources(2, 1, 4000)
    right = bss_eval(references, references + 1e-3, window=1000, filter_taps=8)
    wrong = bss_eval(references, references[::-1] + 1e-3, window=1000, filter_taps=8)
    assert (right.sdr_db > 40).all()
    assert (wrong.sdr_db < 0).all()
    assert (wrong.sir_db < -15).all()


def test_single_precision_is_computed_in_double() -> None:
    references = sources(2, 1, 3000).astype(np.float32)
    estimates = estimates_of(references).astype(np.float32)
    found = bss_eval(references, estimates, window=1000, filter_taps=32)
    wanted = bss_eval(
        references.astype(np.float64),
        estimates.astype(np.float64),
        window=1000,
        filter_taps=32,
    )
    np.testing.assert_array_equal(found.sar_db, wanted.sar_db)


@pytest.mark.parametrize(
    ("shapes", "settings", "message"),
    [
        (((2, 1, 9), (2, 1, 8)), {}, r"references \(2, 1, 9\) and estimates \(2, 1, 8\) differ"),
        (((9,), (9,)), {}, r"expected sources \(S, C, N\) or \(S, N\)"),
        (((2, 1, 0), (2, 1, 0)), {}, "of at least one sample"),
        (((2, 1, 9), (2, 1, 9)), {"hop": 0}, "of at least 1, got 4, 0 and 512"),
        (((2, 1, 9), (2, 1, 9)), {"filter_taps": 0}, "got 4, 4 and 0"),
    ],
)  # fmt: skip
def test_refuses_what_has_no_ratio(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    settings: dict[str, int],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        bss_eval(np.ones(shapes[0]), np.ones(shapes[1]), window=4, **settings)
    with pytest.raises(ValueError, match="not finite"):
        bss_eval(np.full((1, 1, 9), np.nan), np.ones((1, 1, 9)), window=4)


def test_the_examples_run() -> None:
    found = doctest.testmod(bss_ratios)
    assert found.attempted
    assert not found.failed
