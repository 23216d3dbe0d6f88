"""Pictures of pages, for a designer's eye: on a desk and on a phone, by day and by night."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

_SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1440, "height": 900},
    "phone": {"width": 390, "height": 844},
}
_SCHEMES = ("light", "dark")
_WHOLE_HEIGHT_MAX = 8000


def take(page: Page, folder: Path, name: str) -> None:
    """
    Write `NAME-desktop-light.png` and so on into the folder, and `NAME-…-whole.png` of pages that
    are longer than the window. The page is left as it was found on the desk, by day.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for size, scheme in reversed(list(product(_SIZES, _SCHEMES))):
        page.set_viewport_size(_SIZES[size])
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two literals
        page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", animations="disabled")
        height = page.evaluate("document.documentElement.scrollHeight")
        if scheme == "light" and height > _SIZES[size]["height"]:
            page.screenshot(
                path=folder / f"{name}-{size}-whole.png",
                animations="disabled",
                full_page=True,
                clip={
                    "x": 0,
                    "y": 0,
                    "width": _SIZES[size]["width"],
                    "height": min(height, _WHOLE_HEIGHT_MAX),
                },
            )
