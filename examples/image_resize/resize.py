"""Makes a picture smaller. Pure."""

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from examples.task_function import PermanentError

MOST_PIXELS = 50_000_000
"""A picture of more, however small its file, would not fit into the instance's memory."""


def resize(content: bytes, width: int) -> bytes:
    """A picture as WebP, no wider than so many pixels, upright, and without what the camera wrote about its place.

    Args:
        content: the picture, in any format that Pillow reads.
        width: in pixels. A narrower picture keeps its size.

    Raises:
        PermanentError: it is no picture, a broken one, or too large a one.
    """
    try:
        with Image.open(io.BytesIO(content)) as original:
            if original.width * original.height > MOST_PIXELS:
                raise PermanentError(f"the picture has more than {MOST_PIXELS} pixels")
            picture = ImageOps.exif_transpose(original)
            picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PermanentError(f"not a picture: {type(error).__name__}") from error
    picture.thumbnail((width, picture.height))
    result = io.BytesIO()
    picture.save(result, "WEBP", quality=80)
    return result.getvalue()
