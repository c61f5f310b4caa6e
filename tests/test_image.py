"""Images as columns or rows of pixels: formats, orientation, transparency, and files that are not images."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from seqgen.config import CorpusConfig, ModelConfig
from seqgen.encoders import coding_from_json
from seqgen.encoders.image import ImageCoding
from seqgen.errors import SignalError

LINES, PICTURES = ImageCoding(48, is_line=True), ImageCoding(64, is_line=False)
CONFIG = ModelConfig(num_layers=1, hidden_size=8, embedding_size=8, subsampling=4)


def file(image, **options):
    data = io.BytesIO()
    image.save(data, **{"format": "PNG"} | options)
    return data.getvalue()


def writing(width=200, height=48):
    """Return a grey image of dark strokes on white."""
    pixels = np.full((height, width), 255, dtype=np.uint8)
    pixels[height // 4 : height // 2, 20:60] = 0
    pixels[height // 2 : height - 4, 100:110] = 80
    return Image.fromarray(pixels)


def test_a_line_becomes_columns_with_dark_writing_as_large_numbers():
    rows = LINES.rows(file(writing()))
    assert rows.dtype == np.uint8
    assert rows.shape == (200, 48)
    assert np.array_equal(rows[30] > 128, (np.arange(48) >= 12) & (np.arange(48) < 24))
    assert not rows[80].any()


@pytest.mark.parametrize("size", [(400, 96), (100, 24), (1000, 240)])
def test_lines_of_any_size_give_about_the_same_columns(size):
    rows, expected = LINES.rows(file(writing().resize(size))), LINES.rows(file(writing()))
    assert rows.shape == expected.shape
    assert np.abs(rows.astype(int) - expected).mean() < 8


def with_alpha():
    alpha = Image.new("RGBA", (200, 48), (0, 0, 0, 0))  # transparent black
    alpha.paste((0, 0, 0, 255), (0, 0), writing().point(lambda value: 255 - value))
    return alpha


def with_16_bits():
    return Image.fromarray(np.asarray(writing(), dtype=np.uint16) * 200)


@pytest.mark.parametrize(
    "data",
    [
        file(writing().convert("RGB")),
        file(writing().convert("P")),
        file(writing().convert("LA")),
        file(writing().point(lambda value: 255 - value)),  # light on dark
        file(with_alpha()),
        file(with_16_bits()),
        file(writing(), format="TIFF"),
        file(writing(), format="BMP"),
        file(writing(), format="JPEG", quality=95),
        file(writing().point(lambda value: 100 + value // 4)),  # little contrast
    ],
    ids=range(10),
)
def test_formats_and_colours_give_the_same_columns(data):
    found, expected = LINES.rows(data).astype(int), LINES.rows(file(writing())).astype(int)
    assert np.abs(found - expected).mean() < 4


def test_the_orientation_tag_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    turned = writing().rotate(90, expand=True)
    assert np.array_equal(LINES.rows(file(turned, exif=exif)), LINES.rows(file(writing())))


def test_a_picture_becomes_a_square_in_colour():
    image = Image.new("RGB", (10, 10), (255, 255, 255))
    image.paste((255, 0, 0), (0, 0, 10, 5))
    rows = PICTURES.rows(file(image)).reshape(64, 64, 3)
    assert rows[5, 30].tolist() == [0, 255, 255]
    assert rows[60, 30].tolist() == [0, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (2400, 48), (3, 200), (1, 48), (48, 1)])
@pytest.mark.parametrize("coding", [LINES, PICTURES])
def test_odd_sizes_are_read(size, coding):
    rows = coding.rows(file(Image.new("L", size, 90)))
    assert len(rows) >= 1
    assert rows.shape[1:] == coding.shape


def test_images_are_lines_if_most_are_wide():
    wide, square = [file(writing())], [file(Image.new("RGB", (72, 72)))]
    assert ImageCoding.fit([wide, wide, square], CorpusConfig()).is_line
    fitted = ImageCoding.fit([wide, square, square], CorpusConfig())
    assert not fitted.is_line
    again = coding_from_json(json.loads(json.dumps(fitted.to_json())))
    assert np.array_equal(again.rows(wide[0]), fitted.rows(wide[0]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not an image"),
        (b"some text", "is not an image"),
        (file(writing())[:20], "is"),
        (file(writing())[:-60], "is damaged"),
        (file(writing(), format="JPEG")[:400], "is damaged"),
        (file(Image.new("L", (20_000, 10))), "is more than 170 times as wide as high"),
        (file(Image.new("1", (20_000, 9_000))), "has more than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the bytes have a date
)
def test_what_is_not_an_image_gets_a_reason(data, message):
    with pytest.raises(SignalError) as raised:
        LINES.rows(data)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("widths", [[9, 4, 1], [40, 33, 17]])
def test_padding_has_no_effect_on_the_convolutions_of_lines(widths, generator):
    front_end = LINES.front_end(CONFIG)
    front_end.initialise(generator)
    for norm in front_end.norms:
        torch.nn.init.normal_(norm.bias, generator=generator)
    rows = torch.randint(256, (max(widths), len(widths), 48), dtype=torch.uint8, generator=generator)
    together, counts = front_end(rows, torch.tensor(widths))
    assert counts.tolist() == [-(-width // 4) for width in widths]
    for place, (width, count) in enumerate(zip(widths, counts.tolist(), strict=True)):
        alone, (number,) = front_end(rows[:width, [place]], torch.tensor([width]))
        assert alone.shape == (count, 1, front_end.size)
        assert number == count
        torch.testing.assert_close(together[:count, place], alone[:, 0])


def test_the_grid_of_a_picture_has_a_cell_for_each_8_by_8_pixels(generator):
    front_end = PICTURES.front_end(CONFIG)
    front_end.initialise(generator)
    pixels = torch.zeros(64, 2, 64 * 3, dtype=torch.uint8)
    pixels.view(64, 2, 64, 3)[20, 1, 50] = 255  # in the third row and the seventh column of the grid
    cells, counts = front_end(pixels, torch.tensor([64, 64]))
    assert cells.shape == (64, 2, front_end.size)
    assert counts.tolist() == [64, 64]
    changed = (cells[:, 1] != cells[:, 0]).any(1).view(8, 8)
    assert changed[2, 6]
    assert changed.sum() <= 9
