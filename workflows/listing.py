"""What there is, by name: blocks, graphs, tasks, models, features."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from ..features.base import features
from ..registry import blocks
from ..tasks.finding import tasks
from ..zoo import PREFIX, graphs, names


def list_blocks(pattern: str = "*") -> list[str]:
    """The names of the blocks, those of plug-ins too, sorted.

    Parameters
    ----------
    pattern : str
        Shell-style, without regard to case: "*pool*".

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_blocks("autopool*")
    ['AutoPool', 'AutoPoolSplit']
    """
    return _matching(blocks(), pattern)


def list_graphs(pattern: str = "*") -> list[str]:
    """The names of the graphs that come with mirbricks; each stands wherever a graph file may.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_graphs("mpe_s*")
    ['mpe_small']
    """
    return _matching(graphs(), pattern)


def list_tasks(pattern: str = "*") -> list[str]:
    """The names of the tasks, as `task: {type: NAME}` of a graph file takes them.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_tasks("*pitch")
    ['multi_pitch']
    """
    return _matching(tasks(), pattern)


def list_models(pattern: str = "*") -> list[str]:
    """The names of the models that come trained with mirbricks, as `mirbricks.load` takes them.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_models("*bach10")
    ['zoo:instruments_bach10', 'zoo:mpe_bach10']
    """
    return _matching([f"{PREFIX}{name}" for name in names()], pattern)


def list_features(pattern: str = "*") -> list[str]:
    """The names of the features, as `feature: {type: NAME}` and `mirbricks.feature` take them.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_features("*cqt")
    ['cqt', 'hcqt']
    """
    return _matching(features(), pattern)


def _matching(known: Iterable[str], pattern: str) -> list[str]:
    found = []
    for name in sorted(known):
        if fnmatchcase(name.lower(), pattern.lower()):
            found.append(name)
    return found
