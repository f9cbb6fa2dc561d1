"""A graph file from a stranger does no harm: no code, no path out of its folder, no endless work, no escape codes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.errors import MirbricksError

PATIENCE_S = 5.0  # of the processor: every refusal takes less than one, whatever else the machine does
GRAPH = "input: B C=2 T\nlayers:\n  - graph: {}\n"
BOMB = ["a: &a [x, x, x, x, x, x, x, x, x]"] + [
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]"
    for i in range(12)
]


def code_of(text: str | bytes, folder: Path) -> str:
    """The code with which a file is refused, in no time."""
    path = folder / "graph.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    begin = time.process_time()
    with pytest.raises(MirbricksError) as caught:
        mb.compile_graph(path)
    assert time.process_time() - begin < PATIENCE_S
    assert not any(
        ord(character) < 32 and character not in "\n\t"
        for character in str(caught.value)
    )
    return caught.value.code


NESTED = """
input: B C=2 T
layers:
  - repeat: 1000
    layers:
      - repeat: 1000
        index: j
        layers: [ReLU]
"""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x: 1\n" * 2_500_000, "E103"),  # ten megabytes
        (b"\x00" * 10_000_000, "E103"),
        ("\n".join(BOMB), "E103"),
        ("layers: &a [*a]", "E103"),
        ("a: " + "[" * 100_000, "E103"),
        ("a: " + "{b: " * 50_000, "E103"),
        ("\n".join(" " * i + "a:" for i in range(500)), "E103"),
        ("layers:\n" + "  - ReLU\n" * 20_000, "E103"),
        (NESTED, "E103"),
        ("input: B C=2 T\nlayers:\n" + "  - branch: [[ReLU], []]\n" * 2_500, "E103"),
        ("a: !!python/object/apply:os.system [echo]", "E102"),
        ("a: !!python/name:os.system", "E102"),
        (
            "input: B C=2 T\nlayers:\n  - Dropout: {p: \"${__import__('os').system('x')}\"}\n",
            "E117",
        ),
        ('input: B C=2 T\nlayers:\n  - Dropout: {p: "${9**9**9**9}"}\n', "E117"),
        ('input: B C=2 T\nlayers:\n  - Dropout: {p: "${' + "(" * 190 + '}"}\n', "E117"),
        (
            "input: B C=2 T\nlayers:\n  - Conv1d: {out_channels: 1000000000000, kernel_size: 1000000}\n",
            "E106",
        ),
        (
            "input: B C=60000 T\nlayers:\n  - Conv1d: {out_channels: 60000, kernel_size: 500}\n",
            "E204",
        ),
        ("input: B C=99999999999 T\nlayers: [ReLU]\n", "E113"),
        ('name: "\\e[31mred"\ninput: B C=2 T\nlayers: [ReLU]\n', "E102"),
        ('input: B C=2 T\nlayers: ["\\e]0;title\\a"]\n', "E102"),
        ("input: B C=2 T\nlayers: [ReLU: {name: ../x}]\n", "E106"),
    ],
)
def test_a_hostile_file_is_refused(
    text: str | bytes, code: str, tmp_path: Path
) -> None:
    assert code_of(text, tmp_path) == code


def link_out(folder: Path) -> str:
    (folder / "inside.yaml").symlink_to("/etc/hostname")
    return "inside.yaml"


def folder_out(folder: Path) -> str:
    (folder / "sub").symlink_to("/etc")
    return "sub/hostname"


def loop(folder: Path) -> str:
    (folder / "one.yaml").symlink_to(folder / "two.yaml")
    (folder / "two.yaml").symlink_to(folder / "one.yaml")
    return "one.yaml"


def fifo(folder: Path) -> str:
    os.mkfifo(folder / "pipe.yaml")
    return "pipe.yaml"


def parts_of_parts(folder: Path) -> str:
    """Each of these files has the next one ten times: 10^12 layers."""
    for i in range(12):
        (folder / f"part{i}.yaml").write_text(
            "layers:\n" + f"  - graph: part{i + 1}.yaml\n" * 10
        )
    (folder / "part12.yaml").write_text("layers: [ReLU]\n")
    return "part0.yaml"


@pytest.mark.skipif(os.name == "nt", reason="links and pipes")
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda _: "/etc/hostname", "E114"), (lambda _: "../../etc/hostname", "E114"), (lambda _: "/dev/zero", "E114"),
        (link_out, "E114"), (folder_out, "E114"), (loop, "E114"), (fifo, "E101"), (parts_of_parts, "E103"),
        (lambda _: ".", "E101"), (lambda _: "a" * 5000, "E114"),
    ],
)  # fmt: skip
def test_no_path_leads_out(
    make: Callable[[Path], str], code: str, tmp_path: Path
) -> None:
    assert code_of(GRAPH.format(make(tmp_path)), tmp_path) == code


def test_a_part_may_name_a_file_above_it_inside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "part.yaml").write_text("layers:\n  - graph: ../shared.yaml\n")
    (tmp_path / "shared.yaml").write_text("layers: [Tanh]\n")
    (tmp_path / "graph.yaml").write_text(GRAPH.format("sub/part.yaml"))
    assert [node.block for node in mb.compile_graph(tmp_path / "graph.yaml").nodes] == [
        "Tanh"
    ]
