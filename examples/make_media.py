"""Draws the media of the examples: python make_media.py, with Pillow 13 installed and ffmpeg 5.1 (x264) at hand."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent / "calendars" / "calendars" / "media"
NIGHT, DUSK, DAWN, GOLD = (22, 32, 66), (92, 62, 118), (240, 130, 104), (255, 206, 120)
PAPER, LEAF, CORAL, PLUM = (252, 243, 228), (64, 124, 104), (238, 104, 92), (92, 52, 96)
RATE = 24


def mix(first: tuple[int, ...], second: tuple[int, ...], share: float) -> tuple[int, ...]:
    """A colour between two."""
    share = min(1.0, max(0.0, share))
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def ease(share: float) -> float:
    """Slow at both ends, from 0 to 1."""
    return 0.5 - 0.5 * math.cos(math.pi * min(1.0, max(0.0, share)))


def sky(size: tuple[int, int], top: tuple[int, ...], bottom: tuple[int, ...]) -> Image.Image:
    """A background that goes from one colour down to another."""
    strip = Image.new("RGB", (1, 64))
    for row in range(64):
        strip.putpixel((0, row), mix(top, bottom, row / 63))
    return strip.resize(size, Image.Resampling.BICUBIC)


def words(picture: Image.Image, text: str, height: float, points: float, ink: tuple[int, ...]) -> None:
    """A line of text in the middle; height and size as shares of the picture."""
    font = ImageFont.load_default(round(points * picture.width))
    place = (picture.width / 2, height * picture.height)
    ImageDraw.Draw(picture).text(place, text, ink, font, anchor="mm")


def disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, ink: tuple[int, ...]) -> None:
    """A filled circle."""
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)


def hill(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], level: float, phase: float, ink: tuple[int, ...]
) -> None:
    """Everything below a wavy line."""
    width, height = size
    line = [
        (
            x,
            height
            * (level + 0.035 * math.sin(phase + 4.2 * x / width) + 0.012 * math.sin(phase + 9 * x / width)),
        )
        for x in range(0, width + 8, 8)
    ]
    draw.polygon([*line, (width, height), (0, height)], fill=ink)


def sunrise(size: tuple[int, int], share: float) -> Image.Image:
    """The teaser: a sun rises behind four hills. The sky holds still, so that the film stays small."""
    light = ease(share)
    picture = sky(size, DUSK, DAWN)
    draw = ImageDraw.Draw(picture)
    disc(draw, size[0] / 2, size[1] * (0.86 - 0.34 * light), size[0] * 0.19, mix(DAWN, GOLD, light))
    for number, level in enumerate((0.66, 0.74, 0.82, 0.90)):
        hill(draw, size, level, 1.7 * number, mix(mix(DUSK, DAWN, 0.4), NIGHT, 0.35 + 0.2 * number))
    words(picture, "something is coming", 0.22, 0.072, mix(mix(DUSK, DAWN, 0.2), PAPER, 3 * share - 1))
    return picture


def flower(
    picture: Image.Image, x: float, y: float, radius: float, share: float, ink: tuple[int, ...]
) -> None:
    """Two rings of petals around a heart; `share` tells how far it is open."""
    draw = ImageDraw.Draw(picture)
    disc(draw, x, y, radius * 0.62 * share, mix(ink, GOLD, 0.45))
    for ring, petals in ((1.0, 10), (0.72, 8)):
        colour = ink if ring == 1.0 else mix(ink, GOLD, 0.45)
        for petal in range(petals):
            angle = math.tau * petal / petals + 0.5 * share + ring
            reach = radius * ring * (0.25 + 0.42 * share)
            disc(draw, x + reach * math.cos(angle), y + reach * math.sin(angle), radius * 0.24 * ring, colour)
    disc(draw, x, y, radius * 0.3, GOLD)


def blossom(size: tuple[int, int], share: float) -> Image.Image:
    """The launch: a flower opens."""
    open_ = ease(share * 1.25)
    picture = sky(size, PAPER, mix(PAPER, GOLD, 0.35 * open_))
    draw = ImageDraw.Draw(picture)
    width, height = size
    draw.line((width / 2, height * 0.46, width / 2, height), fill=LEAF, width=width // 40)
    for side in (-1, 1):
        tip = (width * (0.5 + side * 0.3 * open_), height * (0.80 - 0.06 * open_))
        belly = (width * (0.5 + side * 0.2 * open_), height * 0.86)
        draw.polygon(
            [(width / 2, height * 0.9), belly, tip, (width * (0.5 + side * 0.04), height * 0.8)], fill=LEAF
        )
    flower(picture, width / 2, height * 0.44, width * (0.2 + 0.24 * open_), open_, CORAL)
    words(picture, "it is here", 0.15, 0.1, mix(PAPER, PLUM, share * 3 - 1))
    return picture


def look(number: int, ground: tuple[int, ...], ink: tuple[int, ...], name: str) -> Image.Image:
    """One picture of the carousel: the same vase, another flower."""
    size = (2160, 2700)
    picture = sky(size, ground, mix(ground, PAPER, 0.35))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 2120, 2160, 2700), fill=mix(ground, NIGHT, 0.25))
    for stem in range(number):
        x = 1080 + 420 * (stem - (number - 1) / 2)
        y = 980 + (140 if number == 3 and stem != 1 else 0)
        draw.line((1080, 1700, x, y), fill=LEAF, width=34)
        flower(picture, x, y, 540 - 90 * number, 0.9, ink)
    draw.polygon([(880, 1620), (1280, 1620), (1370, 2300), (790, 2300)], fill=mix(ink, NIGHT, 0.45))
    draw.ellipse((880, 1585, 1280, 1655), fill=mix(ink, NIGHT, 0.6))
    words(picture, name, 0.925, 0.05, PAPER)
    return picture.resize((1080, 1350), Image.Resampling.LANCZOS)


def film(
    name: str, size: tuple[int, int], seconds: int, draw: Callable[[tuple[int, int], float], Image.Image]
) -> None:
    """Draw each frame and hand it to the encoder, with a silent sound track."""
    width, height = size
    command = (
        f"ffmpeg -v error -y -fflags +bitexact -f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {RATE} -i -"
        f" -f lavfi -i anullsrc=r=44100:cl=stereo -t {seconds} -c:a aac -b:a 32k"
        " -c:v libx264 -profile:v baseline -preset veryslow -crf 30 -pix_fmt yuv420p -flags:v +bitexact"
        " -movflags +faststart"
    )
    with subprocess.Popen([*command.split(), str(HERE / name)], stdin=subprocess.PIPE) as encoder:  # noqa: S603
        assert encoder.stdin is not None
        for frame in range(seconds * RATE):
            # Drawn at twice the size, for smooth edges.
            drawn = draw((2 * width, 2 * height), frame / (seconds * RATE - 1))
            encoder.stdin.write(drawn.resize(size, Image.Resampling.BOX).tobytes())


if __name__ == "__main__":
    film("teaser.mp4", (1080, 1920), 3, sunrise)
    film("launch.mp4", (720, 1280), 4, blossom)
    for number, (ground, ink, name) in enumerate(
        (
            ((118, 168, 150), CORAL, "one"),
            ((226, 150, 120), PLUM, "two"),
            ((104, 124, 176), (250, 236, 220), "three"),
        ),
        start=1,
    ):
        look(number, ground, ink, name).save(HERE / f"look-{number}.jpg", quality=78, optimize=True)
    sunrise((2160, 3840), 0.85).resize((1080, 1920), Image.Resampling.LANCZOS).save(
        HERE / "still.webp", quality=70, method=6
    )
