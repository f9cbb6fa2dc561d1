"""The version, in one place: setup.cfg, the package, runs and commands read it here."""

__version__ = "0.2.0"
