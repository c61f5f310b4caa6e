"""Reading, coding and writing music; the built-in pieces there and back; what rules and factors cost in sampling."""

import tempfile
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from seqgen.config import CorpusConfig, ModelConfig, SamplingConfig
from seqgen.corpus.corpus import Corpus
from seqgen.levels.note import NoteLevel
from seqgen.levels.note.constraint import NoteConstraint
from seqgen.model.language_model import LanguageModel
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.music.write import rendered
from seqgen.sampling.constraint import Constraint, Never
from seqgen.sampling.generator import decode, prefill, uniform_numbers
from tests.benchmarks.measure import row, seconds

LEVEL = NoteLevel(12)
NUM_FILES, NOTES_A_FILE = 1000, 200


def main() -> None:
    """Print the rows."""
    with tempfile.TemporaryDirectory() as folder:
        many_midi_files(Path(folder))
        for name in ("bach-chorales", "folk-tunes"):
            builtin(name, Path(folder, "parsed"))
    writing()
    for num_streams in (1, 256):
        rules(num_streams)


def random_score(seed: int, num_notes: int) -> Score:
    """Return two voices of eighths and quarters."""
    random = np.random.default_rng(seed)
    tracks = []
    for low in (48, 60):
        durations = random.choice([6, 12], num_notes // 2)
        onsets = np.concatenate([[0], np.cumsum(durations)[:-1]])
        pitches = random.integers(low, low + 20, len(durations))
        tracks.append(track_of([Note(*map(int, note)) for note in zip(onsets, durations, pitches, strict=True)]))
    end = max(track.notes[-1].end for track in tracks)
    return Score((Bar(),) * (-(-end // 48)), tuple(tracks))


def many_midi_files(folder: Path) -> None:
    """Read and code a thousand files."""
    for number in range(NUM_FILES):
        content = rendered(random_score(number, NOTES_A_FILE), ".mid")
        (folder / f"{number}.mid").write_bytes(content)

    def read_and_encode() -> None:
        texts = Corpus.read([str(folder)], CorpusConfig(level="note"))
        for document in texts:
            for score in document.chunks():
                LEVEL.encode(score)

    row(
        f"{NUM_FILES} MIDI files of {NOTES_A_FILE} notes read and coded",
        f"{seconds(read_and_encode):.2f} s",
        "bar: 3 s",
    )


def builtin(name: str, cache: Path) -> None:
    """Read a built-in corpus twice, and code every piece of it there and back."""
    config = CorpusConfig(level="note")

    def read() -> Corpus:
        return Corpus.read([f"builtin:{name}"], config, cache)

    row(f"builtin:{name} for the first time", f"{seconds(read):.1f} s", "chorales, bar: 30 s")
    row(f"builtin:{name} again", f"{seconds(read):.2f} s", "chorales, bar: 1 s")
    pieces = list(read())
    row(f"  of it as it was after coding ({len(pieces)} pieces)", f"{_share_that_returns(pieces):.2%}", "100 %")


def _share_that_returns(pieces: Iterable) -> float:
    same = []
    for piece in pieces:
        score = piece.score
        again = LEVEL.decode([*LEVEL.encode(score), LEVEL.END])
        same.append(
            (again.bars, again.pickup) == (score.bars, score.pickup)
            and all(
                [note[:3] for note in a.notes] == [note[:3] for note in b.notes]
                for a, b in zip(again.tracks, score.tracks, strict=True)
            )
        )
    return sum(same) / len(same)


def writing() -> None:
    """Write 5,000 notes."""
    score = random_score(0, 5000)
    row("5,000 notes as MIDI", f"{seconds(lambda: rendered(score, '.mid')):.2f} s", "bar: 1 s")
    row("5,000 notes as MusicXML", f"{seconds(lambda: rendered(score, '.musicxml')):.2f} s", "bar: 5 s")


def rules(num_streams: int) -> None:
    """Sample with and without rules and factors, in turns."""
    config = ModelConfig(num_layers=1, hidden_size=512, embedding_size=64, dropout=0.0)

    def speed(constraint: Constraint) -> float:
        has_factors = isinstance(constraint, NoteConstraint)
        model = LanguageModel(config, LEVEL.vocabulary_size, num_factors=LEVEL.num_factors if has_factors else 0)
        model.initialise(torch.Generator().manual_seed(1), torch.ones(LEVEL.vocabulary_size))
        start = np.array([LEVEL.START])
        reading = prefill(model.eval(), LEVEL.inputs(start) if has_factors else start).repeat(num_streams)
        inputs = constraint.inputs if isinstance(constraint, NoteConstraint) else None
        numbers = uniform_numbers(range(num_streams))
        draws = decode(model, reading, numbers, SamplingConfig(), constraint, "auto", inputs)
        for _ in islice(draws, 30):
            pass
        steps = 2000 if num_streams == 1 else 150
        begun = time.perf_counter()
        for _ in islice(draws, steps):
            pass
        return num_streams * steps / (time.perf_counter() - begun)

    pairs = [
        (
            speed(NoteConstraint(LEVEL.vocabulary_size, LEVEL.grid, shifts=[0] * num_streams)),
            speed(Never(LEVEL.vocabulary_size, [])),
        )
        for _ in range(5)
    ]
    ours, free = sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]
    row(
        f"sampling notes, {num_streams} streams, 1x512",
        f"{ours:,.0f} tokens/s",
        f"without rules and factors {free:,.0f}",
        ours / free,
    )
