"""The checkpoint: one safetensors file with everything that sampling, evaluating and resuming need.

Its tensors are `model.*`, the averaged weights, and in `last.safetensors` also `training.*`: the weights in training,
optimizer moments and hidden state. Its header's metadata has one key, `seqgen`, with JSON. Nothing is ever unpickled.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load, save
from torch import Tensor

from seqgen import __version__, files
from seqgen.config import TrainConfig, TrainOptions
from seqgen.errors import CheckpointError
from seqgen.levels import level_from_json
from seqgen.levels.base import Level
from seqgen.model.language_model import LanguageModel

FORMAT = 2
_KEY = "seqgen"
_LENGTH_BYTES = 8  # of a safetensors file, before its header: the header's length
_CHECKSUM = '{"checksum": "'  # with it the description begins
_NO_CHECKSUM = "0" * 32  # stands where the checksum will
_FINGERPRINT = re.compile("[0-9a-f]+")
BEST, LAST, PREVIOUS = "best.safetensors", "last.safetensors", "previous.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        requested: the options as given; what the recipe chose is None.
        config: the options as resolved.
        level: the vocabulary.
        unseen: ids that were never a target in training, so that they are never drawn.
        knows_beginnings: whether training has shown often enough how documents begin, see `sampling/opening.py`.
        fingerprint: of the corpus trained on.
        figures: step, losses and other figures of the moment, plain JSON values.
        weights: the model's tensors by parameter name.
        training: the tensors that only resuming needs.
        version: of the seqgen that wrote it.
    """

    requested: TrainOptions
    config: TrainConfig
    level: Level
    unseen: list[int]
    knows_beginnings: bool
    fingerprint: str
    figures: dict[str, Any]
    weights: Mapping[str, Tensor]
    training: Mapping[str, Tensor] = field(default_factory=dict)
    version: str = __version__

    def model(self, device: str = "cpu") -> LanguageModel:
        """Return the language model with these weights, ready to be evaluated.

        Raises:
            CheckpointError: the weights do not fit the configuration.
        """
        weights = {name: tensor for name, tensor in self.weights.items() if tensor.dtype == torch.float32}
        try:
            if self.config.model.num_layers > len(weights):
                raise ValueError(f"--num-layers {self.config.model.num_layers} of {len(weights)} tensors")
            with torch.device("meta"):  # takes no memory before the sizes are known to be those of the weights
                model = LanguageModel(self.config.model, self.level.vocabulary_size)
            model.load_state_dict(weights, assign=True)
        except (RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"the checkpoint's weights do not fit its configuration: {error}") from error
        return model.to(device).eval()

    def write(self, path: Path) -> None:
        """Replace the file atomically.

        Raises:
            CheckpointError: the folder cannot be written, or the disk is full; the old file stays.
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
        data = bytearray(save(tensors, {_KEY: json.dumps(content)}))
        place = _checksum_place(data)
        data[place : place + len(_NO_CHECKSUM)] = _checksum(data).encode()
        try:
            files.replace(path, data)
        except OSError as error:
            raise unwritten(path, error) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the content of a file.

        Raises:
            CheckpointError: it is missing, damaged, no checkpoint of seqgen, or of a newer format version.
        """
        return cls.of(read_bytes(path), path)

    @classmethod
    def of(cls, data: bytes, path: Path) -> Self:
        """Return what a file's content says, see `read`; the path is for sentences."""
        content = _description(data, path)
        if content["format"] != FORMAT:
            raise CheckpointError(
                f"{path} has format version {content['format']}, written by seqgen {content.get('version')}; this is "
                f"seqgen {__version__}, which knows version {FORMAT}: install the seqgen that goes with it"
                f"{_other_files(path)}"
            )
        if content["checksum"] != _checksum(data):
            raise CheckpointError(
                f"{path} is damaged: its checksum does not agree with its content{_other_files(path)}"
            )
        try:
            tensors, level = load(data), level_from_json(content["level"])
            config = TrainConfig.from_flat(content["config"])
            if config.corpus.level not in ("auto", level.name):
                raise ValueError(f"its vocabulary is not of --level {config.corpus.level}")
            if not _FINGERPRINT.fullmatch(content["fingerprint"]):  # which becomes a folder's name
                raise ValueError("its fingerprint is none")
            return cls(
                TrainOptions.from_flat(content["requested"]),
                config,
                level,
                _ids(content["unseen"], level.vocabulary_size),
                bool(content.get("knows_beginnings", level.END not in content["unseen"])),  # older files do not say
                content["fingerprint"],
                dict(content["figures"]),
                _with_prefix(tensors, "model."),
                _with_prefix(tensors, "training."),
                str(content["version"]),
            )
        except MemoryError:
            raise
        except Exception as error:
            raise CheckpointError(f"{path} is no checkpoint that seqgen {__version__} understands ({error})") from error


def find(checkpoint: str | None, checkpoints_dir: Path) -> Path:
    """Return the file that `--checkpoint NAME|FILE` means; of a run its best model, without a name the newest run's.

    Raises:
        CheckpointError: there is none.
    """
    if checkpoint is None:
        runs = sorted(list_runs(checkpoints_dir), key=lambda run: model_file(run).stat().st_mtime)
        if not runs:
            raise CheckpointError(
                f"there is no trained model in {checkpoints_dir}; train one with: seqgen train --corpus FILE, or "
                "seqgen train --corpus builtin:python-docs"
            )
        return model_file(runs[-1])
    for path in (checkpoints_dir / checkpoint, Path(checkpoint)):
        if path.is_file():
            return path
        if path.is_dir() and model_file(path).is_file():
            return model_file(path)
    names = sorted(run.name for run in list_runs(checkpoints_dir))
    raise CheckpointError(
        f"there is no checkpoint {checkpoint!r}: no such file, and the runs in {checkpoints_dir} are: "
        f"{', '.join(names) or 'none'}{nearest(checkpoint, names)}"
    )


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the question whether the run with the most similar name was meant; nothing if none is similar.

    Args:
        name: what was given, a path perhaps.
        names: the runs that there are.
    """
    parts = Path(name).parts
    given = parts[-2] if len(parts) > 1 and parts[-1].endswith(".safetensors") else Path(name).name
    spelled = {each.casefold(): each for each in names}
    similar = get_close_matches(given.casefold(), spelled, n=1)
    return f"; did you mean {spelled[similar[0]]}?" if similar else ""


def list_runs(checkpoints_dir: Path) -> list[Path]:
    """Return the folders that hold a model."""
    if not checkpoints_dir.is_dir():
        return []
    return [path for path in checkpoints_dir.iterdir() if path.is_dir() and model_file(path).is_file()]


def model_file(run: Path) -> Path:
    """Return the file of a run's best model, or of its newest while there is none."""
    best = run / BEST
    return best if best.is_file() else run / LAST


def read_bytes(path: Path) -> bytes:
    """Return the content of a checkpoint's file.

    Raises:
        CheckpointError: it is missing, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error


def unwritten(path: Path, error: OSError) -> CheckpointError:
    """Return the sentence for a file of a run that cannot be written."""
    return CheckpointError(
        f"{path} could not be written: {error.strerror}; the last saved state is kept: correct this and "
        "continue with --resume"
    )


def _description(data: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON in a file's header, before anything else in the file is believed."""
    header = data[_LENGTH_BYTES : _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")]
    try:
        entries = dict(json.loads(header))
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path} is cut short, damaged or no safetensors file{_other_files(path)}") from error
    try:
        content = json.loads(entries["__metadata__"][_KEY])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is a safetensors file, but no checkpoint of seqgen{_other_files(path)}"
        ) from error
    if not isinstance(content, dict) or not {int, str} == {type(content.get(key)) for key in ("format", "checksum")}:
        raise CheckpointError(f"{path} is damaged: its description is not readable{_other_files(path)}")
    return content


def _other_files(path: Path) -> str:
    """Return the sentence that offers what can be used in place of a damaged file."""
    other = path.with_name({LAST: PREVIOUS, BEST: LAST}.get(path.name, BEST))
    if other == path or not other.is_file():
        return ""
    return f"; instead there is {other}, which can be copied to its place"


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _ids(values: Any, end: int) -> list[int]:
    if not all(type(value) is int and 0 <= value < end for value in values):
        raise ValueError("its unseen tokens are no ids")
    return list(values)


def _checksum(data: bytes | bytearray) -> str:
    """Return that of a whole file, as if its own place held zeros."""
    place = _checksum_place(data)
    digest = hashlib.blake2b(data[:place], digest_size=len(_NO_CHECKSUM) // 2)
    digest.update(_NO_CHECKSUM.encode())
    digest.update(memoryview(data)[place + len(_NO_CHECKSUM) :])
    return digest.hexdigest()


def _checksum_place(data: bytes | bytearray) -> int:
    """Return where the checksum stands: JSON in a string of JSON, so that its quotes are escaped."""
    begin = json.dumps(_CHECKSUM)[1:-1].encode()
    return data.find(begin) + len(begin)
