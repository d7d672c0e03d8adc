"""Pictures of the user's own: a directory of image files."""

from pathlib import Path
from typing import Final

import numpy as np

from zoo_analysis.errors import ActivationError

SUFFIXES: Final = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

#: Pixels of the shorter side beyond which a picture is reduced when it is read: models look at
#: 200 to 400, and hundreds of photographs of a camera would not fit into memory.
LARGEST: Final = 384


def image_files(directory: Path) -> list[Path]:
    """The image files in and below a directory, sorted; hidden ones are passed over.

    Raises:
        ActivationError: there are none.
    """
    files = sorted(
        path
        for path in directory.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(directory).parts)
    )
    if not files:
        raise ActivationError(f"{directory}: no images; known are files in {' '.join(SUFFIXES)}")
    return files


def read_image(path: Path) -> np.ndarray:
    """A picture the right way up, its shorter side at most `LARGEST` pixels.

    Returns:
        uint8, (height, width) of a grey picture, else (height, width, 3); transparency is
        dropped.

    Raises:
        ActivationError: no image, or a damaged one.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            # 16-bit and floating pixels have no conversion that keeps their contrast.
            if picture.mode.startswith(("I", "F")):
                raise ActivationError(f"{path}: {picture.mode} pixels; convert it to 8 bits")
            picture = picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB")
            factor = LARGEST / min(picture.size)
            if factor < 1:
                width, height = (max(1, round(side * factor)) for side in picture.size)
                picture = picture.resize((width, height), Image.Resampling.BICUBIC)
            return np.asarray(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        line = " ".join(str(error).split())
        raise ActivationError(
            f"{path}: not an image that can be read ({line}); remove it"
        ) from None
