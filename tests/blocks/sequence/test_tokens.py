"""Embeddings, codes in order, patches and class tokens against loops; a code is never an input of its own place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import mirbricks as mb
from mirbricks.blocks.sequence.patches import leave_out
from mirbricks.blocks.sequence.tokens import CodebookEmbedding
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]
CODES = (2, 3, 4)  # B, Q, T
Sizes = Callable[[Block], dict[str, tuple[int, ...]]]


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 4), (2,)])
def test_an_embedding_is_a_row_of_its_table(make: Make, shape: tuple[int, ...]) -> None:
    x = torch.randint(7, shape)
    block = make("TokenEmbedding", shape, num_embeddings=7, embedding_dim=4)
    expected = torch.stack([block.weight[int(i)] for i in x.flatten()]).view(*shape, 4)
    assert torch.equal(block(x), expected)
    assert torch.equal(block(x.int()), expected)


def test_floating_point_numbers_are_rounded_and_kept_within_the_table(
    make: Make,
) -> None:
    block = make("TokenEmbedding", (1, 5), num_embeddings=7, embedding_dim=4)
    x = torch.tensor([[-2.0, 0.4, 2.6, 6.2, 9.0]])
    assert torch.equal(block(x), block(torch.tensor([[0, 0, 3, 6, 6]])))


def test_an_integer_that_is_no_token_raises(make: Make) -> None:
    block = make("TokenEmbedding", (1, 1), num_embeddings=7, embedding_dim=4)
    for wrong in (-1, 7):
        with pytest.raises(IndexError, match=r"^index out of range in self$"):
            block(torch.tensor([[wrong]]))


def vectors(block: CodebookEmbedding, codes: Tensor) -> Tensor:
    """The vector of each code by itself, (B, Q, T, D)."""
    w = block.state_dict()
    y = torch.zeros(*codes.shape, w["tables"].shape[2], dtype=torch.float64)
    for b, q, t in torch.cartesian_prod(*map(torch.arange, codes.shape)).tolist():
        shared = "levels" in w
        y[b, q, t] = w["tables"][0 if shared else q, codes[b, q, t]] + (
            w["levels"][q] if shared else 0
        )
    return y


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_codes_stand_frame_by_frame_and_coarse_to_fine(
    make: Make, sizes_of: Sizes, shared: bool, start: bool
) -> None:
    codes = torch.randint(5, CODES)
    block = make(
        "CodebookEmbedding",
        CODES,
        num_embeddings=5,
        embedding_dim=6,
        shared=shared,
        start=start,
    )
    # By hand, since the loop reads its sizes from the weights.
    expected: dict[str, tuple[int, ...]] = {"tables": (1 if shared else 3, 5, 6)}
    if shared:
        expected["levels"] = (3, 6)
    if start:
        expected["start"] = (6,)
    assert sizes_of(block) == expected
    each, flat = vectors(block, codes), torch.zeros(2, 12, 6, dtype=torch.float64)
    for t in range(4):
        for q in range(3):
            flat[:, 3 * t + q] = each[:, q, t]
    if start:
        flat = torch.cat((block.start.detach().expand(2, 1, 6), flat[:, :-1]), dim=1)
    torch.testing.assert_close(block(codes).detach(), flat)


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_codes_of_a_frame_can_be_summed(make: Make, shared: bool, start: bool) -> None:
    codes = torch.randint(5, CODES)
    block = make(
        "CodebookEmbedding",
        CODES,
        num_embeddings=5,
        embedding_dim=6,
        pattern="sum",
        shared=shared,
        start=start,
    )
    total = vectors(block, codes).sum(1)
    if start:
        total = torch.cat((block.start.detach().expand(2, 1, 6), total[:, :-1]), dim=1)
    torch.testing.assert_close(block(codes).detach(), total)


def test_the_start_is_no_code_and_codebooks_are_told_apart(make: Make) -> None:
    block = make("CodebookEmbedding", CODES, num_embeddings=5, embedding_dim=6)
    y = block(torch.zeros(CODES, dtype=torch.long))[0]
    assert (
        len({tuple(row) for row in y.tolist()}) == 4
    )  # the start, and code 0 of three codebooks


def test_a_place_holds_no_code_that_it_is_to_say(make: Make) -> None:
    block, codes = (
        make("CodebookEmbedding", CODES, num_embeddings=5, embedding_dim=6),
        torch.zeros(CODES).long(),
    )
    before, places = (
        block(codes),
        block.in_order(torch.arange(12).view(1, 3, 4))[0].tolist(),
    )
    assert places == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    for place, number in enumerate(places):
        changed = codes.clone()
        changed[:, number // 4, number % 4] = 1
        moved = (block(changed) != before).any(2).any(0).nonzero().flatten().tolist()
        assert moved == ([place + 1] if place < 11 else [])


def test_vectors_of_single_codes_make_the_sequence(make: Make) -> None:
    for shared in (True, False):
        codes = torch.randint(5, CODES)
        block = make(
            "CodebookEmbedding", CODES, num_embeddings=5, embedding_dim=6, shared=shared
        )
        ordered = block.in_order(codes)
        one_by_one = [block.embed_one(ordered[:, i], i % 3) for i in range(11)]
        assert torch.equal(
            torch.cat((block.start_of(2), *one_by_one), dim=1), block(codes)
        )


def test_an_embedding_without_a_start_says_so(make: Make) -> None:
    block = make(
        "CodebookEmbedding", CODES, num_embeddings=5, embedding_dim=6, start=False
    )
    with pytest.raises(
        ValueError,
        match=r"^this CodebookEmbedding has no start vector: give it 'start: true'$",
    ):
        block.start_of(2)


def test_patches_by_a_loop(make: Make, sizes_of: Sizes) -> None:
    x = torch.randn(2, 2, 8, 10, dtype=torch.float64)
    config = {
        "embed_dim": 4,
        "patch_size": [4, 3],
        "stride": [2, 3],
        "max_rows": 5,
        "max_columns": 6,
    }
    block = make("PatchEmbed2d", x.shape, **config)
    assert sizes_of(block) == {
        "proj.weight": (4, 2, 4, 3),
        "proj.bias": (4,),
        "rows": (4, 5, 1),
        "columns": (4, 1, 6),
    }
    w, expected = block.state_dict(), []
    for row in range(3):
        for column in range(3):
            patch = x[:, :, 2 * row : 2 * row + 4, 3 * column : 3 * column + 3].flatten(
                1
            )
            token = patch @ w["proj.weight"].flatten(1).T + w["proj.bias"]
            expected.append(token + w["rows"][:, row, 0] + w["columns"][:, 0, column])
    torch.testing.assert_close(block(x).detach(), torch.stack(expected, dim=1))


def test_patches_without_positions_do_not_overlap(make: Make, sizes_of: Sizes) -> None:
    x = torch.randn(2, 1, 6, 9, dtype=torch.float64)
    block = make("PatchEmbed2d", x.shape, embed_dim=4, patch_size=3)
    patches = x.unfold(2, 3, 3).unfold(3, 3, 3).flatten(4).flatten(2, 3)[:, 0]
    w = block.state_dict()
    torch.testing.assert_close(
        block(x).detach(), patches @ w["proj.weight"].flatten(1).T + w["proj.bias"]
    )
    assert sizes_of(block) == {"proj.weight": (4, 1, 3, 3), "proj.bias": (4,)}


def test_patchout_leaves_out_whole_rows_and_columns_in_training_only(
    make: Make,
) -> None:
    x = torch.randn(3, 1, 8, 12, dtype=torch.float64)
    config: dict[str, Any] = {
        "embed_dim": 4,
        "patch_size": 2,
        "max_rows": 4,
        "max_columns": 6,
    }
    block = make("PatchEmbed2d", x.shape, **config, drop_rows=1, drop_columns=2)
    whole, seen = block.eval()(x), set()
    assert whole.shape[1] == 4 * 6
    block.train()
    for _ in range(20):
        y = block(x)
        same = (y[0, :, None] == whole[0, None]).all(2)
        kept = same.float().argmax(1)
        assert same.any(1).all()
        assert torch.equal(y, whole[:, kept])  # alike in the batch
        rows, columns = (
            sorted(set((kept // 6).tolist())),
            sorted(set((kept % 6).tolist())),
        )
        assert kept.tolist() == [6 * r + c for r in rows for c in columns]  # in order
        assert (len(rows), len(columns)) == (3, 4)
        seen.add((*rows, *columns))
    assert len(seen) > 5


def test_one_slice_is_left_at_least() -> None:
    assert leave_out(torch.randn(2, 3, 4), 2, 9).shape == (2, 3, 1)
    x = torch.randn(2, 3, 4)
    assert leave_out(x, 2, 0) is x


@pytest.mark.parametrize("count", [1, 2])
def test_class_tokens_come_first_and_are_read_again(make: Make, count: int) -> None:
    x = torch.randn(3, 5, 4, dtype=torch.float64)
    token, pool = (
        make(name, x.shape, num_tokens=count)
        for name in ("ClassToken", "ClassTokenPool")
    )
    y = token(x).detach()
    assert torch.equal(y[:, count:], x)
    for item in y:
        assert torch.equal(item[:count], token.tokens[0])
    torch.testing.assert_close(pool(y), sum(y[:, i] for i in range(count)) / count)


def refusal(axes: str, layer: dict[str, Any]) -> str:
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({"input": axes, "layers": [layer]})
    return str(caught.value)


@pytest.mark.parametrize(
    ("axes", "layer", "came", "words"),
    [
        (
            "B C=2 F=8 T=9",
            {"PatchEmbed2d": {"embed_dim": 4, "patch_size": 2, "max_rows": 3}},
            "(B, 2, 8, 9)",
            "PatchEmbed2d has max_rows 3, but 4 rows of patches came",
        ),
        (
            "B C=2 F=8 T=9",
            {"PatchEmbed2d": {"embed_dim": 4, "patch_size": 2, "max_columns": 3}},
            "(B, 2, 8, 9)",
            "PatchEmbed2d has max_columns 3, but 4 columns of patches came",
        ),
        (
            "B T=1 D=6",
            {"ClassTokenPool": {"num_tokens": 2}},
            "(B, 1, 6)",
            "ClassTokenPool reads 2 tokens, but 1 came",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    axes: str, layer: dict[str, Any], came: str, words: str
) -> None:
    name = next(iter(layer))
    assert refusal(axes, layer) == (
        f"<dict>:3:3: {name} cannot run on this tensor\n"
        f"    3 | - {name}:\n"
        f"      |   {'^' * len(name)}\n"
        f"  here   {came}   the input\n"
        f"  torch  {words}\n"
        "  help: change its config or the sizes     [E204]"
    )
