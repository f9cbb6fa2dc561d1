"""Names: of blocks, tasks, features, augmentations, losses and importers, our own and those of other packages.

One pattern for all of them. A module registers what it defines while it is imported; a `Catalogue` imports those
modules when a name is first asked for, so that importing mirbricks costs nothing before.

    TASKS = Catalogue("task", package="mirbricks.tasks", group="mirbricks.tasks", error=TaskError, code="E500")

    TASKS.register("multi_pitch", MultiPitch)
    TASKS.get("multi_pich")        # TaskError: there is no task 'multi_pich'; did you mean 'multi_pitch'?

Other packages come in by an entry-point group (each entry names a module that registers on import) or by
`load_plugin`; never by a path inside a graph file.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import warnings
from importlib.metadata import entry_points
from pathlib import Path
from typing import Generic, TypeVar

from .errors import MirbricksError, RegistryError, Where, did_you_mean

T = TypeVar("T")
LONGEST = 60  # characters of a wrong value that a message shows


class Catalogue(Generic[T]):
    """What is known by name, of one kind.

    Parameters
    ----------
    kind : str
        The kind in words, as messages write it: "task".
    package : str
        The package whose modules register on import; all of them are imported when a name is first asked for.
    group : str
        The entry-point group by which other packages name their modules, such as "mirbricks.tasks".
    error : type of MirbricksError
        What `get` raises for an unknown name.
    code : str
        The code of that error.
    listing : str, optional
        Where all names are listed, for the help of that error; by default the help lists them itself.
    families : bool
        Whether the folders of the package sort its modules, which are then imported one by one. Otherwise a folder is
        imported as a whole, and loads what it registers: a task, and not yet its pictures.
    base : type, optional
        What every registered class derives from; without one, functions may be registered too.

    Attributes
    ----------
    known : dict
        What has been registered so far. Tests put a copy in its place, and lose nothing.
    """

    def __init__(
        self,
        kind: str,
        *,
        package: str,
        group: str,
        error: type[MirbricksError],
        code: str,
        listing: str = "",
        families: bool = False,
        base: type | None = None,
    ) -> None:
        self.kind = kind
        self.base = base
        self.package = package
        self.group = group
        self.error = error
        self.code = code
        self.listing = listing
        self.families = families
        self.known: dict[str, T] = {}
        self._paths: dict[str, str] = {}
        self._texts: dict[str, str] | None = None
        self._own_are_in = False
        self._plugins_are_in = False

    def register(self, name: str, entry: T, cls: type | None = None) -> None:
        """Make `entry` known as `name`.

        The same class may be registered again, as when a notebook's cell runs twice.

        Parameters
        ----------
        name : str
            What users write.
        entry : T
            What `get` returns.
        cls : type, optional
            The class that the name stands for, where the entry is not that class itself.

        Raises
        ------
        RegistryError
            E301 where another class has the name: it is the newcomer that is refused. E302 for a class that does not
            derive from `base`, E313 for a name that is not text.
        """
        self.refuse_name(name)
        path = _path(cls or entry)
        if not self.owns(cls or entry):
            # A plug-in is often imported before any of our own modules. Without them a name of ours would seem free,
            # and the collision would come to light later, in a module of ours that did nothing wrong.
            self._import_own()
        # By full name and not by identity: a notebook's cell makes a new class of the same name each time it runs.
        if name in self.known and self._paths[name] != path:
            raise RegistryError(
                f"the name '{name}' is taken by another {self.kind}",
                code="E301",
                facts=[("registered", self._paths[name]), ("refused", path)],
                help="register it under another name",
            )
        self.refuse_class(name, cls or entry)
        self.known[name] = entry
        self._paths[name] = path

    def refuse_name(self, name: object) -> None:
        """Raise RegistryError E313 for what cannot be a name: anything but text, and text without a character."""
        if isinstance(name, str) and name and name == name.strip():
            return
        raise RegistryError(
            f"the name of a {self.kind} must be text without blanks around it, got {name!r}",
            code="E313",
            help=f'give it one, such as "my_{self.kind}"',
        )

    def refuse_class(self, name: str, cls: object) -> None:
        """Raise RegistryError E302 for a class that is not of the kind: it would break whatever lists or builds it."""
        if self.base is None:
            fits = callable(cls)
            expected = "a function or a class"
        else:
            fits = isinstance(cls, type) and issubclass(cls, self.base)
            expected = f"a subclass of {self.base.__name__}"
        if not fits:
            raise RegistryError(
                f"the {self.kind} '{name}' must be {expected}, got {_came(cls)}",
                code="E302",
                help=self._derive(),
            )

    def _derive(self) -> str:
        if self.base is None:
            return "register what can be called"
        # Public names are imported from the folder, not from the module that defines them.
        room = self.base.__module__.rpartition(".")[0]
        return f"derive it from {room}.{self.base.__name__}"

    def all(self) -> dict[str, T]:
        """Everything of this kind by name, sorted; with what other packages bring."""
        self._import_own()
        self._import_plugins()
        return dict(sorted(self.known.items()))

    def find(self, name: str) -> T | None:
        """What is registered as `name`, or None; of our own modules only the one that registers it is imported."""
        if name not in self.known:
            self._import_registering(name)
        self._import_plugins()
        if name not in self.known:
            self._import_own()
        return self.known.get(name)

    def get(self, name: str, where: Where | None = None) -> T:
        """What is registered as `name`.

        Parameters
        ----------
        name : str
            The user's word.
        where : Where, optional
            Its place in the user's file.

        Raises
        ------
        MirbricksError
            The catalogue's own error, with the names nearest to the word.
        """
        if isinstance(name, str):
            if name not in self.known:
                self._import_called(name)
            if name in self.known:
                return self.known[name]
        known = self.all()
        if isinstance(name, str) and name in known:
            return known[name]
        listing = self.listing or f"{self.kind}s are: {', '.join(known)}"
        if not isinstance(name, str):
            raise self.error(
                f"the name of a {self.kind} must be text, got {_came(name)}",
                code=self.code,
                where=where,
                help=listing,
            )
        raise self.error(
            f"there is no {self.kind} '{name}'",
            code=self.code,
            where=where,
            help=did_you_mean(name, known) or listing,
        )

    def owns(self, cls: object) -> bool:
        """Whether a class is one of mirbricks' own, and not of a plug-in."""
        return str(getattr(cls, "__module__", "")).startswith(f"{self.package}.")

    def _import_called(self, name: str) -> None:
        """Import the module or folder of our own that is called as the name, if there is one.

        Most tasks, features and importers lie in such a module, and the others then need not be imported.
        """
        if self.families or not name.isidentifier():
            return
        path = f"{self.package}.{name}"
        if importlib.util.find_spec(path) is not None:
            importlib.import_module(path)

    def _import_registering(self, name: str) -> None:
        """Import the module of our own whose text registers the name, if there is one.

        To read all of them takes some milliseconds, to import them half a second. Where a name is registered in
        another way, or there is no text to read, all are imported.
        """
        if self._texts is None:
            self._texts = _texts_of(self.package)
        pattern = re.compile(rf'register\(\s*"{re.escape(name)}"')
        for module, text in self._texts.items():
            if pattern.search(text):
                importlib.import_module(module)

    def _import_own(self) -> None:
        """Import every module of the package. Python imports each once, so several threads may arrive here."""
        if self._own_are_in:
            return
        self._import_folder(self.package)
        self._own_are_in = True

    def _import_folder(self, folder: str) -> None:
        package = importlib.import_module(folder)
        for module in pkgutil.iter_modules(package.__path__, f"{folder}."):
            # The `__init__.py` of a folder registers what is in it, unless it only sorts files into families.
            if module.ispkg and self.families:
                self._import_folder(module.name)
            else:
                importlib.import_module(module.name)

    def _import_plugins(self) -> None:
        """Import what installed packages name; a broken one is reported once, and does not take the others away."""
        if self._plugins_are_in:
            return
        # Set before the imports, for a plug-in that asks for a name while it is imported.
        self._plugins_are_in = True
        for entry in sorted(entry_points(group=self.group), key=lambda one: one.name):
            try:
                load_plugin(entry.value)
            except RegistryError as error:
                warnings.warn(str(error), stacklevel=2)


def _texts_of(package: str) -> dict[str, str]:
    """The texts of all modules of a package, by their dotted names; nothing is imported but the package."""
    found: dict[str, str] = {}
    for root in importlib.import_module(package).__path__:
        for file in sorted(Path(root).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            found[".".join([package, *parts])] = file.read_text(encoding="utf-8")
    return found


def load_plugin(module: str) -> None:
    """Import a module that registers blocks, tasks, features, augmentations, losses or importers.

    Parameters
    ----------
    module : str
        Its dotted name, as Python imports it.

    Raises
    ------
    RegistryError
        E306 where the module cannot be imported; E301 to E304 where it breaks the rules of registration.

    Examples
    --------
    >>> load_plugin("json")  # any module can be imported, also one that registers nothing
    """
    try:
        importlib.import_module(module)
    except RegistryError:
        raise
    except (Exception, SystemExit) as error:
        # A plug-in may fail in any way, `sys.exit` among them; the user learns which one it was.
        reason = f"{type(error).__name__}: {error}"
        raise RegistryError(
            f"plugin '{module}' cannot be imported: {reason}",
            code="E306",
            help=_help_for(error, module),
        ) from error


def _help_for(error: BaseException, module: str) -> str:
    """The next step where a plugin cannot be imported."""
    absent = None
    if isinstance(error, ModuleNotFoundError):
        absent = error.name
    # The plugin itself is missing, or its package; a module that it imports in turn is its own mistake.
    if absent and f"{module}.".startswith(f"{absent}."):
        return f"there is no module '{absent}'; is it installed, or beside the graph?"
    return "correct or uninstall it"


def _path(cls: object) -> str:
    """The full name of a class."""
    return f"{getattr(cls, '__module__', '')}.{getattr(cls, '__qualname__', cls)}"


def _came(value: object) -> str:
    """A value in a message: a class by its name, anything else as Python writes it, cut short."""
    if isinstance(value, type):
        return f"the class {_path(value)}"
    text = repr(value)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    return f"{text} ({type(value).__name__})"
