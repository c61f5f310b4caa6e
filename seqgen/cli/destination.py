"""Where `seqgen sample` writes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Destination:
    """Where samples are written, and in which form.

    Attributes:
        source: path of the checkpoint, in whose run each file is recorded.
        files: whose suffixes determine their formats; none for the default.
        soundfont: plays audio files; None for an installed SoundFont or the built-in synthesizer.
        omit_prime: whether the prime is not written.
        as_json: whether samples are written as lines of JSON.
    """

    source: Path
    files: tuple[Path, ...] = ()
    soundfont: Path | None = None
    omit_prime: bool = False
    as_json: bool = False
