"""A task of two graphs that train in turns, for mirbricks."""
