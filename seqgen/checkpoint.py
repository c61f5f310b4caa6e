"""The checkpoint: one safetensors file with everything that sampling, evaluating and resuming need.

Its tensors are `model.*`, the averaged weights, and in `last.safetensors` also `training.*`: the weights in training,
optimizer moments and hidden state. Its header's metadata has one key, `seqgen`, with JSON. Nothing is ever unpickled.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from seqgen import __version__, files
from seqgen.config import TrainConfig
from seqgen.errors import CheckpointError, SeqgenError
from seqgen.levels import level_from_json
from seqgen.levels.base import Level
from seqgen.model.language_model import LanguageModel

FORMAT = 1
_KEY = "seqgen"
BEST, LAST, PREVIOUS = "best.safetensors", "last.safetensors", "previous.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        requested: the options as given; what the recipe chose is None.
        config: the options as resolved.
        level: the vocabulary.
        unseen: ids that were never a target in training, so that they are never drawn.
        fingerprint: of the corpus trained on.
        figures: step, losses and other figures of the moment, plain JSON values.
        weights: the model's tensors by parameter name.
        training: the tensors that only resuming needs.
    """

    requested: TrainConfig
    config: TrainConfig
    level: Level
    unseen: list[int]
    fingerprint: str
    figures: dict[str, Any]
    weights: Mapping[str, Tensor]
    training: Mapping[str, Tensor] = field(default_factory=dict)

    def model(self, device: str = "cpu") -> LanguageModel:
        """Return the language model with these weights, ready to be evaluated.

        Raises:
            CheckpointError: the weights do not fit the configuration.
        """
        model = LanguageModel(self.config.model, self.level.vocabulary_size)
        try:
            model.load_state_dict(dict(self.weights))
        except RuntimeError as error:
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
            "format": FORMAT,
            "version": __version__,
            "requested": self.requested.to_flat(),
            "config": self.config.to_flat(),
            "level": self.level.to_json(),
            "unseen": self.unseen,
            "fingerprint": self.fingerprint,
            "figures": self.figures,
        }
        content["checksum"] = _checksum(content, tensors)
        try:
            files.replace(path, save(tensors, {_KEY: json.dumps(content)}))
        except OSError as error:
            raise CheckpointError(
                f"{path} could not be written: {error.strerror}; what was saved before stays"
            ) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the content of a file.

        Raises:
            CheckpointError: it is missing, damaged, no checkpoint of seqgen, or of a newer format version.
        """
        content, tensors = _read_file(path)
        if content["format"] > FORMAT:
            raise CheckpointError(
                f"{path} has format version {content['format']}, written by seqgen {content.get('version')}; this is "
                f"seqgen {__version__}, which knows up to {FORMAT}: install a newer seqgen"
            )
        if content.pop("checksum", None) != _checksum(content, tensors):
            raise CheckpointError(
                f"{path} is damaged: its checksum does not agree with its content{_other_files(path)}"
            )
        try:
            return cls(
                TrainConfig.from_flat(content["requested"]),
                TrainConfig.from_flat(content["config"]),
                level_from_json(content["level"]),
                content["unseen"],
                content["fingerprint"],
                content["figures"],
                _with_prefix(tensors, "model."),
                _with_prefix(tensors, "training."),
            )
        except (KeyError, TypeError, SeqgenError) as error:
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
                f"there is no trained model in {checkpoints_dir}; make one: seqgen train --corpus FILE, or "
                "seqgen train --corpus builtin:python-docs"
            )
        return model_file(runs[-1])
    for path in (checkpoints_dir / checkpoint, Path(checkpoint)):
        if path.is_file():
            return path
        if path.is_dir() and model_file(path).is_file():
            return model_file(path)
    names = ", ".join(sorted(run.name for run in list_runs(checkpoints_dir))) or "none"
    raise CheckpointError(
        f"there is no checkpoint {checkpoint!r}: no such file, and the runs in {checkpoints_dir} are: {names}"
    )


def list_runs(checkpoints_dir: Path) -> list[Path]:
    """Return the folders that hold a model."""
    if not checkpoints_dir.is_dir():
        return []
    return [path for path in checkpoints_dir.iterdir() if path.is_dir() and model_file(path).is_file()]


def model_file(run: Path) -> Path:
    """Return the file of a run's best model, or of its newest while there is none."""
    best = run / BEST
    return best if best.is_file() else run / LAST


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  # not a mapping; cloned, or Windows could not replace the file
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path} is cut short, damaged or no safetensors file{_other_files(path)}") from error
    try:
        content = json.loads(metadata[_KEY])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is a safetensors file, but no checkpoint of seqgen") from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise CheckpointError(f"{path} is damaged: its description is not readable{_other_files(path)}")
    return content, tensors


def _other_files(path: Path) -> str:
    """Return the sentence that offers what can be used in place of a damaged file."""
    other = path.with_name({LAST: PREVIOUS, BEST: LAST}.get(path.name, BEST))
    if other == path or not other.is_file():
        return ""
    return f"; instead there is {other}, which can be copied to its place"


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _checksum(content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
