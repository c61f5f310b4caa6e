"""Files of music as documents."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.config import CorpusConfig
from seqgen.corpus import music_file
from seqgen.corpus.corpus import Corpus, parse_ahead
from seqgen.corpus.crew import Crew
from seqgen.corpus.music_file import MusicFile, TuneDocument
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.source_file import RawFile
from seqgen.corpus.split import TRAIN, VALID
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import CorpusError, MusicError
from seqgen.levels.note import tokens as t
from seqgen.levels.note.ranges import Part
from seqgen.music import score_json
from seqgen.music.read import ReadingOptions, Tune
from seqgen.music.write import rendered
from tests.midi_bytes import midi, note, track
from tests.scores import melody, random_melody, scores

BOOK = """X:1
T:One
M:4/4
L:1/4
K:C
CDEF|GABc|
X:2
T:Two
M:4/4
L:1/4
K:G
GABc|defg|d4|
"""


def file(tmp_path, name, content, cache=None, **options):
    path = tmp_path / name
    path.write_bytes(content)
    return MusicFile(RawFile(str(path), lambda: path.open("rb"), **options), ReadingOptions(), cache)


def test_every_tune_of_a_book_is_a_document(tmp_path):
    book = file(tmp_path, "book.abc", BOOK.encode())
    assert [piece.size for piece in book.tunes] == [2, 3]
    assert [piece.score.num_notes for piece in book.tunes] == [8, 9]
    assert [piece.score.num_notes for piece in book.documents("file", ReadingLog())] == [8, 9]
    assert book.size == 5


def test_music_that_is_slow_to_parse_is_cached(tmp_path, monkeypatch):
    cache = tmp_path / "parsed"
    first = file(tmp_path, "book.abc", BOOK.encode(), cache)
    contents = [piece.score for piece in first.tunes]
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(music_file.music, "read", lambda *_: pytest.fail("read again"))
    assert [piece.score for piece in file(tmp_path, "book.abc", BOOK.encode(), cache).tunes] == contents
    monkeypatch.undo()
    next(cache.iterdir()).write_text("[{")  # torn
    assert [piece.score for piece in file(tmp_path, "book.abc", BOOK.encode(), cache).tunes] == contents
    changed = file(tmp_path, "book.abc", BOOK.replace("CDEF", "CDED").encode(), cache)
    assert changed.tunes[0].score != contents[0]


def test_changes_and_skipped_pieces_are_reported(tmp_path, monkeypatch):
    found = [Tune("a", melody(), {"note quantized to the grid": 2}), MusicError("damaged file", "b cannot be read")]
    monkeypatch.setattr(music_file.music, "read", lambda *_: iter([*found, found[0]]))
    log = ReadingLog()
    list(file(tmp_path, "a.mid", b"x").documents("file", log))
    assert log.summary == ["4 notes quantized to the grid", "skipped 1 damaged file"]
    assert log.details == ["skipped damaged file: b cannot be read"]


def test_an_unusable_file_given_by_name_is_an_error(tmp_path):
    with pytest.raises(UnusableFileError, match=r"a\.mid"):
        list(file(tmp_path, "a.mid", b"MThd").documents("file", ReadingLog()))
    log = ReadingLog()
    list(file(tmp_path, "a.mid", b"MThd", is_alone=False).documents("file", log))
    assert len(log.skipped) == 1


def test_a_file_that_is_too_large_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(music_file, "MAX_BYTES", 10)
    with pytest.raises(UnusableFileError, match="more than 10 bytes"):
        list(file(tmp_path, "a.mid", b"x" * 11).documents("file", ReadingLog()))


@pytest.fixture
def corpus(tmp_path):
    """Thirty tunes, each in two keys and files."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(30):
        score = random_melody(number)
        (folder / f"{number}-low.mid").write_bytes(rendered(score, ".mid"))
        (folder / f"{number}-high.mid").write_bytes(rendered(score.transposed(3), ".mid"))
    return folder


def test_variants_of_a_melody_stay_on_one_side(corpus):
    documents = list(Corpus.read([str(corpus)], CorpusConfig(level="note")))
    assert len(documents) == 60
    for number in range(30):
        pair = [d for d in documents if Path(d.name).name.startswith(f"{number}-")]
        assert pair[0].hash_fraction == pair[1].hash_fraction
    split_corpus = SplitCorpus.read(CorpusConfig(corpus=(str(corpus),)))
    assert split_corpus.config.level == "note"
    sides = {
        part: {Path(piece.name).name.split("-")[0] for p, piece in split_corpus.documents() if p == part}
        for part in (TRAIN, VALID)
    }
    assert len(sides[TRAIN]) > len(sides[VALID]) > 0
    assert not sides[TRAIN] & sides[VALID]


def test_the_prepared_corpus_counts_notes_quarter_notes_and_all_keys(corpus, tmp_path):
    split_corpus = SplitCorpus.read(CorpusConfig(corpus=(str(corpus),)))
    corpus = PreparedCorpus.prepare(split_corpus, tmp_path / "data")
    pieces = [score for part, piece in split_corpus.documents() if part == TRAIN for score in piece.chunks()]
    assert corpus.train.extent == {
        "notes": sum(score.num_notes for score in pieces),
        "quarters": sum(score.quarters for score in pieces),
    }
    first = corpus.train.ids[: corpus.train.offsets[1]].tolist()
    assert corpus.level.decode(first) == corpus.level.decode([*corpus.level.encode(pieces[0]), t.END])
    varied = corpus.adapted(replace(split_corpus.config, transpose="on"))
    lowest, highest = corpus.level.habits.ranges[Part(0, 1, 1)]
    expected = sum(
        1 + len(corpus.level.encode(score))
        for score in pieces
        for semitones in range(-5, 7)
        if lowest <= min(note.pitch for note in score.notes) + semitones
        and max(note.pitch for note in score.notes) + semitones <= highest
    )
    assert sum(varied.train.counts) == expected > sum(corpus.train.counts)
    assert sorted(set(varied.train.unseen) & set(range(t.PITCH, t.DRUM))) == [
        t.PITCH + pitch for pitch in range(128) if not lowest <= pitch <= highest
    ]


def test_the_fingerprint_depends_on_the_grid(corpus):
    split_corpora = [SplitCorpus.read(CorpusConfig(corpus=(str(corpus),), grid=grid)) for grid in (12, 24)]
    assert split_corpora[0].fingerprint != split_corpora[1].fingerprint


def test_a_folder_without_usable_music_is_rejected(tmp_path):
    (tmp_path / "a.mid").write_bytes(b"MThd")
    (tmp_path / "b.mid").write_bytes(b"")
    with pytest.raises(CorpusError, match="there is nothing to learn from"):
        Corpus.read([str(tmp_path)], CorpusConfig())


def test_a_crew_divides_the_files(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.abc").write_text(BOOK.replace("CDEF", f"{'CDEFG'[number]}4"), encoding="utf-8")
    config, cache = CorpusConfig(corpus=(str(tmp_path / "*.abc"),)), tmp_path / "parsed"
    num_cached = []
    for rank in range(2):
        assert parse_ahead(config, cache, Crew(rank, 2))
        num_cached.append(len(list(cache.iterdir())))
    assert num_cached == [3, 5]
    (tmp_path / "a.txt").write_text("text")
    assert not parse_ahead(CorpusConfig(corpus=(str(tmp_path / "a.txt"),)), cache, Crew())


HELD = "X:1\nM:4/4\nL:1/4\nK:C\n" + "C D E F | G A B c |\n" * 8 + "C4- | C4- | C4 |]\n"


def test_a_piece_is_cut_where_both_parts_have_notes(tmp_path):
    (tmp_path / "held.abc").write_text(HELD)
    split_corpus = SplitCorpus.read(CorpusConfig(corpus=(str(tmp_path / "held.abc"),), transpose="off"))
    parts = {part: list(document.chunks()) for part, document in split_corpus.documents()}
    assert [len(score) for score in (*parts[TRAIN], *parts[VALID])] == [
        16,
        3,
    ]  # 0.9 of the bars end within the last note
    assert [score.num_notes for score in (*parts[TRAIN], *parts[VALID])] == [64, 1]
    assert PreparedCorpus.prepare(split_corpus, tmp_path / "data").valid.extent["notes"] == 1


@given(scores(), st.integers(0, 5))
def test_a_piece_is_cut_at_the_nearest_bar_line_between_notes(score, position):
    found = TuneDocument("a", score_json.to_json(score)).cut_near(position)
    possible = [place for place in range(1, len(score)) if score[:place].num_notes and score[place:].num_notes]
    if possible:
        assert found in possible
        assert abs(found - position) == min(abs(place - position) for place in possible)
    else:
        assert found == len(score)


def test_a_piece_whose_notes_begin_in_one_bar_cannot_be_divided(tmp_path):
    (tmp_path / "one.abc").write_text("X:1\nM:4/4\nL:1/4\nK:C\nC4- | C4- | C4 |]\n")
    with pytest.raises(CorpusError, match=r"one\.abc: .* nothing is left to validate on: give more bars, or --valid"):
        SplitCorpus.read(CorpusConfig(corpus=(str(tmp_path / "one.abc"),)))


def test_a_piece_of_too_many_voices_is_skipped_and_counted(tmp_path):
    held = [event for place in range(31) for event in note(place / 4, 9 + place / 4, 40 + place)]
    for name, velocity in (("loud", 80), ("soft", 30)):  # a chord of two velocities takes two voices
        chord = [*note(8, 9, 90), *note(8, 9, 91, velocity=velocity)]
        (tmp_path / f"{name}.mid").write_bytes(midi(track([*held, *chord])))
    problem = "soft.mid cannot be learned: its overlapping notes need 33 voices, more than 32"
    for has_velocity, skipped in ((False, []), (True, ["1 score of too many voices"])):
        corpus = Corpus.read([str(tmp_path)], CorpusConfig(velocity=has_velocity))
        assert corpus.log.skipped == skipped
        assert [problem in line for line in corpus.log.details] == [True] * len(skipped)
