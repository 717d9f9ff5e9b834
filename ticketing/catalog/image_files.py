"""A picture file: judged by its content, and drawn anew, so that nothing but the picture itself is kept. Pure.

What comes out has no metadata (no place, no camera, no colour profile), stands upright, is in sRGB, fits 2,000 x 2,000
and 5 MB. JPG, PNG and WebP stay what they are; only a PNG too detailed for 5 MB becomes a WebP. Animated pictures are
refused: nobody can know which of the frames was meant, and a picture that stands still without a word surprises.

Source: PRODUCT "Images". A picture is judged by its header before anything is decoded, decoded one at a time, and
scaled in strips: the worst that fits the limits costs less than 200 MB (tests/ticketing/test_images.py measures it).
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

from ticketing.errors import InvalidInput

log = logging.getLogger("ticketing.picture_files")

MAX_BYTES = 5 * 1024 * 1024
MAX_UPLOAD_SIDE_PIXELS = 10_000
MAX_STORED_SIDE_PIXELS = 2000
THUMBNAIL_SIDE_PIXELS = 256
QUALITY = 85
# A progressive JPG is gone through once for each scan; 5 MB could hold thousands. Cameras and programs write about ten.
MAX_JPEG_SCANS = 500
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_STRIP_ROWS = 64
_STRIP_MARGIN_ROWS = 4  # in rows of the result, more than the 3 that the filter looks at
_TRANSPOSE_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_decode_lock = threading.Lock()


@dataclass(frozen=True)
class PreparedImage:
    """A picture as it will be stored, with a thumbnail that fits 256 x 256."""

    content: bytes
    thumbnail: bytes
    media_type: str
    width: int
    height: int

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()


def check_size(content: bytes) -> None:
    """Raises InvalidInput when there is nothing, or more than 5 MB."""
    if not content:
        raise invalid_image_error("This file is empty. Choose another one.")
    if len(content) > MAX_BYTES:
        raise too_large_error()


def reencode(content: bytes) -> PreparedImage:
    """The picture in a file of at most 5 MB. Raises InvalidInput with what is wrong with it."""
    if not content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) and content[:4] + content[8:12] != b"RIFFWEBP":
        raise invalid_image_error(
            "This file is not a JPG, PNG or WebP picture, whatever its name says. Save it as one of these, then choose "
            "it again."
        )
    with _decode_lock:
        picture, kind = _decode(content)
        stored, kind = _encode_within_limit(picture, kind)
        picture = _scale(picture, _fit_size(picture.size, THUMBNAIL_SIDE_PIXELS), picture.mode, lambda strip: strip)
    with Image.open(io.BytesIO(stored), formats=[kind]) as seen:
        width, height = seen.size
    return PreparedImage(stored, _encode(picture, kind), MEDIA_TYPES[kind], width, height)


def too_large_error() -> InvalidInput:
    return invalid_image_error("This file is larger than 5 MB. Save the picture smaller, then choose it again.")


def invalid_image_error(sentence: str) -> InvalidInput:
    return InvalidInput({"image": sentence})


def _decode(content: bytes) -> tuple[Image.Image, str]:
    """The picture upright, in sRGB and not larger than it is kept, and which of MEDIA_TYPES it came as."""
    try:
        with Image.open(io.BytesIO(content), formats=list(MEDIA_TYPES)) as image:
            kind = _check_header(image, content)
            if kind == "JPEG":
                image.draft(
                    image.mode, (MAX_STORED_SIDE_PIXELS, MAX_STORED_SIDE_PIXELS)
                )  # decodes no finer than is needed
            image.load()
            mode, plain = _choose_conversion(image)
            orientation = _read_orientation(image)
            picture = _scale(image, _fit_size(image.size, MAX_STORED_SIDE_PIXELS), mode, plain)
    except InvalidInput:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels_error("far too many", 25) from None
    except Exception as broken:  # whatever a decoder makes of hostile bytes
        log.info("picture refused", exc_info=broken)
        raise invalid_image_error(
            "This picture is damaged or incomplete. Export it again from where it comes from, then choose that."
        ) from broken
    return (
        picture.transpose(_TRANSPOSE_BY_ORIENTATION[orientation])
        if orientation in _TRANSPOSE_BY_ORIENTATION
        else picture
    ), kind


def _check_header(image: Image.Image, content: bytes) -> str:
    """Which of MEDIA_TYPES it is, from the header alone. Raises InvalidInput for what is not to be decoded."""
    kind = "JPEG" if image.format == "MPO" else str(image.format)  # how phones store a JPG with its depth or preview
    most = _max_megapixels(kind, image.mode)
    if image.width * image.height > most * 1_000_000 or max(image.size) > MAX_UPLOAD_SIDE_PIXELS:
        raise _too_many_pixels_error(f"{image.width:,} x {image.height:,}", most)
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise invalid_image_error(
            "This picture is animated. Save one frame of it as a still picture, then choose that."
        )
    if kind == "JPEG" and content.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise invalid_image_error(
            "This JPG is built in an unusual way. Export it again as a plain JPG, then choose that."
        )
    return kind


def _max_megapixels(kind: str, mode: str) -> int:
    """By what a decoder takes for one pixel at worst: 16 bytes (WebP), 9 (JPG for print), 7 (JPG), 4 (PNG)."""
    return 10 if kind == "WEBP" else 20 if mode == "CMYK" else 25


def _too_many_pixels_error(found: str, most: int) -> InvalidInput:
    return invalid_image_error(
        f"This picture has {found} pixels. At most {most} million are taken, and {MAX_UPLOAD_SIDE_PIXELS:,} on a side. "
        "Save it smaller, for example 2,000 pixels wide, then choose it again."
    )


def _read_orientation(image: Image.Image) -> int | None:
    """How the camera was held; what cannot be read is as if it were not there."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return None


def _choose_conversion(image: Image.Image) -> tuple[str, Callable[[Image.Image], Image.Image]]:
    """L, RGB or RGBA, and how any part of the picture is turned into it: in sRGB where a profile says from what."""
    mode = "RGB"
    if image.has_transparency_data:
        mode = "RGBA"
    elif image.mode in ("1", "L", *_SIXTEEN_BIT_MODES):
        mode = "L"
    transform, taken = _build_srgb_transform(image, mode)

    def plain(part: Image.Image) -> Image.Image:
        if part.mode in _SIXTEEN_BIT_MODES:
            part = part.convert("I").point([value >> 8 for value in range(65536)], "L")
        if transform is None:
            return part.convert(mode)
        return (ImageCms.applyTransform(part.convert(taken), transform) or part).convert(mode)

    return mode, plain


def _build_srgb_transform(image: Image.Image, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, str]:
    """The way out of the picture's own colours and the mode it starts from; none without a profile that fits."""
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(image.info["icc_profile"]))
        space = profile.profile.xcolor_space.strip()
        taken = {"RGB": "RGB" if mode == "L" else mode, "GRAY": "L", "CMYK": "CMYK"}[space]
        if (taken == "CMYK") != (image.mode == "CMYK") or (taken == "L") != (mode == "L"):
            return None, mode
        drawn = taken if taken == "RGBA" else "RGB"
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), taken, drawn), taken
    except (KeyError, OSError, ImageCms.PyCMSError):
        return None, mode


def _fit_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size at which the picture fits a square, with its shape kept; never larger than it is."""
    ratio = min(1.0, side / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _scale(
    image: Image.Image, size: tuple[int, int], mode: str, plain: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """The picture in another size and mode, without its metadata.

    Strip by strip: turning and scaling all of it at once would take its memory three times.
    """
    scaled = Image.new(mode, size)
    step = image.height / size[1]
    for top in range(0, size[1], _STRIP_ROWS):
        bottom = min(size[1], top + _STRIP_ROWS)
        above, below = max(0, top - _STRIP_MARGIN_ROWS), min(size[1], bottom + _STRIP_MARGIN_ROWS)
        first, last = math.floor(above * step), min(image.height, math.ceil(below * step))
        part = plain(image.crop((0, first, image.width, last)))
        seen = (0, above * step - first, image.width, min(below * step - first, part.height))
        part = part.resize((size[0], below - above), Image.Resampling.LANCZOS, seen)
        scaled.paste(part.crop((0, top - above, size[0], bottom - above)), (0, top))
    return scaled


def _encode_within_limit(picture: Image.Image, kind: str) -> tuple[bytes, str]:
    """The file to store and its kind: as a WebP where a PNG would be too large, and smaller where that is."""
    content = _encode(picture, kind)
    if len(content) > MAX_BYTES and kind == "PNG":
        kind = "WEBP"
        content = _encode(picture, kind)
    while len(content) > MAX_BYTES:
        smaller = _fit_size(picture.size, max(picture.size) * 3 // 4)
        picture = _scale(picture, smaller, picture.mode, lambda strip: strip)
        content = _encode(picture, kind)
    return content, kind


def _encode(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, quality=QUALITY, **({"progressive": True} if kind == "JPEG" else {}))
    return file.getvalue()
