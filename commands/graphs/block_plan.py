"""Where the files of a new block go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import RegistryError, did_you_mean

# What tells a checkout of mirbricks from another folder.
CHECKOUT = ("setup.cfg", "registry.py", "blocks/__init__.py", "tests/blocks", "graphs")
FAMILIES = {"1d": "convolution", "2d": "convolution", "seq": "sequence"}  # by kind


@dataclass(frozen=True)
class Plan:
    """Where the three files go, and how they are reached from `root`."""

    root: Path  # the folder to be in for the next commands
    block: Path
    test: Path
    graph: Path
    module: str  # what --plugin and the test import; in a checkout of mirbricks the test does
    inside: bool  # whether `root` is a checkout of mirbricks

    @property
    def paths(self) -> tuple[Path, Path, Path]:
        return self.block, self.test, self.graph


def planned(folder: Path, module: str, kind: str, family: str | None) -> Plan:
    """The plan for a module in a folder.

    A checkout of mirbricks has its own places, by family; raises `RegistryError` E307 for a family that it does not
    have. Elsewhere the files lie side by side, as part of the package of that folder if there is one.
    """
    if all((folder / part).exists() for part in CHECKOUT):
        return _in_checkout(folder, module, family or FAMILIES[kind])
    if family is not None:
        message = f"--family is for a checkout of mirbricks, and '{folder}' is not one"
        raise RegistryError(message, code="E307", help="leave --family out")
    # A folder inside a package: the block is imported by its full dotted name.
    root = folder
    dotted = module
    while (root / "__init__.py").exists() and root != root.parent:
        dotted = f"{root.name}.{dotted}"
        root = root.parent
    return Plan(
        root=root,
        block=folder / f"{module}.py",
        test=folder / f"test_{module}.py",
        graph=folder / f"{module}.yaml",
        module=dotted,
        inside=False,
    )


def _in_checkout(folder: Path, module: str, family: str) -> Plan:
    known = sorted(path.parent.name for path in folder.glob("blocks/*/__init__.py"))
    if family not in known:
        hint = did_you_mean(family, known) or f"the families are: {', '.join(known)}"
        message = f"there is no family '{family}' of blocks"
        raise RegistryError(message, code="E307", help=hint)
    return Plan(
        root=folder,
        block=folder / "blocks" / family / f"{module}.py",
        test=folder / "tests" / "blocks" / family / f"test_{module}.py",
        graph=folder / "graphs" / f"{module}.yaml",
        module=f"mirbricks.blocks.{family}.{module}",
        inside=True,
    )
