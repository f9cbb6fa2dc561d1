"""The notebooks of the gallery for Jupyter: `make notebooks`, or `python -m docsite.notebooks` in docs/."""

from __future__ import annotations

from .gallery import as_ipynb, notebook_paths
from .staging import DOCS

OUT = DOCS / "_build" / "ipynb"


def main() -> None:
    """Write each as .ipynb and print where they are."""
    OUT.mkdir(parents=True, exist_ok=True)
    for path in notebook_paths():
        content = as_ipynb(path.read_text(encoding="utf-8"))
        (OUT / f"{path.stem}.ipynb").write_text(content, encoding="utf-8")
    print(OUT)


if __name__ == "__main__":
    main()
