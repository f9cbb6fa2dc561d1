"""Augmentations of waveforms (B, C, N) and of spectra (B, C, F, T): batched, seeded, on the device of the tensor."""
