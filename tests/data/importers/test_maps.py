"""What the names of MAPS's files say."""

from __future__ import annotations

import pytest

from mirbricks.data.importers.beside import BesideOptions
from mirbricks.data.importers.maps import Maps


@pytest.mark.parametrize(
    ("key", "piece", "piano"),
    [
        ("MAPS_MUS-alb_se3_AkPnBcht.wav", "alb_se3", "AkPnBcht"),
        # A corpus of features may have keys without an ending.
        ("MAPS_MUS-alb_se3_AkPnBcht", "alb_se3", "AkPnBcht"),
        ("MAPS_ISOL_NO_F_S0_M23_Stb.flac", None, "Stb"),
        ("MAPS_ISOL_NO_F_S0_M23_Stb", None, "Stb"),
    ],
)
def test_piece_and_piano_are_in_the_name(
    key: str, piece: str | None, piano: str
) -> None:
    found = Maps(BesideOptions()).about(key)

    expected = {"instrument": piano}
    if piece is not None:
        expected["piece"] = piece
    assert {name: atoms[0].value for name, atoms in found.items()} == expected


@pytest.mark.parametrize("key", ["song.wav", "MAPS_MUS", "MAPS_MUS-a.wav"])
def test_other_names_say_nothing(key: str) -> None:
    assert Maps(BesideOptions()).about(key) == {}
