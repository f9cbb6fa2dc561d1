"""Hosted corpora: download with resume, checksums, safe unpacking."""
