"""A model that answers while a recording comes in gives the answers of the whole, a fixed time later."""

from __future__ import annotations

import copy
import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mirbricks as mb
from mirbricks.errors import DataError, TaskError
from mirbricks.features.hcqt import HCQTFeature, HCQTFeatureConfig
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.resample import Resampling, resample
from mirbricks.tasks.base import Task
from mirbricks.tasks.f0 import F0Config, F0Estimation
from mirbricks.tasks.multi_pitch import MultiPitch, MultiPitchConfig
from mirbricks.tasks.reach import Reach, reach_of
from mirbricks.tasks.streaming import Plan, Stream
from mirbricks.tasks.tagging import Tagging, TaggingConfig

FEATURE = HCQTFeatureConfig(
    sr_hz=8000,
    harmonics=(1.0,),
    fmin_hz=220,
    n_octaves=3,
    bins_per_octave=36,
    hop_length=160,
)
TUNED = {
    "threshold": 0.5,
    "offset_bins": 0.25,
    "confidence": {"frames": [0.8, 0.3], "notes": None},
}
CONV: dict[str, Any] = {
    "Conv2d": {"out_channels": 3, "kernel_size": 3, "padding": "same"}
}
HEAD: dict[str, Any] = {"Conv2d": {"out_channels": 1, "kernel_size": 1}}
AHEAD: dict[str, Any] = {
    "Conv2d": {"out_channels": 3, "kernel_size": [1, 3], "dilation": [1, 2], "padding": "same"}
}  # fmt: skip
PLAIN = [CONV, "ReLU", AHEAD, HEAD]
POOLED = [
    {"StoreAs": "IN"},
    {"MaxPool2d": {"kernel_size": [1, 4]}},
    CONV,
    "ReLU",
    {"Upsample": {"size_of": "IN"}},
    {"CatWith": "IN"},
    AHEAD,
    HEAD,
]


def graph(layers: list[Any], frames: str = "T") -> Any:
    torch.manual_seed(0)
    module = mb.compile_graph(
        {"name": "tiny", "input": f"B C=1 F=108 {frames}", "layers": layers}
    )
    # As after a training: peaks that stand out, whose places are not a matter of rounding.
    with torch.no_grad():
        *_, weight, bias = module.parameters()
        weight.mul_(10.0)
        bias.fill_(1.0)
    return module


KINDS = ("f0", "equivariant", "multi_pitch", "shifted", "limited", "pooled")


@functools.cache
def plan_of(kind: str) -> Plan:
    """A tiny graph with weights as they are drawn, in a task."""
    task: Task
    if kind in ("f0", "equivariant"):
        learning = "supervised" if kind == "f0" else "equivariant"
        task = F0Estimation(F0Config(learning=learning), FEATURE)
    else:
        shifts = (-1, 0, 1) if kind == "shifted" else (0,)
        config = MultiPitchConfig(
            predict_shifts=shifts,
            predict_frames=64,
            max_polyphony=2 if kind == "limited" else None,
        )
        task = MultiPitch(config, FEATURE)
    layers = POOLED if kind == "pooled" else PLAIN
    return Plan.of(task, graph(layers), TUNED)


def recording(seconds: float, sr_hz: int = 8000) -> np.ndarray:
    """Two tones with rests, which swell."""
    rng = np.random.default_rng(0)
    time_s = np.arange(round(seconds * sr_hz)) / sr_hz
    sound = np.sin(2 * np.pi * 440 * time_s) + 0.5 * np.sin(2 * np.pi * 1000 * time_s)
    resting = np.sin(2 * np.pi * 3 * time_s) > -0.5
    sound = 0.3 * sound * resting * time_s / seconds
    return (sound + rng.normal(0, 0.003, len(time_s))).astype(np.float32)


def transformed(wave: np.ndarray, sr_hz: int = 8000) -> torch.Tensor:
    at_rate = resample(torch.from_numpy(wave)[None], sr_hz, FEATURE.sr_hz)
    return HCQTFeature(FEATURE)(at_rate)[0]


def streamed(stream: Stream, wave: np.ndarray, sizes: list[int]) -> list[Any]:
    """The answers of a recording that comes in pieces of these sizes, over and over, and is 4,096 long at least."""
    pieces = []
    start = number = 0
    while start < len(wave):
        stop = start + (sizes[number % len(sizes)] if number < 40 else len(wave))
        pieces.append(stream.push(wave[start:stop]))
        start = stop
        number += 1
    return [*pieces, stream.flush()]


def arrays(pieces: list[Any]) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Times, pitches and confidences of all pieces; of one voice its pitch and its voicing in each frame."""
    times_s = np.concatenate([piece.times_s for piece in pieces])
    columns = [
        [np.atleast_1d(one) for piece in pieces for one in piece[place]]
        for place in (1, 2)
    ]
    return times_s, columns[0], columns[1]


def predicted(
    plan: Plan, hcqt: torch.Tensor
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    found = plan.task.predict(plan.model, hcqt, plan.settings)
    if isinstance(plan.task, F0Estimation):
        return (
            found.times_s,
            [*map(np.atleast_1d, found.hz)],
            [*map(np.atleast_1d, found.voicing)],
        )
    return found.times_s, found.frequencies_hz, found.confidences()


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found[0], expected[0], atol=1e-12)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert list(map(len, ours)) == list(map(len, theirs))
        joined = [np.concatenate([np.zeros(0), *part]) for part in (ours, theirs)]
        np.testing.assert_allclose(joined[0], joined[1], rtol=1e-5, atol=1e-5)


WAVE = recording(0.9)


@functools.cache
def whole(kind: str) -> tuple[float, Any]:
    """The peak of the recording, and what `predict` finds in it."""
    hcqt = transformed(WAVE)
    found = predicted(plan_of(kind), hcqt)
    assert sum(map(len, found[1])) > 40  # or nothing would be compared
    return float(hcqt.abs().max()), found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, deadline=None)
@given(
    st.lists(
        st.sampled_from([0, 1, 159, 160, 700, 3000, 50_000]), min_size=1, max_size=4
    )
)
def test_a_stream_is_the_prediction(kind: str, sizes: list[int]) -> None:
    peak, expected = whole(kind)
    stream = Stream(plan_of(kind), peak=peak)
    same(arrays(streamed(stream, WAVE, sizes)), expected)
    assert stream.peak == pytest.approx(peak, rel=1e-5)


@pytest.mark.parametrize("sr_hz", [11025, 44099])
def test_samples_of_another_rate_are_resampled_as_they_come(sr_hz: int) -> None:
    wave = recording(0.8, sr_hz)
    hcqt = transformed(wave, sr_hz)
    for kind in ("f0", "multi_pitch"):
        plan = plan_of(kind)
        stream = Stream(plan, sr_hz, float(hcqt.abs().max()))
        assert stream.sr_hz == sr_hz
        pieces = streamed(stream, wave, [1, 2000, 5000])
        same(arrays(pieces), predicted(plan, hcqt))


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_known_peak_the_pieces_do_not_matter(kind: str) -> None:
    stream = Stream(plan_of(kind))
    one = arrays(streamed(stream, WAVE, [100_000]))
    # Twice: after a flush the stream is as new.
    same(arrays(streamed(stream, WAVE, [1500, 41])), one)


@pytest.mark.parametrize(
    ("kind", "sr_hz"), [(kind, 8000) for kind in KINDS] + [("f0", 11025)]
)
def test_an_answer_is_there_after_the_latency(kind: str, sr_hz: int) -> None:
    stream = Stream(plan_of(kind), sr_hz)
    assert stream.latency_s == stream.transform_s + stream.graph_s
    wave = recording(0.9, sr_hz)
    done = 0
    answered = [0.0]
    waits = []
    # In small steps, so that it shows when an answer is there.
    for stop in range(20, len(wave), 20):
        times_s = stream.push(wave[done:stop]).times_s.tolist()
        waits += [stop / sr_hz - time_s for time_s in times_s]
        answered += times_s
        done = stop
        # Nothing that is due is missing: times are hop_s apart at most.
        due_s = stop / sr_hz - stream.latency_s - stream.hop_s
        assert answered[-1] >= due_s - 1e-9
    assert len(waits) > 10
    # Truthful, and no later than it need be: by less than a step of 20 samples.
    assert max(waits) <= stream.latency_s + 20 / sr_hz
    assert max(waits) >= stream.latency_s - 3 / sr_hz


@pytest.mark.parametrize("kind", ["f0", "multi_pitch", "equivariant"])
def test_what_comes_after_the_latency_changes_nothing(kind: str) -> None:
    plan = plan_of(kind)
    stream = Stream(plan)
    # The frame that is farthest from the ends, or the first of the times after it.
    frame = 20
    time_s = (frame + (1 - plan.task.follower(TUNED).wait_frames)) * FEATURE.hop_s
    if kind != "multi_pitch":
        time_s = frame * FEATURE.hop_s
    latest = round((time_s + stream.latency_s) * FEATURE.sr_hz)
    peak, (times_s, *columns) = whole(kind)
    place = int(np.argmin(np.abs(times_s - time_s)))
    # Very loud, since the filters of the decimations fade to -126 dB at their ends.
    noise = 1e13 * np.random.default_rng(1).normal(size=len(WAVE)).astype(np.float32)

    def answers(first: int) -> list[np.ndarray]:
        """Pitches and confidences there, with something else from a sample on."""
        wave = np.concatenate([WAVE[:first], noise[first:]])
        stream = Stream(plan, peak=peak)
        found = arrays(streamed(stream, wave, [100_000]))
        return [column[place] for column in found[1:]]

    assert latest < len(WAVE)
    for ours, theirs in zip(answers(latest), columns, strict=True):
        np.testing.assert_allclose(ours, theirs[place], rtol=1e-5, atol=1e-5)
    # A frame earlier it does.
    changed = answers(latest - FEATURE.hop_length)
    expected = [column[place] for column in columns]
    assert not all(
        len(ours) == len(theirs) and np.allclose(ours, theirs, rtol=1e-5, atol=1e-5)
        for ours, theirs in zip(changed, expected, strict=True)
    )


def test_notes_come_as_they_end() -> None:
    plan = plan_of("f0")
    settings = {**TUNED, "threshold": 0.9}
    plan = Plan.of(plan.task, plan.model, settings)
    peak, _ = whole("f0")
    offline = plan.task.predict(plan.model, transformed(WAVE), settings).notes
    pieces = streamed(Stream(plan, peak=peak), WAVE, [400])
    found = [note for piece in pieces for note in piece.notes]
    np.testing.assert_allclose(
        [dataclasses.astuple(note)[:4] for note in found],
        [dataclasses.astuple(note)[:4] for note in offline],
        rtol=1e-5,
    )
    # Each of them soon after its end, and not all at the flush.
    assert len(offline) > 2
    for piece in pieces[:-1]:
        for note in piece.notes:
            assert note.end_s <= piece.times_s[-1] <= note.end_s + 0.2
    assert any(piece.notes for piece in pieces[:-1])


def test_a_stream_that_gets_nothing_gives_nothing() -> None:
    for kind in KINDS:
        stream = Stream(plan_of(kind))
        for found in (stream.push([]), stream.flush(), stream.flush()):
            assert len(found.times_s) == 0
            assert found.rows() == []
        # One sample is a frame, as in a prediction.
        assert len(stream.push([0.0]).times_s) == 0
        assert stream.flush().times_s.tolist() == [0.0]


@pytest.mark.parametrize(
    ("samples", "came", "help"),
    [
        (np.zeros((2, 100)), "an array of shape (2, 100)", "push one channel, such as the mean of two"),
        (np.float32(1), "an array of shape ()", "push one channel, such as the mean of two"),
        (
            np.array([0.0, 1.0, np.nan]),
            "NaN or infinity at sample 2 of the push",
            "push silence in place of what was lost",
        ),
        (torch.tensor([np.inf]), "NaN or infinity at sample 0 of the push", "push silence in place of what was lost"),
        (
            np.zeros(3, np.int16),
            "samples of type int16",
            "divide integers by their largest possible value: samples are within -1 … 1",
        ),
    ],
)  # fmt: skip
def test_samples_that_cannot_be_followed(samples: Any, came: str, help: str) -> None:
    stream = Stream(plan_of("f0"))
    stream.push(WAVE[:4000])
    with pytest.raises(TaskError) as caught:
        stream.push(samples)
    assert str(caught.value) == (
        f"expected finite floating-point samples (N,) of one channel, got {came}\n  help: {help}     [E518]"
    )
    # What was refused is as if it had not come.
    rest = [stream.push(WAVE[4000:]), stream.flush()]
    other = Stream(plan_of("f0"))
    other.push(WAVE[:4000])
    same(arrays(rest), arrays([other.push(WAVE[4000:]), other.flush()]))


@pytest.mark.parametrize("peak", [0, -1.0, np.nan, np.inf, "1", True])
def test_peaks_that_none_can_have(peak: Any) -> None:
    with pytest.raises(TaskError) as caught:
        Stream(plan_of("f0"), peak=peak)
    assert str(caught.value) == (
        f"expected a number above 0 as 'peak', got {peak!r}\n"
        "  help: it is the largest magnitude of the feature; leave it out where it is not known     [E518]"
    )


BY_CONVOLUTIONS = "help: take a graph of convolutions over a free T; `predict` reads whole recordings     [E517]"


@pytest.mark.parametrize(
    ("layers", "frames", "message"),
    [
        (
            [{"SubbandLSTM": {"name": "voices", "hidden_size": 2}}, HEAD],
            "T",
            "an answer of the graph may depend on the whole recording, and cannot be given while it comes in\n"
            f"  sees all  'voices', SubbandLSTM\n  {BY_CONVOLUTIONS}",
        ),
        (
            [CONV, {"GroupNorm": {"num_groups": 1}}, HEAD],
            "T",
            "an answer of the graph may depend on the whole recording, and cannot be given while it comes in\n"
            f"  sees all  'groupnorm_1', GroupNorm\n  {BY_CONVOLUTIONS}",
        ),
        (
            PLAIN,
            "T=96",
            f"the graph reads patches of 96 frames, and cannot answer frame by frame\n  {BY_CONVOLUTIONS}",
        ),
        (
            [{"LearnedPositions2d": {"max_frames": 50}}, HEAD],
            "T",
            "the answers of the graph depend on where in the recording a frame stands, and it cannot be streamed\n"
            "  help: take a graph without positions, such as one of convolutions; `predict` reads whole recordings"
            "     [E517]",
        ),
    ],
)
def test_graphs_that_need_the_whole_are_refused(
    layers: list[Any], frames: str, message: str
) -> None:
    with pytest.raises(TaskError) as caught:
        Plan.of(plan_of("f0").task, graph(layers, frames), TUNED)
    assert str(caught.value) == message


def test_tasks_that_need_the_whole_are_refused() -> None:
    tagging = Tagging(TaggingConfig(patch_frames=8), FEATURE)
    onsets = MultiPitch(MultiPitchConfig(onsets=True), FEATURE)
    said = []
    for task in (tagging, onsets):
        with pytest.raises(TaskError) as caught:
            Plan.of(task, plan_of("f0").model, TUNED)
        said.append(str(caught.value))
    assert said == [
        "a model of the task 'tagging' answers for whole recordings, and not while they come in\n"
        "  help: `predict` reads whole recordings; models of the tasks f0 and multi_pitch can be streamed     [E517]",
        "with task.onsets a pitch depends on the tuning of the whole recording, and cannot be streamed\n"
        "  help: take a model that was trained without `onsets`; `predict` reads whole recordings     [E517]",
    ]


def test_a_feature_that_does_not_stream_is_refused() -> None:
    task = copy.copy(plan_of("f0").task)
    task.feature = LogMelFeatureConfig()
    with pytest.raises(TaskError) as caught:
        Plan.of(task, plan_of("f0").model, TUNED)
    assert str(caught.value) == (
        "the feature 'logmel' is not computed while a recording comes in\n"
        "  help: take a model that reads a constant-Q transform, `type: hcqt` or `type: cqt`     [E517]"
    )


def test_weights_that_are_not_numbers() -> None:
    plan = plan_of("multi_pitch")
    spoilt = copy.deepcopy(plan.model)
    next(spoilt.parameters()).data.fill_(np.nan)
    stream = Stream(dataclasses.replace(plan, model=spoilt))
    for refused in (
        lambda: stream.push(WAVE),
        lambda: Plan.of(plan.task, spoilt, plan.settings),
    ):
        with pytest.raises(TaskError, match="not finite") as caught:
            refused()
        assert caught.value.code == "E510"


def test_how_far_a_graph_sees() -> None:
    assert reach_of(graph(PLAIN)) == Reach(3, 3, 1)
    # Pooled by 4, convolved by 3 and repeated 4 times: from four frames before the block of four to four after it;
    # and beside it the dilated convolution, which sees 2 frames farther.
    assert reach_of(graph(POOLED)) == Reach(9, 9, 4)
    assert reach_of(torch.nn.Conv2d(1, 1, 1)) is None


def test_the_last_sample_that_a_frame_hears() -> None:
    transform = HCQTFeature(FEATURE)
    ahead = transform.ahead_samples
    wave = torch.zeros(1, 3 * ahead)
    centre = ahead // FEATURE.hop_length + 1
    for place, heard in ((ahead, True), (ahead + 1, False)):
        click = wave.clone()
        click[0, centre * FEATURE.hop_length + place] = 1e6
        assert bool(transform(click)[0, 0, :, centre].abs().max() > 0) == heard
    assert ahead <= transform.context_samples


def test_samples_that_a_resampling_needs() -> None:
    for from_hz in (8000, 11025, 44099, 4000):
        resampling = Resampling(from_hz, 8000)
        needed = resampling.needed(10)
        first = resampling.push(torch.zeros(1, needed - 2)).shape[1]
        more = resampling.push(torch.zeros(1, 2)).shape[1]
        assert first < 10 <= first + more


def test_a_model_streams_as_it_predicts() -> None:
    model = mb.load("zoo:f0_notes")
    stream = model.stream(sr_hz=16000)
    assert (stream.sr_hz, stream.hop_s) == (16000, model.feature.hop_s)
    with pytest.raises(DataError) as caught:
        model.stream(sr_hz=0)
    assert caught.value.code == "E436"


def test_a_long_stream_holds_little() -> None:
    for kind in ("f0", "pooled"):
        stream = Stream(plan_of(kind))
        held = []
        for _ in range(12):
            stream.push(WAVE)
            held.append(stream.n_held)
        # What is held after a second is all that is held ever after, but for the parts of a hop and of a period.
        assert max(held[1:]) <= held[1] + FEATURE.hop_length + 4
        assert held[1] < 2 * len(WAVE)
