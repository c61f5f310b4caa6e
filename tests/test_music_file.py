"""Files of music as documents."""

from pathlib import Path

import pytest

from seqgen.config import CorpusConfig
from seqgen.corpus import music_file
from seqgen.corpus.corpus import Corpus, parse_ahead
from seqgen.corpus.crew import Crew
from seqgen.corpus.music_file import MusicFile
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.source_file import RawFile
from seqgen.corpus.split import TRAIN, VALID
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import CorpusError, MusicError
from seqgen.levels.note import tokens as t
from seqgen.music.read import Tune
from seqgen.music.write import rendered
from tests.scores import melody, random_melody

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
    return MusicFile(RawFile(str(path), lambda: path.open("rb"), **options), 12, cache)


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
    varied = corpus.varied(corpus.level.variants(split_corpus.config))
    assert sum(varied.train.counts) == 12 * sum(corpus.train.counts)
    lowest = min(note.pitch for score in pieces for note in score.notes)
    assert t.PITCH + lowest - 1 in corpus.train.unseen
    assert t.PITCH + lowest - 5 not in varied.train.unseen


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
