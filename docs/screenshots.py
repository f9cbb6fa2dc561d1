"""Bring the pictures that the browser tests took into the pages, small: `make screenshots`.

The tests write screenshots/*.png; the pages show docs/screenshots/*.webp, which are committed.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

DOCS = Path(__file__).resolve().parent
TAKEN = DOCS.parent / "screenshots"
SHOWN = DOCS / "screenshots"
# The name in the pages, and the picture of a test.
PICTURES = {
    "front": "site_index_1280_light.png",
    "studio_graph": "graph_error.png",
    "studio_listen": "listen.png",
    "studio_runs": "runs.png",
    "report_dark": "report_dark_1280.png",
}
WIDEST = 1280  # pixels
MOST_BYTES = 150_000
QUALITIES = (90, 80, 70, 60, 50)


def main() -> None:
    """Write every picture again, and print how large it is."""
    SHOWN.mkdir(exist_ok=True)
    for name, taken in PICTURES.items():
        content = small(Image.open(TAKEN / taken), SHOWN / f"{name}.webp")
        print(f"docs/screenshots/{name}.webp: {content / 1000:.0f} kB")


def small(picture: Image.Image, path: Path) -> int:
    """Write a picture in the best quality whose file is small enough; its size in bytes."""
    picture = picture.convert("RGB")
    if picture.width > WIDEST:
        height = round(picture.height * WIDEST / picture.width)
        picture = picture.resize((WIDEST, height), Image.Resampling.LANCZOS)
    for quality in QUALITIES:
        picture.save(path, "WEBP", quality=quality, method=6)
        if path.stat().st_size <= MOST_BYTES:
            return path.stat().st_size
    raise SystemExit(f"{path} has more than {MOST_BYTES} bytes at any quality")


if __name__ == "__main__":
    main()
