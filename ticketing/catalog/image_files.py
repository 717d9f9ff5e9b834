"""Validate and re-encode image files, so that only the pixels of an upload are stored (docs/product.md, "Images").

A stored image has no metadata (location, camera, color profile), is upright, in sRGB, at most 2,000 x 2,000 pixels and
5 MB. JPG, PNG and WebP keep their format, except that a PNG larger than 5 MB becomes a WebP. Animated images are
refused, because the frame to keep would be a guess.

The header is checked before anything is decoded, and scaling works in strips: the worst file within the limits takes
less than 200 MB (tests/ticketing/catalog/test_image_files.py measures it). `images.prepare` decodes one at a time.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
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
# A decoder passes over a progressive JPG once per scan. 5 MB can hold thousands; cameras and programs write about ten,
# and phones keep a preview or two in the same file.
MAX_JPEG_SCANS = 64
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_STRIP_ROWS = 64
_STRIP_MARGIN_ROWS = 4  # rows of the result; the Lanczos filter reads 3
_TRANSPOSE_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PNG_BIT_DEPTH_PLACE = 24
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class PreparedImage:
    """An image as it will be stored, with a thumbnail that fits 256 x 256 pixels."""

    content: bytes
    thumbnail: bytes
    media_type: str
    width: int
    height: int

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()


def check_size(content: bytes) -> None:
    """Raise InvalidInput when the file is empty or larger than 5 MB."""
    if not content:
        raise invalid_image_error("This file is empty. Choose another one.")
    if len(content) > MAX_BYTES:
        raise too_large_error()


def reencode(content: bytes) -> PreparedImage:
    """Return the image in a file of at most 5 MB, ready to store. Raises InvalidInput (`image`) with what is wrong."""
    if not content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) and content[:4] + content[8:12] != b"RIFFWEBP":
        raise invalid_image_error(
            "This file is not a JPG, PNG or WebP picture, whatever its name says. Save it as one of these, then choose "
            "it again."
        )
    image, kind = _decode(content)
    stored, kind = _encode_within_limit(image, kind)
    thumbnail = _scale(image, _fit_size(image.size, THUMBNAIL_SIDE_PIXELS), image.mode, lambda strip: strip)
    with Image.open(io.BytesIO(stored), formats=[kind]) as reopened:
        width, height = reopened.size
    return PreparedImage(stored, _encode(thumbnail, kind), MEDIA_TYPES[kind], width, height)


def too_large_error() -> InvalidInput:
    return invalid_image_error("This file is larger than 5 MB. Save the picture smaller, then choose it again.")


def invalid_image_error(sentence: str) -> InvalidInput:
    return InvalidInput({"image": sentence})


def _decode(content: bytes) -> tuple[Image.Image, str]:
    """Return the image upright, in sRGB and at most as large as it is stored, and its format, a key of MEDIA_TYPES."""
    try:
        with Image.open(io.BytesIO(content), formats=list(MEDIA_TYPES)) as image:
            kind = _check_header(image, content)
            if kind == "JPEG":
                # Decode at a reduced scale that is still at least as large as what is stored.
                image.draft(image.mode, (MAX_STORED_SIDE_PIXELS, MAX_STORED_SIDE_PIXELS))
            image.load()
            if kind == "PNG":
                _scale_transparent_color(image, bits=content[_PNG_BIT_DEPTH_PLACE])
            mode, convert = _choose_conversion(image)
            orientation = _read_orientation(image)
            scaled = _scale(image, _fit_size(image.size, MAX_STORED_SIDE_PIXELS), mode, convert)
    except InvalidInput:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels_error("far too many", 25) from None
    except Exception as broken:  # decoders raise anything on hostile bytes
        log.info("image refused", exc_info=broken)
        raise invalid_image_error(
            "This picture is damaged or incomplete. Export it again from its source, then choose the new file."
        ) from broken
    transpose = _TRANSPOSE_BY_ORIENTATION.get(orientation or 1)
    return (scaled if transpose is None else scaled.transpose(transpose)), kind


def _check_header(image: Image.Image, content: bytes) -> str:
    """Return the format, a key of MEDIA_TYPES, from the header alone. Raises InvalidInput when decoding is unsafe."""
    kind = (
        "JPEG" if image.format == "MPO" else str(image.format)
    )  # phones store a JPG with a depth map or preview as MPO
    max_megapixels = _max_megapixels(kind, image.mode)
    if image.width * image.height > max_megapixels * 1_000_000 or max(image.size) > MAX_UPLOAD_SIDE_PIXELS:
        raise _too_many_pixels_error(f"{image.width:,} x {image.height:,}", max_megapixels)
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise invalid_image_error("This picture is animated. Save one frame as a still picture, then choose that file.")
    if kind == "JPEG" and content.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise invalid_image_error(
            "This JPG has an unusual structure. Export it again as a plain JPG, then choose the new file."
        )
    return kind


def _max_megapixels(kind: str, mode: str) -> int:
    """Limit by the most memory that a decoder needs per pixel: 16 bytes (WebP), 9 (CMYK JPG), 7 (JPG), 4 (PNG)."""
    return 10 if kind == "WEBP" else 20 if mode == "CMYK" else 25


def _too_many_pixels_error(pixels: str, max_megapixels: int) -> InvalidInput:
    return invalid_image_error(
        f"This picture has {pixels} pixels. The limit is {max_megapixels} million, and {MAX_UPLOAD_SIDE_PIXELS:,} on a "
        "side. Save it smaller, for example 2,000 pixels wide, then choose it again."
    )


def _read_orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation, or None when there is none or it cannot be read."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return None


def _scale_transparent_color(image: Image.Image, bits: int) -> None:
    """Scale the color of a PNG that is transparent (tRNS) as Pillow scaled the pixels.

    Pillow takes the high byte of 16-bit colors, and stretches gray of 2 and 4 bits to 8, but leaves this color as
    the file has it. 16-bit gray keeps its values.
    """
    color = image.info.get("transparency")
    if image.mode == "RGB" and bits == 16 and isinstance(color, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in color)
    elif image.mode == "L" and bits < 8 and isinstance(color, int):
        image.info["transparency"] = color * 255 // (2**bits - 1)


def _choose_conversion(image: Image.Image) -> tuple[str, Callable[[Image.Image], Image.Image]]:
    """Return the target mode (L, RGB or RGBA) and a function that converts a part of the image to it.

    The function converts to sRGB when the image has a usable color profile.
    """
    mode = "RGB"
    if image.has_transparency_data:
        mode = "RGBA"
    elif image.mode in ("1", "L", *_SIXTEEN_BIT_MODES):
        mode = "L"
    transform, source_mode = _build_srgb_transform(image, mode)

    transparent = image.info.get("transparency")

    def convert(part: Image.Image) -> Image.Image:
        if part.mode in _SIXTEEN_BIT_MODES:
            gray = part.convert("I")
            part = gray.point([value >> 8 for value in range(65536)], "L")
            if mode == "RGBA":
                alpha = gray.point([0 if value == transparent else 255 for value in range(65536)], "L")
                part = Image.merge("LA", (part, alpha))
        if transform is None:
            return part.convert(mode)
        return (ImageCms.applyTransform(part.convert(source_mode), transform) or part).convert(mode)

    return mode, convert


def _build_srgb_transform(image: Image.Image, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, str]:
    """Return a transform from the image's color profile to sRGB, None without a usable one, and the mode it takes."""
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(image.info["icc_profile"]))
        space = profile.profile.xcolor_space.strip()
        source_mode = {"RGB": "RGB" if mode == "L" else mode, "GRAY": "L", "CMYK": "CMYK"}[space]
        if (source_mode == "CMYK") != (image.mode == "CMYK") or (source_mode == "L") != (mode == "L"):
            return None, mode
        result_mode = source_mode if source_mode == "RGBA" else "RGB"
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(profile, srgb, source_mode, result_mode), source_mode
    except (KeyError, OSError, ImageCms.PyCMSError):
        return None, mode


def _fit_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the size that fits a square of `side` pixels, keeping the aspect ratio and never enlarging."""
    ratio = min(1.0, side / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _scale(
    image: Image.Image, size: tuple[int, int], mode: str, convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Return the image in another size and mode, without metadata.

    It works in strips, because converting and scaling the whole image at once would need three times its memory.
    """
    scaled = Image.new(mode, size)
    step = image.height / size[1]
    for top in range(0, size[1], _STRIP_ROWS):
        bottom = min(size[1], top + _STRIP_ROWS)
        above, below = max(0, top - _STRIP_MARGIN_ROWS), min(size[1], bottom + _STRIP_MARGIN_ROWS)
        first, last = math.floor(above * step), min(image.height, math.ceil(below * step))
        part = convert(image.crop((0, first, image.width, last)))
        box = (0, above * step - first, image.width, min(below * step - first, part.height))
        part = part.resize((size[0], below - above), Image.Resampling.LANCZOS, box)
        scaled.paste(part.crop((0, top - above, size[0], bottom - above)), (0, top))
    return scaled


def _encode_within_limit(image: Image.Image, kind: str) -> tuple[bytes, str]:
    """Return the file to store and its format: a PNG over 5 MB becomes a WebP, which is scaled down until it fits."""
    content = _encode(image, kind)
    if len(content) > MAX_BYTES and kind == "PNG":
        kind = "WEBP"
        content = _encode(image, kind)
    while len(content) > MAX_BYTES:
        smaller = _fit_size(image.size, max(image.size) * 3 // 4)
        image = _scale(image, smaller, image.mode, lambda strip: strip)
        content = _encode(image, kind)
    return content, kind


def _encode(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, quality=QUALITY, **({"progressive": True} if kind == "JPEG" else {}))
    return file.getvalue()
