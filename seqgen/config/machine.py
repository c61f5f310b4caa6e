"""Where to compute, and where files are kept."""

from dataclasses import dataclass
from pathlib import Path

from seqgen.config.bounds import SEED
from seqgen.options import Options, option


@dataclass(frozen=True, kw_only=True)
class DeviceConfig(Options):
    """Machine: where to compute."""

    device: str = option("Device to compute on.", "auto", choices=("auto", "cpu", "cuda", "mps"))


@dataclass(frozen=True, kw_only=True)
class MachineConfig(DeviceConfig):
    """Machine: where to compute, and with what precision."""

    precision: str = option(
        "Precision of matrix products, and of gradients between machines; auto: bfloat16 if the hardware supports it.",
        "auto",
        choices=("auto", "float32", "bfloat16"),
    )
    seed: int = option("Random seed for initial weights, order and dropout.", 1, metavar="N", bound=SEED)


@dataclass(frozen=True, kw_only=True)
class RunsConfig(Options):
    """Folders: where runs are stored."""

    checkpoints_dir: str = option("Folder that contains the runs.", "checkpoints", metavar="FOLDER")


@dataclass(frozen=True, kw_only=True)
class FoldersConfig(RunsConfig):
    """Folders: where runs and prepared corpora are stored."""

    data_dir: str = option("Folder for prepared corpora.", "data", metavar="FOLDER")

    @property
    def parsed(self) -> Path:
        """The cache of parsed music files."""
        return Path(self.data_dir) / "parsed"
