"""Images: columns of lines of writing, or whole pictures.

Orientation tags are applied, and transparency is laid on white. A line becomes grey and as high as all others; its
positions are its columns. A picture becomes a square in colour; its positions are the rows of pixels, from which the
network makes a grid.
"""

import io
import warnings
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig, ModelConfig
from seqgen.encoders._image_networks import PICTURE_SUBSAMPLING, LineConvolutions, PictureConvolutions
from seqgen.encoders.base import FrontEnd, SignalCoding
from seqgen.errors import SignalError
from seqgen.levels.base import Ids

if TYPE_CHECKING:
    from PIL.Image import Image

_LINE = 2.0  # times as wide as high, from which on most images are lines
_LINE_HEIGHT, _SIDE = 48, 64  # pixels, of lines and of pictures
_MAX_COLUMNS = 1 << 13
_NUM_SAMPLED = 200  # images from which their kind is chosen
_CONTRAST = (1, 99)  # percentiles of grey that become black and white


class ImageCoding(SignalCoding):
    """Vectors of bytes: the columns of a line, from top to bottom, or the rows of a picture, from left to right.

    In a line, 0 is the background and 255 the writing. In a picture, each pixel is red, green, blue, all of them
    inverted, so that 0 is white.

    Args:
        height: of a line, or of a picture, in pixels.
        is_line: whether images are lines.
    """

    name: ClassVar[str] = "image"
    suffixes: ClassVar[frozenset[str]] = frozenset(
        {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm"}
    )
    unit: ClassVar[str] = "column"  # of a line; a row of a picture
    axis: ClassVar[str] = "columns"

    def __init__(self, height: int, *, is_line: bool) -> None:
        self.height = height
        self.is_line = is_line
        self.subsamplings = (4, 2, 1) if is_line else ()

    @classmethod
    def fit(cls, documents: Iterable[Iterable[bytes]], config: CorpusConfig) -> Self:  # noqa: ARG003  # has no options
        """Return the coding of lines if most of the first images are wide, otherwise that of pictures."""
        sizes = [_opened(b"".join(chunks)).size for chunks in islice(documents, _NUM_SAMPLED)]
        is_line = bool(sizes) and float(np.median([width / height for width, height in sizes])) >= _LINE
        return cls(_LINE_HEIGHT if is_line else _SIDE, is_line=is_line)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """The height of a line, or three numbers per pixel of a row."""
        return (self.height if self.is_line else 3 * self.height,)

    def rows(self, data: bytes) -> NDArray[Any]:
        """Return the columns of a line, or the rows of a picture, see `SignalCoding.rows`."""
        image = _decoded(data)
        if not self.is_line:
            pixels = np.asarray(image.resize((self.height, self.height)), dtype=self.dtype)
            return (255 - pixels).reshape(self.height, -1)
        width = max(1, round(image.width * self.height / image.height))
        if width > _MAX_COLUMNS:
            raise SignalError(
                "image of excessive width", f"is more than {_MAX_COLUMNS // self.height} times as wide as high"
            )
        grey = np.asarray(image.convert("L").resize((width, self.height)), dtype=np.float64)
        black, white = np.percentile(grey, _CONTRAST)
        if white > black:
            grey = ((grey - black) / (white - black)).clip(0, 1) * 255
        if np.median(grey) > 127:  # dark writing on a light background
            grey = 255 - grey
        rows: NDArray[Any] = np.ascontiguousarray(grey.T.round().astype(self.dtype))
        return rows

    def label(self, index: int, subsampling: int) -> str:
        """Return the first column of an output of the front end, or the row and the column of a cell of the grid."""
        if self.is_line:
            return super().label(index, subsampling)
        row, column = divmod(index, self.height // PICTURE_SUBSAMPLING)
        return f"row {row + 1}, column {column + 1}"

    def draw(self, rows: Ids, axes: Any) -> None:
        """Draw the line, or the picture."""
        pixels = 255 - (rows.T if self.is_line else rows.reshape(self.height, self.height, 3))
        height, width = pixels.shape[:2]
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, aspect="auto", extent=(0, width, height, 0))
        axes.set_axis_off()

    def place(self, rows: Ids, position: float) -> tuple[float, float]:  # noqa: ARG002  # the same in all lines
        """Return a column, at the upper edge."""
        return position, 0.0

    def front_end(self, config: ModelConfig) -> FrontEnd:
        """Return convolutions whose positions are a few columns each, or the cells of a grid."""
        return LineConvolutions(self.height, config.subsampling) if self.is_line else PictureConvolutions()

    def to_json(self) -> dict[str, Any]:
        """Return the kind of image and its height."""
        return {"level": self.name, "height": self.height, "is_line": self.is_line}


def _opened(data: bytes) -> "Image":
    """Return an image whose pixels have not been decoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise SignalError("file without an image", "is not an image that Pillow reads") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SignalError("huge image", f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels") from error
    except Exception as error:  # the formats of Pillow raise exceptions of many kinds
        raise SignalError("damaged image", f"is damaged ({error})") from error


def _decoded(data: bytes) -> "Image":
    """Return an image in RGB, upright, on white."""
    from PIL import Image, ImageOps

    image = _opened(data)
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith(("I", "F")):  # 16 bits and more, which convert would cut off
            values = np.asarray(image, dtype=np.float64)
            low, high = values.min(), values.max()
            image = Image.fromarray(np.uint8(255 * (values - low) / (high - low or 1)))
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    except Exception as error:  # as above
        raise SignalError("damaged image", f"is damaged ({error})") from error
