"""Sample image files: valid, unusual and invalid ones."""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import Any

from PIL import Image, ImageCms

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
KINDS = ("JPEG", "PNG", "WEBP")
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def encode_image(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def make_image_file(kind: str = "PNG", size: tuple[int, int] = (60, 40), color: Any = RED, **options: Any) -> bytes:
    return encode_image(Image.new("RGB", size, color), kind, **options)


def draw_corners(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Return an image of four quarters: red and green above blue and white."""
    drawn = Image.new("RGB", size)
    width, height = size[0] // 2, size[1] // 2
    for place, color in zip(((0, 0), (width, 0), (0, height), (width, height)), (RED, GREEN, BLUE, WHITE), strict=True):
        drawn.paste(color, (*place, place[0] + width, place[1] + height))
    return drawn


def draw_noise(mode: str, size: tuple[int, int]) -> Image.Image:
    return Image.frombytes(mode, size, os.urandom(size[0] * size[1] * len(Image.new(mode, (1, 1)).getbands())))


def make_four_color_png(size: tuple[int, int], opacities: bytes = b"") -> bytes:
    """Return a PNG of random pixels in four colors: 2 bits per pixel, and large once it is scaled."""
    chosen = Image.frombytes("P", size, bytes(byte & 3 for byte in os.urandom(size[0] * size[1])))
    chosen.putpalette([*RED, *GREEN, *BLUE, *WHITE])
    return encode_image(chosen, "PNG", bits=2, compress_level=1, **({"transparency": opacities} if opacities else {}))


def make_camera_exif(orientation: int = 1) -> Image.Exif:
    """Return the EXIF data of a phone: orientation, camera and location."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Secret Camera"
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (42.0, 21.0, 30.0)
    return exif


def make_swapped_color_profile() -> bytes:
    """Return a color profile that swaps red and green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def make_animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (60, 40), color) for color in (RED, GREEN, BLUE)]
    return encode_image(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def make_png_chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG chunk with its length and checksum."""
    return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))


def compress(data: bytes) -> bytes:
    return zlib.compress(data)


def make_file_claiming_size(kind: str, width: int, height: int) -> bytes:
    """Return a small file whose header claims these dimensions."""
    if kind == "PNG":
        small = make_image_file("PNG")
        return small[:8] + make_png_chunk(b"IHDR", struct.pack("!II", width, height) + small[24:29]) + small[33:]
    if kind == "JPEG":
        small = make_image_file("JPEG")
        at = small.index(b"\xff\xc0") + 5
        return small[:at] + struct.pack("!HH", height, width) + small[at + 4 :]
    lossless = make_image_file("WEBP", lossless=True)
    inside = lossless[12:]
    extended = (
        b"VP8X" + struct.pack("<II", 10, 0) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    )
    return b"RIFF" + struct.pack("<I", 4 + len(extended) + len(inside)) + b"WEBP" + extended + inside


def make_jpeg_with_scans(scans: int, size: tuple[int, int] = (60, 40)) -> bytes:
    """Return a progressive JPG that repeats its last scan."""
    whole = make_image_file("JPEG", size, progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * (scans - whole[:last].count(b"\xff\xda")) + whole[-2:]


def make_png_of_two_pixels(bits: int, color_type: int, row: bytes, transparent: bytes) -> bytes:
    """Return a PNG of any bit depth with a transparent color (tRNS), built by hand since Pillow does not write it."""
    header = (2).to_bytes(4) + (1).to_bytes(4) + bytes([bits, color_type, 0, 0, 0])
    chunks = {b"IHDR": header, b"tRNS": transparent, b"IDAT": compress(b"\0" + row), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(make_png_chunk, chunks, chunks.values()))
