"""The package's own blocks, a folder a family."""
