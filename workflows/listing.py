"""What there is, by name: blocks, graphs, tasks, models, features."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from ..errors import RegistryError
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

    Returns
    -------
    list of str
        Sorted; empty where none matches.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_blocks("autopool*")
    ['AutoPool', 'AutoPoolSplit']
    """
    return _matching(blocks(), pattern)


def list_graphs(pattern: str = "*") -> list[str]:
    """The names of the graphs that come with mirbricks; each stands wherever a graph file may.

    Parameters
    ----------
    pattern : str
        Shell-style, without regard to case: "mpe*".

    Returns
    -------
    list of str
        Sorted; empty where none matches.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_graphs("mpe_s*")
    ['mpe_small']
    """
    return _matching(graphs(), pattern)


def list_tasks(pattern: str = "*") -> list[str]:
    """The names of the tasks, as `task: {type: NAME}` of a graph file takes them.

    Parameters
    ----------
    pattern : str
        Shell-style, without regard to case: "*pitch".

    Returns
    -------
    list of str
        Sorted, those of plug-ins among them; empty where none matches.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_tasks("*pitch")
    ['multi_pitch']
    """
    return _matching(tasks(), pattern)


def list_models(pattern: str = "*") -> list[str]:
    """The names of the models that come trained with mirbricks, as `mirbricks.load` takes them.

    Parameters
    ----------
    pattern : str
        Shell-style, without regard to case, with the prefix or without: "mpe*" finds "zoo:mpe_bach10".

    Returns
    -------
    list of str
        Sorted, each with its prefix `zoo:`; empty where none matches.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_models("*bach10")
    ['zoo:instruments_bach10', 'zoo:mpe_bach10', 'zoo:separation_bach10']
    """
    known = [f"{PREFIX}{name}" for name in names()]
    # A pattern that begins with a name is as good as one that begins with the prefix.
    found = {*_matching(known, pattern), *_matching(known, f"{PREFIX}{pattern}")}
    return sorted(found)


def list_features(pattern: str = "*") -> list[str]:
    """The names of the features, as `feature: {type: NAME}` and `mirbricks.feature` take them.

    Parameters
    ----------
    pattern : str
        Shell-style, without regard to case: "*cqt".

    Returns
    -------
    list of str
        Sorted, those of plug-ins among them; empty where none matches.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.list_features("*cqt")
    ['cqt', 'hcqt']
    """
    return _matching(features(), pattern)


def _matching(known: Iterable[str], pattern: str) -> list[str]:
    """The names that fit, sorted. Raises RegistryError E313 for a pattern that is not text."""
    if not isinstance(pattern, str):
        raise RegistryError(
            f"a pattern of names must be text, got {pattern!r}",
            code="E313",
            help='write "*pool*", or leave it out for all names',
        )
    found = []
    for name in sorted(known):
        if fnmatchcase(name.lower(), pattern.lower()):
            found.append(name)
    return found
