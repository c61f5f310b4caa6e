"""The Python API: train models, sample from them, and score and read texts and music with them."""

from seqgen.api.model import Model, load
from seqgen.api.music import read_music
from seqgen.api.training import train
from seqgen.music.score import Score

__all__ = ["Model", "Score", "load", "read_music", "train"]
