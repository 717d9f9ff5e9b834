"""Image files: re-encoded without metadata, or refused with a sentence."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.support import image_samples
from ticketing.catalog import images
from ticketing.errors import InvalidInput
from ticketing.settings import ROOT

FIVE_MB = 5 * 1024 * 1024
NO_PICTURE = "This file is not a JPG, PNG or WebP picture"
DAMAGED = "This picture is damaged or incomplete."
ANIMATED = "This picture is animated."
SHAPES = [(1, 1), (60, 40), (256, 256), (257, 256), (2000, 1), (300, 1500)]


def reencode(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(images.prepare(content).content))


def get_problem(content: bytes) -> str:
    with pytest.raises(InvalidInput) as refusal:
        images.prepare(content)
    assert list(refusal.value.fields) == ["image"]
    return refusal.value.fields["image"]


def is_near_color(found: object, wanted: tuple[int, ...], tolerance: int = 12) -> bool:
    assert isinstance(found, tuple)
    return len(found) == len(wanted) and all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("kind", image_samples.KINDS)
@pytest.mark.parametrize("size", SHAPES, ids=str)
def test_image_keeps_format_and_size_and_gets_a_thumbnail(kind, size):
    prepared = images.prepare(image_samples.make_image_file(kind, size))

    assert (prepared.media_type, prepared.width, prepared.height) == (image_samples.MEDIA_TYPES[kind], *size)
    with Image.open(io.BytesIO(prepared.content)) as whole, Image.open(io.BytesIO(prepared.thumbnail)) as small:
        assert (whole.format, whole.size, small.format) == (kind, size, kind)
        ratio = min(1, 256 / max(size))
        assert small.size == tuple(max(1, round(side * ratio)) for side in size)
        assert is_near_color(whole.convert("RGB").getpixel((0, 0)), image_samples.RED)
        assert is_near_color(small.convert("RGB").getpixel((0, 0)), image_samples.RED)


@pytest.mark.parametrize(
    ("size", "kept"), [((2000, 1500), (2000, 1500)), ((2002, 1000), (2000, 999)), ((1000, 4000), (500, 2000))], ids=str
)
@pytest.mark.parametrize("kind", image_samples.KINDS)
def test_large_image_is_scaled_to_2000_pixels(kind, size, kept):
    whole = reencode(image_samples.encode_image(image_samples.draw_corners(size), kind))

    assert whole.size == kept
    right, bottom = kept[0] - 1, kept[1] - 1
    for place, color in (
        ((0, 0), image_samples.RED),
        ((right, 0), image_samples.GREEN),
        ((0, bottom), image_samples.BLUE),
    ):
        assert is_near_color(whole.convert("RGB").getpixel(place), color)


def test_scaling_in_strips_equals_scaling_at_once():
    drawn = image_samples.draw_noise("L", (2600, 1300))

    whole = reencode(image_samples.encode_image(drawn))

    at_once = drawn.resize((2000, 1000), Image.Resampling.LANCZOS)
    assert ImageChops.difference(whole, at_once).getextrema()[1] <= 1


def test_file_of_5_mb_is_accepted_and_one_byte_more_refused():
    small = image_samples.make_image_file("JPEG")
    exactly = small + bytes(FIVE_MB - len(small))

    assert images.prepare(exactly).media_type == "image/jpeg"
    assert (
        get_problem(exactly + b"\0") == "This file is larger than 5 MB. Save the picture smaller, then choose it again."
    )


def test_empty_file_is_refused():
    assert get_problem(b"") == "This file is empty. Choose another one."


@pytest.mark.parametrize(
    "content",
    [
        b"\0",
        b"x" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"<html><img src=x onerror=alert(1)></html>",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(60),
        b"MZ" + bytes(60),
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypheic\0\0\0\0",
        b"\xff\xd8",
        b"\x89PNG",
        image_samples.make_image_file("GIF"),
        image_samples.make_image_file("BMP"),
        image_samples.make_image_file("TIFF"),
        image_samples.make_image_file("ICO"),
        b" " + image_samples.make_image_file("PNG"),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_other_formats_are_refused_by_content(content):
    assert get_problem(content).startswith(NO_PICTURE)


@pytest.mark.parametrize("kind", image_samples.KINDS)
@pytest.mark.parametrize("part", [0.05, 0.3, 0.7, 0.95])
def test_truncated_image_is_refused(kind, part):
    whole = image_samples.encode_image(image_samples.draw_noise("RGB", (120, 80)), kind)

    assert get_problem(whole[: int(len(whole) * part)]).startswith(DAMAGED)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8\xff\xe0" + b"x" * 500,
        b"\x89PNG\r\n\x1a\n" + b"x" * 500,
        b"RIFF\xf4\x01\0\0WEBPVP8 " + b"x" * 500,
        b"\xff\xd8\xff\xe1\x00\x02" + image_samples.make_image_file("PNG"),
        image_samples.make_image_file("PNG").replace(b"IDAT", b"IDAX"),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_file_with_only_an_image_signature_is_refused(content):
    assert get_problem(content).startswith(DAMAGED)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animated_image_is_refused(kind):
    assert get_problem(image_samples.make_animation(kind)).startswith(ANIMATED)


def test_mpo_photo_is_stored_as_jpg():
    with_preview = image_samples.encode_image(
        image_samples.draw_corners(),
        "MPO",
        save_all=True,
        append_images=[Image.new("RGB", (60, 40), image_samples.GREEN)],
    )

    assert images.prepare(with_preview).media_type == "image/jpeg"
    assert is_near_color(reencode(with_preview).getpixel((3, 3)), image_samples.RED)


@pytest.mark.parametrize(
    ("kind", "width", "height", "most"),
    [("PNG", 30_000, 30_000, "25"), ("JPEG", 30_000, 30_000, "25"), ("WEBP", 16_383, 16_383, "10")],
)
def test_decompression_bomb_is_refused_by_its_header(kind, width, height, most):
    problem = get_problem(image_samples.make_file_claiming_size(kind, width, height))

    assert "pixels" in problem
    assert "The limit is" in problem
    assert problem.endswith("Save it smaller, for example 2,000 pixels wide, then choose it again.")


@pytest.mark.parametrize(
    ("kind", "mode", "largest", "too_large"),
    [
        ("PNG", "L", (5000, 5000), (5000, 5001)),
        ("JPEG", "L", (5000, 5000), (5000, 5001)),
        ("JPEG", "CMYK", (5000, 4000), (5000, 4001)),
        ("WEBP", "RGB", (4000, 2500), (4000, 2501)),
        ("PNG", "L", (10_000, 1), (10_001, 1)),
        ("PNG", "L", (1, 10_000), (1, 10_001)),
    ],
    ids=str,
)
def test_pixel_limits_are_exact(kind, mode, largest, too_large):
    def blank(size):
        return image_samples.encode_image(Image.new(mode, size), kind, **({"method": 0} if kind == "WEBP" else {}))

    assert max(reencode(blank(largest)).size) == 2000
    assert f"{too_large[0]:,} x {too_large[1]:,} pixels" in get_problem(blank(too_large))


def test_jpg_with_too_many_scans_is_refused():
    assert images.prepare(image_samples.make_jpeg_with_scans(64)).media_type == "image/jpeg"
    assert get_problem(image_samples.make_jpeg_with_scans(65)).startswith("This JPG has an unusual structure.")


@pytest.mark.parametrize("kind", image_samples.KINDS)
def test_metadata_is_removed(kind):
    said = {"JPEG": {"comment": b"Secret comment"}, "PNG": {"dpi": (300, 300)}, "WEBP": {}}[kind]
    content = image_samples.make_image_file(
        kind,
        exif=image_samples.make_camera_exif(),
        icc_profile=image_samples.make_swapped_color_profile(),
        xmp=b"<x>Secret</x>",
        **said,
    )
    prepared = images.prepare(content + b"<script>Secret</script>")

    for kept in (prepared.content, prepared.thumbnail):
        assert b"Secret" not in kept
        with Image.open(io.BytesIO(kept)) as whole:
            assert len(whole.getexif()) == 0
            assert set(whole.info) & {"icc_profile", "exif", "xmp", "comment", "XML:com.adobe.xmp"} == set()


OPPOSITE = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}
SEEN_FROM = [
    "top left",
    "top right",
    "bottom right",
    "bottom left",
    "left top",
    "right top",
    "right bottom",
    "left bottom",
]


@pytest.mark.parametrize("kind", image_samples.KINDS)
@pytest.mark.parametrize(("orientation", "first"), list(enumerate(SEEN_FROM, start=1)))
def test_image_is_rotated_by_its_exif_orientation(kind, orientation, first):
    """`first` is where the EXIF standard places the first row and the first column."""
    row, column = first.split()
    whole = reencode(
        image_samples.encode_image(image_samples.draw_corners(), kind, exif=image_samples.make_camera_exif(orientation))
    )
    width, height = whole.size

    assert whole.size == ((60, 40) if row in ("top", "bottom") else (40, 60))
    seen = {
        image_samples.RED: {row, column},
        image_samples.GREEN: {row, OPPOSITE[column]},
        image_samples.BLUE: {OPPOSITE[row], column},
        image_samples.WHITE: {OPPOSITE[row], OPPOSITE[column]},
    }
    for color, place in seen.items():
        at = (5 if "left" in place else width - 6, 5 if "top" in place else height - 6)
        assert is_near_color(whole.convert("RGB").getpixel(at), color), (color, place)


@pytest.mark.parametrize("kind", image_samples.KINDS)
def test_color_profile_is_converted_to_srgb(kind):
    means_green = image_samples.make_image_file(
        kind, color=image_samples.RED, icc_profile=image_samples.make_swapped_color_profile()
    )

    assert is_near_color(reencode(means_green).convert("RGB").getpixel((5, 5)), image_samples.GREEN)


def test_color_profile_applies_to_transparent_images():
    see_through = Image.new("RGBA", (60, 40), (*image_samples.RED, 128))

    whole = reencode(image_samples.encode_image(see_through, icc_profile=image_samples.make_swapped_color_profile()))

    assert is_near_color(whole.getpixel((5, 5)), (*image_samples.GREEN, 128))


@pytest.mark.parametrize("profile", [b"x", b"x" * 500, image_samples.make_swapped_color_profile()[:200]], ids=len)
def test_unreadable_color_profile_is_ignored(profile):
    assert is_near_color(
        reencode(image_samples.make_image_file("JPEG", icc_profile=profile)).getpixel((5, 5)), image_samples.RED
    )


def test_color_profile_of_other_channels_is_ignored():
    gray = image_samples.encode_image(
        Image.new("L", (60, 40), 90), "JPEG", icc_profile=image_samples.make_swapped_color_profile()
    )

    assert reencode(gray).getpixel((5, 5)) == 90


@pytest.mark.parametrize(
    ("drawn", "options", "wanted"),
    [
        (Image.new("CMYK", (60, 40), (0, 255, 255, 0)), {"format": "JPEG"}, image_samples.RED),
        (Image.new("L", (60, 40), 200), {}, (200,)),
        (Image.new("1", (60, 40), 1), {}, (255,)),
        (Image.new("I;16", (60, 40), 40_000), {}, (156,)),
        (Image.new("I;16", (60, 40), 65_535), {}, (255,)),
        (Image.new("LA", (60, 40), (200, 100)), {}, (200, 200, 200, 100)),
        (Image.new("P", (60, 40), 0), {"transparency": 0}, (0, 0, 0, 0)),
        (Image.new("P", (60, 40), 1), {"transparency": b"\xff\x80"}, (1, 1, 1, 128)),
        (Image.new("RGB", (60, 40), (9, 8, 7)), {"transparency": (9, 8, 7)}, (9, 8, 7, 0)),
        (Image.new("RGBA", (60, 40), (10, 200, 30, 77)), {}, (10, 200, 30, 77)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_every_color_mode_is_converted(drawn, options, wanted):
    drawn = drawn.copy()
    if drawn.mode == "P":
        drawn.putpalette([value for gray in range(256) for value in (gray, gray, gray)])
    whole = reencode(image_samples.encode_image(drawn, options.pop("format", "PNG"), **options))

    found = whole.getpixel((5, 5))
    assert whole.mode in ("L", "RGB", "RGBA")
    assert is_near_color(found if isinstance(found, tuple) else (found,), wanted, 2)


@pytest.mark.parametrize(
    ("bits", "color_type", "row", "transparent", "pixels"),
    [
        (1, 0, b"\x80", b"\0\1", [(255, 255, 255, 0), (0, 0, 0, 255)]),
        (2, 0, b"\x60", b"\0\1", [(85, 85, 85, 0), (170, 170, 170, 255)]),
        (4, 0, b"\x78", b"\0\7", [(119, 119, 119, 0), (136, 136, 136, 255)]),
        (16, 0, b"\x12\x34\x12\x35", b"\x12\x34", [(18, 18, 18, 0), (18, 18, 18, 255)]),
        (16, 2, b"\x12\x34\0\x45\0\x56\x80\0\0\0\0\0", b"\x12\x34\0\x45\0\x56", [(18, 0, 0, 0), (128, 0, 0, 255)]),
        (16, 2, b"\0\x34\0\0\0\0\x34\0\0\0\0\0", b"\0\x34\0\0\0\0", [(0, 0, 0, 0), (52, 0, 0, 255)]),
    ],
)
def test_transparent_color_stays_transparent(bits, color_type, row, transparent, pixels):
    content = image_samples.make_png_of_two_pixels(bits, color_type, row, transparent)
    assert [reencode(content).getpixel((place, 0)) for place in (0, 1)] == pixels


def test_16_bit_channels_become_8_bit():
    """The file is built by hand, since Pillow does not write it: one pixel of 0x8000, 0xFFFF, 0x0000."""
    small = image_samples.make_image_file("PNG", (1, 1))
    header = small[16:24] + b"\x10\x02\0\0\0"
    content = small[:8] + image_samples.make_png_chunk(b"IHDR", header)
    content += image_samples.make_png_chunk(
        b"IDAT", image_samples.compress(b"\0\x80\0\xff\xff\0\0")
    ) + image_samples.make_png_chunk(b"IEND", b"")

    assert is_near_color(reencode(content).getpixel((0, 0)), (128, 255, 0), 1)


@pytest.mark.system
def test_png_over_the_limit_becomes_webp():
    prepared = images.prepare(image_samples.make_four_color_png((4000, 4000)))

    assert (prepared.media_type, prepared.width) == ("image/webp", 2000)
    assert len(prepared.content) <= FIVE_MB


@pytest.mark.system
def test_webp_over_the_limit_is_scaled_down():
    prepared = images.prepare(image_samples.make_four_color_png((4000, 4000), opacities=b"\x10\x70\xb0\xff"))

    assert (prepared.media_type, prepared.width) == ("image/webp", 1500)
    assert len(prepared.content) <= FIVE_MB
    with Image.open(io.BytesIO(prepared.content)) as whole:
        assert (whole.mode, whole.size) == ("RGBA", (prepared.width, prepared.height))


MEASURE = """
import sys
from pathlib import Path
from ticketing.catalog import images

def most_memory_so_far():
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024

images.prepare(Path(sys.argv[1]).read_bytes())
idle = most_memory_so_far()
images.prepare(Path(sys.argv[2]).read_bytes())
print(most_memory_so_far() - idle)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the most memory ever used")
@pytest.mark.parametrize(
    ("kind", "mode", "size", "options"),
    [
        ("JPEG", "RGB", (5000, 5000), {"progressive": True, "subsampling": 0}),
        ("JPEG", "CMYK", (5000, 4000), {"progressive": True, "subsampling": 0}),
        ("PNG", "RGBA", (5000, 5000), {"compress_level": 1}),
        ("PNG", "RGBA", (10_000, 2500), {"compress_level": 1}),
        ("WEBP", "RGBA", (4000, 2500), {"lossless": True, "method": 0, "quality": 0}),
    ],
    ids=str,
)
def test_largest_accepted_file_takes_less_than_200_mb(tmp_path, kind, mode, size, options):
    worst, small = tmp_path / "worst", tmp_path / "small"
    worst.write_bytes(image_samples.encode_image(Image.new(mode, size, (9, 99, 199, 50)[: len(mode)]), kind, **options))
    small.write_bytes(image_samples.make_image_file(kind))
    assert worst.stat().st_size <= FIVE_MB

    result = subprocess.run(
        [sys.executable, "-c", MEASURE, small, worst],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(result.stdout) < 200 * 1024 * 1024
