"""Synthetic corpora: audio with exact annotations, made from a seed."""
