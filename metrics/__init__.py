"""Figures of the field: thin over mir_eval and scikit-learn where they have them.

Names are loaded on first use: importing `mirbricks.metrics` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import face

if TYPE_CHECKING:
    from .bss_ratios import BssFrames as BssFrames
    from .bss_ratios import bss_eval as bss_eval
    from .calibration import calibrated as calibrated
    from .calibration import calibration_error as calibration_error
    from .calibration import fit_confidence as fit_confidence
    from .calibration import reliability as reliability
    from .chords import Chords as Chords
    from .chords import chord_figures as chord_figures
    from .chords import chord_seconds as chord_seconds
    from .codebooks import CodebookUse as CodebookUse
    from .codebooks import bit_rate_bps as bit_rate_bps
    from .embedding_sets import halves as halves
    from .embedding_sets import standardised as standardised
    from .frechet import FrechetInfinity as FrechetInfinity
    from .frechet import frechet_distance as frechet_distance
    from .frechet import frechet_infinity as frechet_infinity
    from .frechet import frechet_of_halves as frechet_of_halves
    from .frechet import frechet_per_clip as frechet_per_clip
    from .gaussians import GaussianStatistics as GaussianStatistics
    from .generation import generation_figures as generation_figures
    from .generation import real_against_real as real_against_real
    from .inception import InceptionScore as InceptionScore
    from .inception import inception_score as inception_score
    from .kernels import kernel_distance as kernel_distance
    from .kernels import kernel_distance_subsets as kernel_distance_subsets
    from .manifolds import Nearest as Nearest
    from .manifolds import copying_figures as copying_figures
    from .manifolds import manifold_figures as manifold_figures
    from .manifolds import nearest_items as nearest_items
    from .manifolds import realism_scores as realism_scores
    from .melody import melody_figures as melody_figures
    from .multi_pitch import Counts as Counts
    from .multi_pitch import multi_pitch_counts as multi_pitch_counts
    from .multi_pitch import multi_pitch_figures as multi_pitch_figures
    from .ngrams import CodeNgram as CodeNgram
    from .notes import note_figures as note_figures
    from .notes import velocity_figures as velocity_figures
    from .oracle_masks import binary_mask as binary_mask
    from .oracle_masks import comb_estimates as comb_estimates
    from .oracle_masks import oracle_estimates as oracle_estimates
    from .oracle_masks import ratio_mask as ratio_mask
    from .oracle_masks import wiener_mask as wiener_mask
    from .pitch import cents_off as cents_off
    from .pitch import note_f0_hz as note_f0_hz
    from .pitch import pitch_figures as pitch_figures
    from .reconstruction import ReconstructionFigures as ReconstructionFigures
    from .reconstruction import log_mel_distance_db as log_mel_distance_db
    from .reconstruction import si_sdr_db as si_sdr_db
    from .reconstruction import stft_distance as stft_distance
    from .retrieval import Ranks as Ranks
    from .retrieval import ranks_by_distance as ranks_by_distance
    from .retrieval import ranks_by_embedding as ranks_by_embedding
    from .retrieval import retrieval_figures as retrieval_figures
    from .separation import SeparationFigures as SeparationFigures
    from .separation import joint_si_sdr_db as joint_si_sdr_db
    from .sound_embeddings import ChromaStatistics as ChromaStatistics
    from .sound_embeddings import MelStatistics as MelStatistics
    from .sound_embeddings import SoundEmbedding as SoundEmbedding
    from .sound_embeddings import embed_sounds as embed_sounds
    from .tagging import best_thresholds as best_thresholds
    from .tagging import class_figures as class_figures
    from .tagging import confusion_matrix as confusion_matrix
    from .tagging import label_curves as label_curves
    from .tagging import multi_class_figures as multi_class_figures
    from .tagging import multi_label_figures as multi_label_figures
    from .tokens import TokenCrossEntropy as TokenCrossEntropy
    from .tokens import token_accuracy as token_accuracy

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "BssFrames": "bss_ratios",
        "Chords": "chords",
        "ChromaStatistics": "sound_embeddings",
        "CodeNgram": "ngrams",
        "CodebookUse": "codebooks",
        "Counts": "multi_pitch",
        "FrechetInfinity": "frechet",
        "GaussianStatistics": "gaussians",
        "InceptionScore": "inception",
        "MelStatistics": "sound_embeddings",
        "Nearest": "manifolds",
        "Ranks": "retrieval",
        "ReconstructionFigures": "reconstruction",
        "SeparationFigures": "separation",
        "SoundEmbedding": "sound_embeddings",
        "TokenCrossEntropy": "tokens",
        "best_thresholds": "tagging",
        "binary_mask": "oracle_masks",
        "bit_rate_bps": "codebooks",
        "bss_eval": "bss_ratios",
        "calibrated": "calibration",
        "calibration_error": "calibration",
        "cents_off": "pitch",
        "chord_figures": "chords",
        "chord_seconds": "chords",
        "class_figures": "tagging",
        "comb_estimates": "oracle_masks",
        "confusion_matrix": "tagging",
        "copying_figures": "manifolds",
        "embed_sounds": "sound_embeddings",
        "fit_confidence": "calibration",
        "frechet_distance": "frechet",
        "frechet_infinity": "frechet",
        "frechet_of_halves": "frechet",
        "frechet_per_clip": "frechet",
        "generation_figures": "generation",
        "halves": "embedding_sets",
        "inception_score": "inception",
        "joint_si_sdr_db": "separation",
        "kernel_distance": "kernels",
        "kernel_distance_subsets": "kernels",
        "label_curves": "tagging",
        "log_mel_distance_db": "reconstruction",
        "manifold_figures": "manifolds",
        "melody_figures": "melody",
        "multi_class_figures": "tagging",
        "multi_label_figures": "tagging",
        "multi_pitch_counts": "multi_pitch",
        "multi_pitch_figures": "multi_pitch",
        "nearest_items": "manifolds",
        "note_f0_hz": "pitch",
        "note_figures": "notes",
        "oracle_estimates": "oracle_masks",
        "pitch_figures": "pitch",
        "ranks_by_distance": "retrieval",
        "ranks_by_embedding": "retrieval",
        "ratio_mask": "oracle_masks",
        "real_against_real": "generation",
        "realism_scores": "manifolds",
        "reliability": "calibration",
        "retrieval_figures": "retrieval",
        "si_sdr_db": "reconstruction",
        "standardised": "embedding_sets",
        "stft_distance": "reconstruction",
        "token_accuracy": "tokens",
        "velocity_figures": "notes",
        "wiener_mask": "oracle_masks",
    },
)
