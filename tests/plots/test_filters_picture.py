"""Frequency responses of filters, and figures label by label."""

from __future__ import annotations

import numpy as np
import pytest

from mirbricks.blocks.frontends.sincnet import SincNet
from mirbricks.plots.filters import FLOOR_DB, filter_bank, responses_db
from mirbricks.plots.style import png_bytes
from mirbricks.plots.tags import MOST_LABELS, label_bars

SR_HZ = 8000


@pytest.mark.parametrize("hz", [250.0, 1000.0, 3000.0])
def test_a_sinusoid_peaks_at_its_frequency(hz: float) -> None:
    taps = np.cos(2 * np.pi * hz * np.arange(400) / SR_HZ)[None] * np.hanning(400)
    at_hz, responses = responses_db(taps, SR_HZ)
    assert at_hz[-1] == SR_HZ / 2
    assert at_hz[responses[0].argmax()] == pytest.approx(hz, abs=2 * at_hz[0])
    assert (responses.max(), responses.min()) == (0.0, FLOOR_DB)


def test_responses_are_those_of_a_long_fourier_transform() -> None:
    taps = np.random.default_rng(0).standard_normal((3, 50))
    at_hz, responses = responses_db(taps, SR_HZ)
    k = 700
    phase = np.exp(-2j * np.pi * at_hz[k] / SR_HZ * np.arange(50))
    level = 20 * np.log10(np.abs(taps @ phase))
    np.testing.assert_allclose(
        np.diff(responses[:, k]), np.diff(level - _peaks(taps)), atol=1e-6
    )


def _peaks(taps: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.abs(np.fft.rfft(taps, 2048))[:, 1:].max(axis=1))


def test_filters_are_drawn_in_the_order_of_their_frequency() -> None:
    taps = np.stack(
        [np.cos(2 * np.pi * hz * np.arange(200) / SR_HZ) for hz in (3000, 500, 1500)]
    )
    figure = filter_bank(taps, SR_HZ)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    found = [float(title.split()[2]) for title in titles]
    assert found == pytest.approx([500, 1500, 3000], abs=25)
    assert png_bytes(figure, 40).startswith(b"\x89PNG")


def test_bands_of_a_sincnet_start_on_the_mel_scale() -> None:
    bank = SincNet(SincNet.Config(out_channels=12, kernel_size=101, sr_hz=SR_HZ))
    low, high = (edge.detach().numpy() for edge in bank.band_edges_hz())
    figure = filter_bank(bank.filters().detach().numpy(), SR_HZ, (low, high))
    centres, mel = (
        line.get_ydata()
        for axes in figure.axes
        for line in axes.get_lines()
        if len(line.get_xdata()) == 12
    )
    np.testing.assert_allclose(centres, (low + high) / 2000, rtol=1e-6)
    np.testing.assert_allclose(mel, centres, atol=0.15)


def test_a_silent_filter_and_a_single_one() -> None:
    assert png_bytes(filter_bank(np.zeros((1, 30)), SR_HZ), 40).startswith(b"\x89PNG")


def test_bars_of_the_labels_that_are_worst_come_first() -> None:
    figures = {
        f"tag {i}": {"ROC-AUC": i / 40, "average precision": 0.5} for i in range(40)
    }
    figure = label_bars(figures, list(range(40)), "tags")
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names == [f"tag {i} ({i})" for i in range(MOST_LABELS)]
    assert png_bytes(figure, 40).startswith(b"\x89PNG")
