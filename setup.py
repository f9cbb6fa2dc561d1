"""The packages of mirbricks: every folder with an `__init__.py`, below the name that the repository's root has.

setup.cfg has the rest. It cannot find packages by itself, because the root of the repository *is* the package.
"""

from setuptools import find_packages, setup

inner = [f"mirbricks.{name}" for name in find_packages()]
setup(packages=["mirbricks", *inner])
