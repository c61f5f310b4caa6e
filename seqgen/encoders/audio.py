"""Recordings: log-mel frames, from WAV, FLAC, Ogg, MP3 and other files that libsndfile reads.

A recording of any sampling rate and number of channels becomes a single channel of one rate. Each 10 ms, the power
spectrum of 25 ms is summed by filters that overlap by half and are evenly spaced on the mel scale,

    mel = 2595 log10(1 + f / 700)

(Stevens, Volkmann & Newman 1937; constants of HTK). Its logarithm is kept in 8 bits, relative to the loudest number of
the recording.
"""

import io
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig, ModelConfig
from seqgen.encoders._convolutions import Convolutions
from seqgen.encoders._resampling import resampled
from seqgen.encoders.base import FrontEnd, SignalCoding
from seqgen.errors import SignalError
from seqgen.levels.base import Ids

if TYPE_CHECKING:
    from soundfile import SoundFile

_MAX_RATE = 16_000  # Hz; speech has little above 8 kHz
_RATES = 1_000, 1_000_000  # Hz, that are read
_FILTERS = ((8_000, 40), (_MAX_RATE, 80))  # number of filters up to a sampling rate
_NUM_SAMPLED = 100  # recordings from which the sampling rate is chosen
_WINDOW, _HOP = 0.025, 0.01  # seconds
_RANGE = 80.0  # dB below the loudest number that are distinguished
_MAX_SECONDS = 1200
_BLOCK = 2048  # frames that are computed together
_MAX_SAMPLES = 1 << 28  # of all channels
_CHANNELS = (128, 128)
# Recordings do not change in training: of 200 strings of digits, 5 min, 4.0 % are wrong; 10.5 % with a speed of 82 to
# 122 %, voices higher or lower by up to 10 %, and intervals of up to 10 % of the time and 30 % of the filters silent.


class AudioCoding(SignalCoding):
    """Vectors of `num_filters` numbers each 10 ms: 255 is the loudest of the recording, 0 is 80 dB or more below it.

    Args:
        rate: the sampling rate in Hz to which recordings are converted.
        num_filters: the number of filters.
    """

    name: ClassVar[str] = "audio"
    suffixes: ClassVar[frozenset[str]] = frozenset(
        {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au"}
    )
    unit: ClassVar[str] = "frame"
    axis: ClassVar[str] = "seconds"
    scale: ClassVar[float] = _HOP
    subsamplings = (4, 2, 1)

    def __init__(self, rate: int, num_filters: int) -> None:
        self.rate = rate
        self.num_filters = num_filters

    @classmethod
    def fit(cls, documents: Iterable[Iterable[bytes]], config: CorpusConfig) -> Self:  # noqa: ARG003  # has no options
        """Return the coding with the most frequent sampling rate of the first recordings, up to 16 kHz."""
        rates = Counter(_rate(b"".join(chunks)) for chunks in islice(documents, _NUM_SAMPLED))
        rate = min(_MAX_RATE, rates.most_common(1)[0][0] if rates else _MAX_RATE)
        return cls(rate, next(number for most, number in _FILTERS if rate <= most))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """One number per filter."""
        return (self.num_filters,)

    def rows(self, data: bytes) -> NDArray[Any]:
        """Return the frames of a recording, see `SignalCoding.rows`."""
        samples, rate = _samples(data)
        if rate != self.rate:
            samples = resampled(samples, rate, self.rate)
        window, hop = round(_WINDOW * self.rate), round(_HOP * self.rate)
        samples = np.pad(samples, (0, max(0, window - len(samples))))
        frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
        blocks = [self._levels(frames[first : first + _BLOCK]) for first in range(0, len(frames), _BLOCK)]
        level = np.concatenate(blocks)
        relative = 1 + (level - level.max()) / _RANGE
        rows: NDArray[Any] = np.round(255 * relative.clip(0, 1)).astype(self.dtype)
        return rows

    def _levels(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output of each filter in dB, shape (frames, num_filters)."""
        size, window = 2 * (self._filters.shape[1] - 1), frames.shape[1]
        power = np.abs(np.fft.rfft(frames * np.hanning(window + 1)[:-1], size)) ** 2
        levels: NDArray[np.float32] = 10 * np.log10(np.maximum(power @ self._filters.T, np.finfo(np.float64).tiny))
        return levels.astype(np.float32)

    def label(self, index: int, subsampling: int) -> str:
        """Return the time at which an output of the front end begins."""
        return f"{index * subsampling * _HOP:.2f} s"

    def draw(self, rows: Ids, axes: Any) -> None:
        """Draw the spectrogram."""
        axes.imshow(rows.T, cmap="magma", aspect="auto", origin="lower", extent=(0, len(rows) * _HOP, 0, 1))
        axes.set(ylabel="mel frequency", xticks=[], yticks=[])

    def place(self, rows: Ids, position: float) -> tuple[float, float]:  # noqa: ARG002  # the same in all recordings
        """Return the time of a frame, at the upper edge."""
        return position * _HOP, 1.0

    def front_end(self, config: ModelConfig) -> FrontEnd:
        """Return convolutions that divide the number of positions."""
        return Convolutions(self.num_filters, _CHANNELS, config.subsampling, scale=1 / 64)

    @cached_property
    def _filters(self) -> NDArray[np.float64]:
        """The weight of each frequency in each filter, shape (num_filters, frequencies)."""
        num_samples = round(_WINDOW * self.rate)
        size = 1 << (num_samples - 1).bit_length()
        while size < 6 * self.num_filters:  # the lowest filters are narrow
            size *= 2
        frequencies = np.linspace(0, self.rate / 2, size // 2 + 1)
        edges = _hertz(np.linspace(0, _mel(self.rate / 2), self.num_filters + 2))
        rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
        falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
        return np.minimum(rising, falling).clip(0)

    def to_json(self) -> dict[str, Any]:
        """Return the kind, the rate and the number of filters."""
        return {"level": self.name, "rate": self.rate, "num_filters": self.num_filters}


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700 * (10 ** (mel / 2595) - 1)


def _opened(data: bytes) -> "SoundFile":
    import soundfile

    try:
        return soundfile.SoundFile(io.BytesIO(data))
    except soundfile.LibsndfileError as error:
        raise SignalError("file without a recording", f"is not a recording ({error.error_string})") from error


def _rate(data: bytes) -> int:
    with _opened(data) as file:
        return int(file.samplerate)


def _samples(data: bytes) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a recording, the mean of its channels, and its sampling rate in Hz."""
    import soundfile

    with _opened(data) as file:
        if not _RATES[0] <= file.samplerate <= _RATES[1]:
            raise SignalError(
                "recording of an unusual sampling rate",
                f"has a sampling rate of {file.samplerate:,} Hz: it must be from {_RATES[0]:,} to {_RATES[1]:,}",
            )
        if file.frames > _MAX_SECONDS * file.samplerate or file.frames * file.channels > _MAX_SAMPLES:
            raise SignalError("long recording", f"is longer than {_MAX_SECONDS // 60} minutes: divide it")
        try:
            samples = file.read(dtype="float32", always_2d=True).mean(1)
        except soundfile.LibsndfileError as error:
            raise SignalError("damaged recording", f"is damaged ({error.error_string})") from error
        rate = int(file.samplerate)
    if not len(samples):
        raise SignalError("recording without a sample", "has no samples")
    if not np.isfinite(samples).all():
        raise SignalError("recording with a sample that is not finite", "has a sample that is not finite")
    if not samples.any():
        raise SignalError("silent recording", "is silent")
    return samples, rate
