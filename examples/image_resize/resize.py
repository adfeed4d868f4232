"""Makes a picture smaller. Pure."""

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from examples.task_function import PermanentError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""The formats of browsers and cameras. Pillow has over forty parsers, one of which starts Ghostscript, and a file can
choose its parser: https://pillow.readthedocs.io/en/stable/handbook/security.html"""

MOST_PIXELS = 25_000_000
"""A larger picture, however small its file, does not fit into an instance of 1 GiB that has one task at a time: at most
28 bytes a pixel are needed at once, for a WebP picture that becomes one of 4096 pixels."""


def resize(content: bytes, width: int) -> bytes:
    """A picture as WebP, no wider than so many pixels, upright, and without what the camera wrote about its place.

    Args:
        content: the picture, in one of FORMATS. Of an animation, this takes the first frame.
        width: in pixels. A narrower picture keeps its size.

    Raises:
        PermanentError: the content is not a picture in these formats, or is broken or too large.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as original:
            if original.width * original.height > MOST_PIXELS:
                raise PermanentError(f"the picture has more than {MOST_PIXELS} pixels")
            picture = ImageOps.exif_transpose(original)
            picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PermanentError(f"not a picture ({', '.join(FORMATS)}): {type(error).__name__}") from error
    picture.thumbnail((width, picture.height))
    result = io.BytesIO()
    picture.save(result, "WEBP", quality=80)
    return result.getvalue()
