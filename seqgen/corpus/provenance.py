"""Files that seqgen wrote, which are skipped in a folder: runs, prepared corpora and samples."""

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

SAMPLES = "samples.jsonl"  # in the folder of a run: the samples of its model, one JSON object per line
_CHECKPOINTS = {"best.safetensors", "last.safetensors", "previous.safetensors"}
_RUN = _CHECKPOINTS | {"config.toml", "metrics.jsonl", "curve.png", "lock", SAMPLES}
_EVENTS = "events.out.tfevents."  # of TensorBoard
_PREPARED = {"store.json"} | {f"{part}.{kind}" for part in ("train", "valid") for kind in ("ids", "offsets", "counts")}
_PARSED = re.compile(r"[0-9a-f]{32}\.json")
_PARSED_CONTENT = re.compile(
    rb'\[(\]$|\{"name": "([^"\\]|\\.)*", "notices": \{|\{"kind": "([^"\\]|\\.)*", "message": ")'
)
_HEAD_BYTES = 4096
_MAX_SAMPLES = 100_000  # of a run, that are recognized


def own_files(folder: Path, names: Collection[str]) -> dict[str, str]:
    """Return the files of a folder that seqgen wrote for its own use, each with its kind in the singular.

    Args:
        folder: the folder.
        names: all its files.
    """
    run = {name for name in names if name in _RUN or name.startswith(_EVENTS)} if is_run(names) else set()
    data = _PREPARED.intersection(names) if {"store.json", "train.offsets"} <= set(names) else set()
    data |= {name for name in names if _PARSED.fullmatch(name) and _is_parsed(folder / name)}
    return dict.fromkeys(run, "file of seqgen's own runs") | dict.fromkeys(data, "file of seqgen's own data")


def is_run(names: Collection[str]) -> bool:
    """Return whether a folder with these files is that of a run, which may have no checkpoint yet."""
    return "config.toml" in names and not (_CHECKPOINTS | {"lock"}).isdisjoint(names)


def _is_parsed(path: Path) -> bool:
    """Return whether a file is a cache entry of parsed music."""
    with suppress(OSError), path.open("rb") as file:
        return _PARSED_CONTENT.match(file.read(_HEAD_BYTES)) is not None
    return False


def record_sample(path: Path, content: bytes, run: Path) -> None:
    """Record in the folder of a run that a file is a sample of its model, if that folder can be written.

    Args:
        path: the file.
        content: its content.
        run: the folder of the checkpoint.
    """
    samples = run / SAMPLES
    entry = {"file": str(path), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    with suppress(OSError):
        if not is_run({file.name for file in run.iterdir()}) or (samples.exists() and not samples.is_file()):
            return
        # a link in a folder from somebody else must not be followed
        handle = os.open(samples, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


class Samples:
    """The samples recorded in runs.

    Args:
        runs: the folders of runs.
    """

    def __init__(self, runs: Iterable[Path]) -> None:
        self._digests: defaultdict[int, set[str]] = defaultdict(set)  # by size, so that few files must be read
        for run in runs:
            for size, digest in islice(_recorded(run / SAMPLES), _MAX_SAMPLES):
                self._digests[size].add(digest)

    def __contains__(self, path: Path) -> bool:
        with suppress(OSError):
            digests = self._digests.get(path.stat().st_size)
            if digests:
                with path.open("rb") as file:
                    return hashlib.file_digest(file, "sha256").hexdigest() in digests
        return False


def _recorded(path: Path) -> Iterator[tuple[int, str]]:
    """Yield size and digest of each sample, without damaged entries."""
    if not path.is_file():
        return
    with suppress(OSError), path.open("rb") as file:
        while line := file.readline(_HEAD_BYTES):
            with suppress(ValueError, TypeError, LookupError, OverflowError, RecursionError):
                entry = json.loads(line)
                yield int(entry["bytes"]), str(entry["sha256"])
