"""What does not fit between a separation graph, its feature and the sizes of the task: told before data is read."""

from __future__ import annotations

from ...compiler.module import GraphModule
from ...errors import TaskError
from ...features.base import FeatureConfig
from .kinds import MIX

Shape = tuple["int | str", ...]
WINDOWS = 16  # of the transform in a patch, in the help for one that is too short


def refuse_misfit(
    model: GraphModule, feature: FeatureConfig, patch_frames: int
) -> None:
    """Raise TaskError E803 for other channels or another rate than the feature's, E804 for an output of another length,
    E805 for a patch that is shorter than a window.
    """
    name = MIX if MIX in model.input_shapes else next(iter(model.input_shapes))
    shape = model.input_shapes[name]
    # Another rank is refused with the names, where the whole shape is shown.
    if len(shape) != 3:
        return
    for does, own in {"reads": shape, **_given(model)}.items():
        if len(own) == 3:
            _refuse_channels(model, name, does, own, int(feature.shape[0]))
            _refuse_length(model, name, does, own, shape)
    _refuse_rate(model, feature.sr_hz)
    _refuse_short_patch(model, patch_frames)


def _given(model: GraphModule) -> dict[str, Shape]:
    """The shapes of the outputs, by words for a message."""
    if not model.outputs:
        return {"gives": model.output_shape}
    return {f"gives for '{name}'": shape for name, shape in model.output_shapes.items()}


def _refuse_channels(
    model: GraphModule, name: str, does: str, own: Shape, n_channels: int
) -> None:
    if own[1] == n_channels:
        return
    count = "1 channel" if own[1] == 1 else f"{own[1]} channels"
    raise TaskError(
        f"the graph {does} {count}, and the feature has {n_channels}",
        code="E803",
        where=model.graph.where_input(),
        help=f"write `{name}: B C={n_channels} T`, and end in as many channels; "
        f"or `feature: {{type: waveform, channels: {own[1]}}}`",
    )


def _refuse_length(
    model: GraphModule, name: str, does: str, own: Shape, shape: Shape
) -> None:
    if own[2] == shape[2]:
        return
    raise TaskError(
        f"the graph {does} a waveform of another length than its input",
        code="E804",
        where=model.graph.where_input(),
        facts=[("expected", str(shape[2])), ("got", str(own[2]))],
        help=f"end in `ISTFT: {{size_of: {name}}}`, or bring layers to one size with "
        "`Upsample: {size_of: ...}`",
    )


def _refuse_rate(model: GraphModule, sr_hz: int) -> None:
    """A layer that reckons in Hz, such as a log-frequency axis, must know the rate of what it hears."""
    for node in model.nodes:
        own = getattr(node.config, "sr_hz", None)
        if own is not None and own != sr_hz:
            raise TaskError(
                f"'{node.name}' reckons with {own} Hz, and the feature has {sr_hz} Hz",
                code="E803",
                where=node.where,
                help=f"give both one rate: `sr_hz: {sr_hz}` here, or `feature: {{type: waveform, sr_hz: {own}}}`",
            )


def _refuse_short_patch(model: GraphModule, patch_frames: int) -> None:
    for node in model.nodes:
        n_fft = getattr(node.config, "n_fft", None)
        if node.block == "STFT" and n_fft is not None and n_fft > patch_frames:
            raise TaskError(
                f"task.patch_frames {patch_frames} is shorter than one window of '{node.name}', n_fft {n_fft}",
                code="E805",
                where=node.where,
                help=f"write `patch_frames: {WINDOWS * n_fft}`",
            )
