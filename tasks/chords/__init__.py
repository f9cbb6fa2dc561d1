"""Chord estimation: which of 24 major and minor chords, or none, sounds in each frame."""
