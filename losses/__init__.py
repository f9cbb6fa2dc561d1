"""Losses: what torch does not have, and checks around what it has."""
