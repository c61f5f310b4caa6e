"""What a text may be given: one module per kind, found by listing this folder.

A text is encoded by a level; an image, a recording or strokes are signals, which become vectors.
"""

from collections.abc import Mapping
from typing import Any

from seqgen import registry
from seqgen.config import ModelConfig
from seqgen.encoders.base import FrontEnd, SignalCoding
from seqgen.encoders.text import Embedding
from seqgen.levels import level_from_json
from seqgen.levels.base import Coding, Level

_TEXT = "text"
SIGNALS = tuple(name for name in registry.names("encoders") if name != _TEXT)


def signal_class(name: str) -> type[SignalCoding]:
    """Return the class of a kind of signal by name."""
    return registry.load("encoders", name, SignalCoding)  # type: ignore[type-abstract]  # the result is concrete


def coding_from_json(content: Mapping[str, Any]) -> Coding[Any]:
    """Return the coding that `to_json` described."""
    name = content["level"]
    return signal_class(name).from_json(content) if name in SIGNALS else level_from_json(content)


def front_end(coding: Coding[Any], config: ModelConfig) -> FrontEnd:
    """Return the network that turns what a coding encodes into vectors for the recurrent layers of the encoder."""
    if isinstance(coding, SignalCoding):
        return coding.front_end(config)
    assert isinstance(coding, Level)  # noqa: S101  # there is nothing else
    return Embedding(coding.vocabulary_size, config.embedding_size)
