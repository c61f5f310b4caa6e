"""`seqgen sample --provenance`: the spans of samples that occur in the training set, compared with brute force."""

import json
import random
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.cli.provenance import write_marked
from seqgen.evaluation.copying import Library, Work
from seqgen.evaluation.music_sources import MusicSources, num_intervals
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.evaluation.spans import chance_length, copied_spans
from seqgen.evaluation.text_sources import CopiedText, TextSources
from seqgen.evaluation.windows import NO_NUMBER
from tests.conftest import RHYME
from tests.scores import random_melody
from tests.test_run_corpus import prepared

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "lmnrst"]


def numbers(text):
    """Return a text as numbers; "|" separates works and "?" is unknown."""
    return np.array([NO_NUMBER if symbol in "|?" else ord(symbol) for symbol in text], dtype=np.int32)


def shared(sample, training, length):
    """Return where windows of a length begin that a sample has in common with the training works."""
    known = {training[i : i + length] for i in range(len(training) - length + 1)}
    windows = [sample[i : i + length] for i in range(len(sample) - length + 1)]
    return {i for i, window in enumerate(windows) if window in known and not set(window) & set("|?")}


@given(st.text("ab|", max_size=60), st.text("ab|", max_size=120), st.integers(1, 9))
def test_spans_are_maximal_and_cover_exactly_the_shared_windows(sample, training, min_length):
    spans = copied_spans(numbers(sample), numbers(training), min_length)
    for begin, length, source in spans:
        text = sample[begin : begin + length]
        assert length >= min_length
        assert text == training[source : source + length]
        assert "|" not in text
        for before, after in (((begin - 1, source - 1), (begin + length, source + length)),):
            for mine, theirs in (before, after):
                is_inside = 0 <= mine < len(sample) and 0 <= theirs < len(training)
                assert not is_inside or sample[mine] != training[theirs] or sample[mine] == "|"
    covered = {place for span in spans for place in range(span.begin, span.begin + span.length)}
    begins = shared(sample, training, min_length)
    assert covered == {place for begin in begins for place in range(begin, begin + min_length)}
    assert all(one.begin + one.length < two.begin + two.length for one, two in pairwise(spans))


@given(st.text("ab|", min_size=1, max_size=80), st.text("ab|", max_size=80), st.integers(1, 30), st.integers(1, 6))
def test_the_length_beyond_chance_is_that_of_brute_force(held_out, training, size, shortest):
    def share(length):
        begins = shared(held_out, training, length)
        last = max(0, len(held_out) - length + 1)
        chunks = [range(begin, min(begin + size, last)) for begin in range(0, last, size)]
        return sum(not begins.isdisjoint(chunk) for chunk in chunks) / len(chunks) if chunks else 0.0

    expected = next((length for length in range(shortest, 12) if share(length) <= 0.05), 12)
    assert chance_length(numbers(held_out), numbers(training), size, shortest, 12) == expected


def test_a_span_has_the_longest_match_of_several_places():
    library = Library([Work("one", "xxabcdefyy"), Work("two", "zzabcdefghzz"), Work("three", "abcdefgh")])
    assert library.spans(Work("", "--abcdefgh--"), 4) == [(2, 8, 1, 2)]


def prose(seed, num_words):
    """Return lines of random words."""
    chosen = random.Random(seed).choices(WORDS, k=num_words)
    return "".join(" ".join(chosen[i : i + 8]) + "\n" for i in range(0, num_words, 8))


@pytest.mark.parametrize("document", ["file", "line", "paragraph"])
def test_a_planted_copy_is_found_with_its_file_and_line(folders, tmp_path, document):
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(3):
        text = prose(number, 1600)
        (folder / f"{number}.txt").write_text(text[:4000].replace("\n", "\n\n") + text[4000:])
    lines = (folder / "1.txt").read_text().splitlines()
    checkpoint, _, _ = prepared(folders, folder, document=document)
    sources = TextSources(RunCorpus(checkpoint, folders), 200)
    assert sources.min_length <= 24
    prime, before = "mal ", prose(9, 8)
    number = next(place for place in (20, 22, 24, 26, 28) if not is_validated(checkpoint, folders, lines[place]))
    copied = lines[number][:31]
    text = prime + before + copied + prose(10, 8)
    (found,) = sources.find(text, len(prime))
    assert len(prime + before) - 1 <= found.begin <= len(prime + before)  # with the newline, or without
    assert found.text.strip().startswith(copied)
    assert found.source == {"document": str(folder / "1.txt"), "line": number + 1}
    assert found.text == text[found.begin : found.end]
    assert sources.find(copied + prose(10, 8), len(copied)) == []  # the prime is not the model's


def test_indentation_is_not_a_copy(folders, tmp_path):
    lines = [" " * 60 + word for word in prose(1, 600).split()]
    (tmp_path / "code.txt").write_text("\n".join(lines))
    checkpoint, _, _ = prepared(folders, tmp_path / "code.txt")
    sources = TextSources(RunCorpus(checkpoint, folders), 200)
    assert sources.find(" " * 200) == sources.longest(" " * 200) == []
    assert sources.longest("\n".join(lines[:3]).replace(" ", "") * 2) == []


def is_validated(checkpoint, folders, line):
    valid = RunCorpus(checkpoint, folders).documents("valid")
    return any(line in "".join(document.chunks()) for document in valid)


def test_the_place_is_the_file_alone_if_only_the_prepared_copy_is_left(folders, tmp_path):
    path = tmp_path / "prose.txt"
    path.write_text(prose(1, 4000))
    copied = path.read_text()[1000:1100]
    checkpoint, _, _ = prepared(folders, path)
    path.unlink()
    (found,) = TextSources(RunCorpus(checkpoint, folders), 100).find(copied)
    assert found.source == {"document": str(path)}
    assert found.text == copied


def test_the_place_in_a_table_is_a_row(folders, tmp_path):
    rows = [prose(number, 16).replace("\n", " ") for number in range(60)]
    path = tmp_path / "table.csv"
    path.write_text("text\n" + "".join(f"{row}\n" for row in rows))
    checkpoint, _, _ = prepared(folders, path)
    sources = TextSources(RunCorpus(checkpoint, folders), 100)
    found = {n: sources.find(row.strip()) for n, row in enumerate(rows, 1)}
    training = {n: copies[0].source for n, copies in found.items() if copies and copies[0].text == rows[n - 1].strip()}
    assert len(training) > 45
    assert training == {n: {"document": str(path), "row": n} for n in training}


def test_a_planted_melody_is_found_in_another_key_with_its_bars(folders, tmp_path):
    folder = tmp_path / "tunes"
    folder.mkdir()
    from seqgen.music.write import rendered

    for number in range(40):
        (folder / f"{number}.mid").write_bytes(rendered(random_melody(number), ".mid"))
    checkpoint, _, _ = prepared(folders, folder)
    run = RunCorpus(checkpoint, folders)
    name, score = next((document.name, score) for document in run.documents("train") for score in document.chunks())
    own = random_melody(99)
    (track,), (theirs,) = own.tracks, score.tracks
    planted = tuple(note._replace(pitch=note.pitch + 2, onset=note.onset) for note in theirs.notes[8:20])
    notes = (*track.notes[:8], *planted, *track.notes[20:])
    sample = replace(own, tracks=(replace(track, name="Flute", notes=notes),))
    sources = MusicSources(run, num_intervals(sample))
    assert sources.min_length == 8
    (found,) = sources.find(sample)
    assert (found.part, found.length, found.source) == ("Flute", 11, name)
    assert found.bars == found.source_bars == (3, 5)
    (after,) = sources.find(sample, prime_end=8 * 12)  # the bars are those of the whole piece
    assert after.bars == (3, 5)
    assert sources.find(sample, prime_end=16 * 12) == []


def sampled(trained, *options):
    done = trained.cli(
        "sample", "--temperature", "0", "--prime", "Twinkle, ", "--length", "400", "--seed", "1", *options
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_text_is_unchanged_and_the_spans_are_messages_and_json(trained):
    plain, marked = sampled(trained), sampled(trained, "--provenance")
    assert marked.stdout == plain.stdout
    (item,) = map(json.loads, sampled(trained, "--provenance", "--json").stdout.splitlines())
    assert item["copied"]
    lines = (RHYME * 30).split("\n")
    for copy in item["copied"]:
        assert copy["text"] == item["text"][copy["begin"] : copy["end"]]
        assert len(copy["text"]) >= 100  # held-out text is copied as well
        assert copy["text"] in RHYME * 30
        assert copy["text"].strip().split("\n")[0] in lines[copy["line"] - 1]
        place = f"characters {copy['begin'] + 1:,}-{copy['end']:,}: rhyme.txt, line {copy['line']:,}: "
        assert place in " ".join(marked.stderr.split("\n"))
    assert "copied" not in json.loads(sampled(trained, "--json").stdout)


def test_several_samples_are_numbered(trained):
    done = sampled(trained, "--provenance", "--num-samples", "2", "--omit-prime")
    assert "sample 1, characters " in done.stderr
    assert "sample 2, characters " in done.stderr


def test_copied_text_is_marked_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    write_marked("a copy here\n---\n\x07 more\n", [0, 16], [[CopiedText(2, 6, "copy", {})], []])
    shown = capsys.readouterr().out
    assert "\x1b[1;4mcopy\x1b[0m here" in shown
    assert "\x07" not in shown


def test_provenance_needs_the_training_set(trained, tmp_path):
    done = trained.cli("sample", "--provenance", "--data-dir", str(tmp_path))
    assert done.returncode == 0  # the file is still there
    aside = trained.folder / "aside.txt"
    (trained.folder / "rhyme.txt").rename(aside)
    try:
        done = trained.cli("sample", "--provenance", "--data-dir", str(tmp_path))
    finally:
        aside.rename(trained.folder / "rhyme.txt")
    assert (done.returncode, done.stdout) == (1, "")
    assert "omit --provenance, or give the right --data-dir" in done.stderr
