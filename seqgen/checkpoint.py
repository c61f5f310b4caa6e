"""The checkpoint: one safetensors file with everything needed to sample, evaluate and resume.

Its tensors are `model.*`, the averaged weights, and in `last.safetensors` also `training.*`: the weights in training,
the optimizer's moments and the hidden state. They are stored in float32, those of the built-in models in float16. The
metadata in the header has one key, `seqgen`, whose value is JSON. Nothing is unpickled.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load, save
from torch import Tensor

from seqgen import __version__, files
from seqgen.config import TrainConfig, TrainOptions
from seqgen.encoders import coding_from_json, front_end
from seqgen.encoders.base import SignalCoding
from seqgen.errors import CheckpointError
from seqgen.levels import level_from_json
from seqgen.levels.base import Coding, Level, TextLevel
from seqgen.model.ctc import make_model
from seqgen.model.language_model import LanguageModel
from seqgen.runs import BEST, LAST, PREVIOUS

FORMAT = 2
_KEY = "seqgen"
_LENGTH_BYTES = 8  # a safetensors file begins with the length of its header
_CHECKSUM = '{"checksum": "'  # the beginning of the JSON description
_NO_CHECKSUM = "0" * 32  # the checksum is computed with this placeholder
_FINGERPRINT = re.compile("[0-9a-f]+")


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes:
        requested: the options as given; None where the recipe chose.
        config: the options as resolved.
        level: the vocabulary.
        unseen: ids that were never a target in training and are therefore never drawn.
        knows_beginnings: whether training has shown enough beginnings of documents, see `sampling/opening.py`.
        fingerprint: the fingerprint of the corpus, hexadecimal digits.
        figures: step, losses and other figures of the run, plain JSON values.
        weights: the model's tensors by parameter name.
        training: the tensors that are only needed to resume.
        version: the version of seqgen that wrote it.
        given_coding: encodes what texts are given; None if they are given nothing.
    """

    requested: TrainOptions
    config: TrainConfig
    level: Level[Any]
    unseen: list[int]
    knows_beginnings: bool
    fingerprint: str
    figures: dict[str, Any]
    weights: Mapping[str, Tensor] = field(repr=False)
    training: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    version: str = __version__
    given_coding: Coding[Any] | None = None

    def model(self, device: str = "cpu") -> LanguageModel:
        """Return the language model with these weights, in evaluation mode.

        Raises:
            CheckpointError: the weights do not fit the configuration.
        """
        weights = self.weights
        if other := next((name for name, tensor in weights.items() if tensor.dtype != torch.float32), None):
            raise CheckpointError(
                f"the checkpoint's weights must be float32 or float16, but {other} is {weights[other].dtype}: train "
                "the model again"
            )
        try:
            if self.config.model.num_layers > len(weights):
                raise ValueError(f"--num-layers {self.config.model.num_layers}, but only {len(weights)} tensors")
            with torch.device("meta"):  # allocates no memory before the sizes are compared with those of the weights
                reads = front_end(self.given_coding, self.config.model) if self.given_coding is not None else None
                model = make_model(self.config.model, self.level.vocabulary_size, reads, self.level.num_factors)
        except (RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"the checkpoint's weights do not fit its configuration: {error}") from error
        if difference := _difference(model.state_dict(), weights):
            raise CheckpointError(
                f"the checkpoint's weights do not fit its configuration: {difference}; train the model again"
            )
        model.load_state_dict(weights, assign=True)
        return model.to(device).eval()

    def write(self, path: Path) -> None:
        """Write the checkpoint to a file, which is replaced atomically.

        Raises:
            CheckpointError: the folder is not writable or the disk is full; the old file remains.
        """
        tensors = {f"model.{name}": tensor for name, tensor in self.weights.items()}
        tensors |= {f"training.{name}": tensor for name, tensor in self.training.items()}
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = {
            "checksum": _NO_CHECKSUM,
            "format": FORMAT,
            "version": __version__,
            "requested": self.requested.to_flat(),
            "config": self.config.to_flat(),
            "level": self.level.to_json(),
            "unseen": self.unseen,
            "knows_beginnings": self.knows_beginnings,
            "fingerprint": self.fingerprint,
            "figures": self.figures,
        }
        if self.given_coding is not None:
            content["given_coding"] = self.given_coding.to_json()
        data = bytearray(save(tensors, {_KEY: json.dumps(content)}))
        place = _checksum_place(data)
        data[place : place + len(_NO_CHECKSUM)] = _checksum(data).encode()
        try:
            files.replace(path, data)
        except OSError as error:
            raise unwritten(path, error) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a checkpoint file.

        Raises:
            CheckpointError: it is missing, damaged, not a checkpoint of seqgen, or of another format version.
        """
        return cls.of(read_bytes(path), path)

    @classmethod
    def of(cls, data: bytes, path: Path) -> Self:
        """Return the checkpoint in the content of a file, see `read`; the path is only used in messages."""
        content = _description(data, path)
        if content["format"] != FORMAT:
            raise CheckpointError(
                f"{path} has format version {content['format']}, written by seqgen {content.get('version')}; this is "
                f"seqgen {__version__}, which reads version {FORMAT}: install a matching version of seqgen"
                f"{_other_files(path)}"
            )
        if content["checksum"] != _checksum(data):
            raise CheckpointError(f"{path} is damaged: its checksum does not match its content{_other_files(path)}")
        try:
            return cls._parsed(content, load(data))
        except MemoryError:
            raise
        except Exception as error:
            raise CheckpointError(f"{path} is not a valid checkpoint for seqgen {__version__} ({error})") from error

    @classmethod
    def _parsed(cls, content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Return the checkpoint with this description; any exception means that the description is invalid."""
        level, config = level_from_json(content["level"]), TrainConfig.from_flat(content["config"])
        if config.corpus.level not in ("auto", level.name):
            raise ValueError(f"its vocabulary is not of --level {config.corpus.level}")
        if "given_level" in content:
            raise ValueError("it writes from something given, and was written before signals could be given")
        given_coding = coding_from_json(content["given_coding"]) if "given_coding" in content else None
        is_conditional = given_coding is not None
        if (config.corpus.given is not None, config.model.encoder_layers > 0) != (is_conditional, is_conditional):
            raise ValueError("its --given, its encoder and its vocabulary of the given do not belong together")
        if is_conditional and not (isinstance(level, TextLevel) and isinstance(given_coding, TextLevel | SignalCoding)):
            raise ValueError("it does not write a text, or is given music")
        if given_coding is not None and config.corpus.given_level not in ("auto", given_coding.name):
            raise ValueError(f"what it is given is not of --given-level {config.corpus.given_level}")
        if isinstance(given_coding, SignalCoding) and "subsampling" not in content["config"]:
            raise ValueError(
                "it is given signals, and was written before --subsampling could be chosen: train it again"
            )
        if not _FINGERPRINT.fullmatch(content["fingerprint"]):  # it becomes the name of a folder
            raise ValueError("its fingerprint is not hexadecimal")
        return cls(
            TrainOptions.from_flat(content["requested"]),
            config,
            level,
            _ids(content["unseen"], level.vocabulary_size),
            bool(content.get("knows_beginnings", level.END not in content["unseen"])),  # missing in older files
            content["fingerprint"],
            dict(content["figures"]),
            {name: _single_precision(tensor) for name, tensor in _with_prefix(tensors, "model.").items()},
            _with_prefix(tensors, "training."),
            str(content["version"]),
            given_coding,
        )


def _difference(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Return how the first tensor differs from what is expected, and how many others differ; empty without any."""
    shapes, own = ({name: tuple(tensor.shape) for name, tensor in each.items()} for each in (expected, found))
    different = [name for name in shapes | own if shapes.get(name) != own.get(name)]
    if not different:
        return ""
    first = different[0]
    if first not in own:
        description = f"{first} is missing"
    elif first not in shapes:
        description = f"{first} is unexpected"
    else:
        description = f"{first} has the shape {_product(own[first])} instead of {_product(shapes[first])}"
    return description if len(different) == 1 else f"{description}, and {len(different) - 1} more differ"


def _product(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))


def read_bytes(path: Path) -> bytes:
    """Return the content of a checkpoint file.

    Raises:
        CheckpointError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error


def unwritten(path: Path, error: OSError) -> CheckpointError:
    """Return the error for a file of a run that cannot be written."""
    return CheckpointError(
        f"{path} could not be written: {error.strerror}; the last saved state is kept: correct this and "
        "continue with --resume"
    )


def _description(data: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON in a file's header, and check only its format version and checksum field.

    Raises:
        CheckpointError: the header is not that of a checkpoint.
    """
    header = data[_LENGTH_BYTES : _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")]
    try:
        entries = dict(json.loads(header))
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path} is truncated, damaged or not a safetensors file{_other_files(path)}") from error
    try:
        content = json.loads(entries["__metadata__"][_KEY])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is a safetensors file, but not a checkpoint of seqgen{_other_files(path)}"
        ) from error
    if not isinstance(content, dict) or not {int, str} == {type(content.get(key)) for key in ("format", "checksum")}:
        raise CheckpointError(f"{path} is damaged: its description is not readable{_other_files(path)}")
    return content


def _other_files(path: Path) -> str:
    """Return the part of a message that suggests another file of the run in place of a damaged one, if there is one."""
    other = path.with_name({LAST: PREVIOUS, BEST: LAST}.get(path.name, BEST))
    if other == path or not other.is_file():
        return ""
    return f"; to replace it, copy {other} to its place"


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _single_precision(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def _ids(values: Any, end: int) -> list[int]:
    if not all(type(value) is int and 0 <= value < end for value in values):
        raise ValueError("its unseen tokens are not ids")
    return list(values)


def _checksum(data: bytes | bytearray) -> str:
    """Return the checksum of a whole file in which the checksum itself is replaced by zeros."""
    place = _checksum_place(data)
    digest = hashlib.blake2b(data[:place], digest_size=len(_NO_CHECKSUM) // 2)
    digest.update(_NO_CHECKSUM.encode())
    digest.update(memoryview(data)[place + len(_NO_CHECKSUM) :])
    return digest.hexdigest()


def _checksum_place(data: bytes | bytearray) -> int:
    """Return the position of the checksum; the description is a JSON string, so its quotes are escaped."""
    begin = json.dumps(_CHECKSUM)[1:-1].encode()
    return data.find(begin) + len(begin)
