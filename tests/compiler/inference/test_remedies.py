"""What the help of a join that does not fit proposes: it never leads to a model that its author did not mean."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import mirbricks as mb
from mirbricks.errors import GraphError, MirbricksError

POOL = {"MaxPool1d": {"kernel_size": 2}}
UP = {"Upsample": {"scale_factor": 2}}


def conv(channels: int, **fields: Any) -> dict[str, Any]:
    return {
        "Conv1d": {
            "out_channels": channels,
            "kernel_size": 3,
            "padding": "same",
            **fields,
        }
    }


def refused(*layers: Any, given: Any = "B C=4 T") -> GraphError:
    with pytest.warns() as caught_warnings, pytest.raises(GraphError) as caught:
        mb.compile_graph({"input": given, "layers": [*UNUSED, *layers]})
    assert caught_warnings
    return caught.value


# Something that nothing asks for, so that every graph here warns.
UNUSED = [{"StoreAs": "unused_input"}, conv(9), POOL, POOL, POOL, UP, UP, UP]


def test_a_stored_tensor_that_fits_and_is_never_used_is_proposed() -> None:
    # A U-Net whose second join names the deeper skip: `fit: crop` would run, and lose half of the frames.
    error = refused(
        conv(4),
        {"StoreAs": "E1"},
        POOL,
        conv(8),
        {"StoreAs": "E2"},
        POOL,
        UP,
        {"CatWith": "E2"},
        UP,
        {"CatWith": "E2"},
    )
    assert error.code == "E203"
    assert error.help == "'E1', stored on line 24, fits: write `CatWith: E1`"


def test_layers_of_one_kind_and_size_do_not_hide_what_fits() -> None:
    # The last ReLU gives what the one before E2 gave, and is remembered: still E2 is another tensor.
    error = refused(
        conv(8),
        "ReLU",
        {"StoreAs": "E1"},
        POOL,
        "ReLU",
        {"StoreAs": "E2"},
        POOL,
        UP,
        "ReLU",
        {"CatWith": "E1"},
    )
    assert error.code == "E203"
    assert error.help
    assert error.help.endswith("fits: write `CatWith: E2`")


def test_the_tensor_at_hand_is_not_proposed_to_itself() -> None:
    error = refused(
        conv(8), {"StoreAs": "E1"}, POOL, {"StoreAs": "E2"}, {"CatWith": "E1"}
    )
    assert error.help
    assert "E2" not in error.help


@pytest.mark.parametrize("op", ["CatWith", "AddWith", "MulWith"])
def test_of_several_that_fit_the_unused_one_is_proposed(op: str) -> None:
    error = refused(
        conv(4),
        {"StoreAs": "early"},
        conv(4),
        {"StoreAs": "free"},
        {op: "early"},
        {"Conv1d": {"out_channels": 4, "kernel_size": 1}},
        {"StoreAs": "used"},
        {"AddWith": "used"},
        POOL,
        {"StoreAs": "half"},
        UP,
        {"CatWith": "half"},
    )
    assert "'free', stored on line" in (error.help or "")


def test_what_would_only_be_spread_is_not_proposed() -> None:
    error = refused(
        conv(1), {"StoreAs": "one"}, conv(4), POOL, {"StoreAs": "half"}, UP,
        {"AddWith": "half"},
    )  # fmt: skip
    assert "'one'" not in (error.help or "")


@pytest.mark.parametrize("op", ["AddWith", "MulWith"])
@pytest.mark.parametrize(
    ("layers", "given"),
    [
        # Features have no order: neither cutting nor padding them means anything.
        (
            [{"Permute": {"dims": [0, 2, 1]}}, {"StoreAs": "a"},
             {"Linear": {"out_features": 5}}],
            "B C=4 T=8",
        ),
        # Channels.
        ([{"StoreAs": "a"}, conv(3)], "B C=4 T"),
        # Only some of the axes are sequences.
        ([{"StoreAs": "a"}, conv(3), POOL], "B C=4 T"),
    ],
    ids=["features", "channels", "channels and frames"],
)  # fmt: skip
def test_no_fit_is_proposed_for_axes_without_an_order(
    op: str, layers: list[Any], given: str
) -> None:
    with pytest.raises(MirbricksError) as caught:
        mb.compile_graph({"input": given, "layers": [*layers, {op: "a"}]})
    assert caught.value.code == "E203"
    assert "fit:" not in (caught.value.help or "")


def test_a_fit_is_proposed_where_only_frames_differ() -> None:
    layers = [{"StoreAs": "a"}, {"Conv1d": {"out_channels": 4, "kernel_size": 3}}]
    with pytest.raises(MirbricksError) as caught:
        mb.compile_graph({"input": "B C=4 T", "layers": [*layers, {"AddWith": "a"}]})
    assert (caught.value.help or "").startswith("add `fit: crop`, or ")


VECTOR = {
    "input": {"x": "B C=4 T", "t": "B D=4"},
    "layers": [
        {"StartFrom": "t"},
        {"UnSqueeze": {"dim": 2}},
        {"StoreAs": "time"},
        {"StartFrom": "x"},
    ],
}


@pytest.mark.parametrize(("op", "apply"), [("AddWith", "add"), ("MulWith", "mul")])
def test_a_single_value_counts_at_every_place(op: str, apply: str) -> None:
    layers = [*VECTOR["layers"], {op: "time"}]
    model = mb.compile_graph({**VECTOR, "layers": layers})
    x, t = torch.randn(2, 4, 7), torch.randn(2, 4)
    wanted = getattr(torch, apply)(x, t[:, :, None])
    assert torch.equal(model(x, t), wanted)
    assert model.output_shape == ("B", 4, "T")


def test_a_single_value_is_not_concatenated() -> None:
    layers = [*VECTOR["layers"], {"CatWith": "time"}]
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({**VECTOR, "layers": layers})
    assert caught.value.code == "E203"
    assert "fit:" not in (caught.value.help or "")


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_single_value_is_neither_padded_nor_does_it_crop(fit: str) -> None:
    layers = [*VECTOR["layers"], {"AddWith": {"key": "time", "fit": fit}}]
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({**VECTOR, "layers": layers})
    assert str(caught.value) == (
        "<dict>:10:3: AddWith 'time': `fit: " + fit + "` is not for an axis with a single value\n"
        "   10 | - AddWith:\n"
        "      |   ^^^^^^^\n"
        "  here    (B, 4, 64)\n"
        "  stored  (B, 4, 1)\n"
        "  help: leave `fit` out: a single value is added to every place     [E203]"
    )  # fmt: skip


@pytest.mark.parametrize("op", ["AddWith", "MulWith"])
@pytest.mark.parametrize("hop", [64, 256, 1000])
def test_one_frame_of_a_few_samples_is_not_a_single_value(op: str, hop: int) -> None:
    # The sizes that are tried first have fewer samples than a hop.
    doubled = {"kernel_size": 4, "stride": 2, "padding": 1}
    layers = [
        {"STFT": {"n_fft": 4 * hop, "hop_length": hop}},
        {"StoreAs": "spectrum"},
        {"Conv2d": {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1}},
        {"ConvTranspose2d": {"out_channels": 2, **doubled}},
        {op: {"key": "spectrum", "fit": "crop"}},
        {"ISTFT": {"n_fft": 4 * hop, "hop_length": hop, "size_of": "x"}},
    ]
    model = mb.compile_graph({"input": {"x": "B C=1 T"}, "layers": layers})
    assert model.output_shape == ("B", 1, "T")
    x = torch.randn(1, 1, 9 * hop + 3)
    assert model(x).shape == x.shape


def test_learned_positions_are_tried_with_as_few_frames_as_they_have() -> None:
    model = mb.compile_graph(
        {
            "input": "B C=1 F=32 T",
            "layers": [
                {"Rearrange": {"pattern": "b 1 f t -> b t f"}},
                {
                    "TransformerEncoder": {
                        "num_heads": 4,
                        "num_layers": 1,
                        "positions": "learned",
                        "max_frames": 64,
                    }
                },
            ],
        }
    )
    assert model.output_shape == ("B", "T", 32)
    assert 0 < model.free_sizes["T"] <= 64
    assert model(torch.randn(1, 1, 32, 40)).shape == (1, 40, 32)


@pytest.mark.parametrize("most", [5, 17, 100])
def test_limits_of_other_sizes(most: int) -> None:
    encoder = {
        "num_heads": 1,
        "num_layers": 1,
        "positions": "learned",
        "max_frames": most,
    }
    layers = [{"TransformerEncoder": encoder}]
    model = mb.compile_graph({"input": "B T D=4", "layers": layers})
    assert model.output_shape == ("B", "T", 4)
    assert model(torch.randn(1, most, 4)).shape == (1, most, 4)
