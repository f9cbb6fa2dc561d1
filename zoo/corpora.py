"""What is known of the corpora that models of the zoo were trained on: where they come from, on what terms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A corpus: its name in words, where it comes from, and its licence as stated there."""

    title: str
    source: str
    licence: str


ORIGINS = {
    "bach10": Origin(
        "Bach10, ten chorales of four voices",
        "Duan, Pardo & Zhang, IEEE TASLP 18(8), 2010",
        "none stated with the copy used; offered by its authors for research; not part of mirbricks",
    ),
    "billboard": Origin(
        "McGill Billboard, NNLS chroma and chords of pop songs",
        "Burgoyne, Wild & Fujinaga, ISMIR 2011",
        "CC0 as the McGill site says, with the request to cite",
    ),
    "covers80": Origin(
        "covers80, beat-synchronous chroma of works in two versions each",
        "Ellis & Cotton, LabROSA, 2007",
        "none stated for the data; derived features only, not part of mirbricks",
    ),
    "esc10": Origin(
        "ESC-10, environmental sounds of ten classes",
        "Piczak, ACM Multimedia 2015",
        "CC BY 3.0; the clips from Freesound under CC0, CC BY and CC Sampling+; not part of mirbricks",
    ),
    "maps": Origin(
        "MAPS, piano music with aligned notes, excerpts of 30 s",
        "Emiya, Badeau & David, IEEE TASLP 18(6), 2010",
        "none stated with the copy used (others list CC BY-NC-SA 2.0 FR): for experiments; not part of mirbricks",
    ),
    "philharmonia": Origin(
        "Philharmonia Orchestra, single notes",
        "Philharmonia Orchestra, London",
        "free to use, not to be sold or offered as samples; CC BY-SA 3.0; not part of mirbricks",
    ),
}
SYNTHETIC = Origin(
    "synthetic, made by `mirbricks data synth`", "mirbricks", "MIT, as mirbricks"
)
UNKNOWN = Origin("not known to mirbricks", "of the person who trained", "ask there")


def origin_of(name: str) -> Origin:
    """What is known of a corpus by its name; of parts such as `maps_dev` what is known of the whole."""
    # Parts and versions are named after the whole: maps_dev, esc10_augmented.
    known = [
        corpus for corpus in ORIGINS if name == corpus or name.startswith(f"{corpus}_")
    ]
    if known:
        return ORIGINS[known[0]]
    if name.startswith(("synth", "polyphony", "covers", "piano", "chords", "tones")):
        return SYNTHETIC
    return UNKNOWN
