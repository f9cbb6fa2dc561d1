"""The packages of mirbricks: every folder with an `__init__.py`, below the name that the repository's root has.

setup.cfg has the rest. It cannot find packages by itself, because the root of the repository *is* the package.
"""

from setuptools import find_packages, setup

DATA = ["graphs"]  # folders of files that are not code

inner = [f"mirbricks.{name}" for name in [*find_packages(), *DATA]]
setup(packages=["mirbricks", *inner])
