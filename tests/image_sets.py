"""Small sets of image directories, as templates/images has them."""

from __future__ import annotations

from pathlib import Path


def write_image(templates: Path, name: str, needs: str = "", build_args: str = "{}") -> Path:
    """An image that stands on at most one other; its directory."""
    directory = templates / "images" / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "Dockerfile").write_text("FROM scratch\n")
    (directory / "image.yaml").write_text(
        f'name: {name}\ntag: "1.0"\nversion: "1.0"\ntitle: A title\nsource: "somewhere: a package"\n'
        f"depends_on: [{needs}]\nbuild_args: {build_args}\n"
    )
    return directory


def write_chain(templates: Path) -> Path:
    """``app`` stands on ``tools``, which stands on ``base``."""
    for name, needs in (("base", ""), ("tools", "base"), ("app", "tools")):
        write_image(templates, name, needs)
    return templates
