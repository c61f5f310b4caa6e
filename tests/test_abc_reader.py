"""Tunebooks in ABC, compared with tunes worked out by hand."""

from contextlib import suppress

import pytest

from seqgen.errors import MusicError
from seqgen.music import abc_reader, notices
from seqgen.music.score import Bar, Tempo

GRID = 12


def tune(body, head="M:4/4\nL:1/4\n", key="C"):
    score, counts = abc_reader.score_of(f"X:1\nT:A tune\n{head}K:{key}\n{body}\n", GRID)
    return score, dict(counts)


def notes_of(body, **options):
    """Return onset, duration and pitch of each note."""
    return [note[:3] for note in tune(body, **options)[0].tracks[0].notes]


def pitches(body, **options):
    return [pitch for _, _, pitch in notes_of(body, **options)]


def test_notes_lengths_octaves_and_rests_are_read():
    assert notes_of("C c2 z | A,/ B,/ c'3 |") == [
        (0, 12, 60), (12, 24, 72), (48, 6, 57), (54, 6, 59), (60, 36, 84),
    ]  # fmt: skip


def test_key_and_accidentals_apply_up_to_the_bar_line():
    assert pitches("F ^G G g | G2 =F2 |", key="D") == [66, 68, 68, 80, 67, 65]
    assert pitches("E2 _B,2 |", key="Gmin") == [63, 58]


def test_metre_key_and_tempo_come_from_the_fields():
    score, _ = tune("G3 | A3 |[M:2/4][K:D] F2 |", head="M:3/4\nL:1/4\nQ:1/4=80\n", key="G")
    assert score.bars == (Bar(3, 4, 1), Bar(3, 4, 1), Bar(2, 4, 2))
    assert score.tempos == (Tempo(0, 80.0),)


def test_the_default_unit_length_follows_from_the_metre():
    assert notes_of("C", head="M:2/4\n") == [(0, 3, 60)]
    assert notes_of("C", head="M:6/8\n") == [(0, 6, 60)]
    assert notes_of("C", head="") == [(0, 6, 60)]


def test_broken_rhythm_and_triplets_are_read():
    assert [length for _, length, _ in notes_of("C>D E<F | (3CDE F2 |")] == [18, 6, 6, 18, 8, 8, 8, 24]


def test_chords_and_ties_are_read():
    assert notes_of("[CEG]2 c2- | c4 |") == [(0, 24, 67), (0, 24, 64), (0, 24, 60), (24, 72, 72)]
    assert notes_of("c2-c2- | c4- | c4 |") == [(0, 144, 72)]
    assert notes_of("C2-D2 |") == [(0, 24, 60), (24, 24, 62)]  # an old slur, no tie


def test_ornaments_words_and_remarks_do_not_sound():
    body = 'v"Am"~A !trill!B (cd) | {gab}.e "^slow"f T g2 y | % the end\nw: la la la\n'
    assert pitches(body) == [69, 71, 72, 74, 76, 77, 79]
    assert tune(body)[1] == {notices.GRACE: 3}


def test_repeats_and_endings_are_played():
    assert pitches("C4 |: D4 :| E4") == [60, 62, 62, 64]
    assert pitches("C4 :: D4 :|") == [60, 60, 62, 62]
    assert pitches("|: C4 |1 D4 :|2 E4 || F4 |]") == [60, 62, 60, 64, 65]
    assert pitches("|: C4 | [1,3 D4 :| [2 E4 :|] F4 |]") == [60, 62, 60, 64, 60, 62, 65]
    assert pitches("|:: C4 ::|") == [60, 60, 60]
    assert pitches("C4 :||: D4 :|") == [60, 60, 62, 62]
    assert pitches("dG:|A4 |") == [74, 67, 74, 67, 69]  # not a field named G


def test_a_pickup_and_its_complement_at_the_repeat_make_whole_bars():
    score, _ = tune("G | c4 | c3 :|: G | e4 | e3 :|")
    assert (score.pickup, score.bars) == (12, (Bar(),) * 9)
    assert [note.onset for note in score.notes][:6] == [36, 48, 96, 132, 144, 192]


def test_a_tune_without_bar_lines_is_divided_by_its_metre():
    assert tune("CDEF GABc CD")[0].bars == (Bar(),) * 3


def test_voices_are_parts():
    head = 'M:4/4\nL:1/4\nV:1 name="High"\nV:2 name="Low"\n'
    score, _ = tune("V:1\nc4 | d4 |\nV:2\nC4 |\n[V:1] e4 |\n[V:2] Z | E4 |", head=head)
    assert [(track.name, [note[:3] for note in track.notes]) for track in score.tracks] == [
        ("High", [(0, 48, 72), (48, 48, 74), (96, 48, 76)]),
        ("Low", [(0, 48, 60), (96, 48, 64)]),
    ]


def test_bars_of_rest_and_hidden_rests_have_their_duration():
    assert notes_of("C4 | Z2 | x2 E2 |") == [(0, 48, 60), (168, 24, 64)]


def test_a_voice_overlay_is_omitted_and_counted():
    assert notes_of("C4 & E2 E2 | D4 |") == [(0, 48, 60), (48, 48, 62)]
    assert tune("C4 & E2 E2 | D4 |")[1] == {notices.OVERLAY: 1}


def test_an_unclosed_bracket_is_ignored():
    assert pitches('C4 |["Coda" D4 | E4 |]') == [60, 62, 64]


BOOK = """%abc
M:3/4
L:1/4
X:1
T: The First
K:C
CDE|
X: 7
K:G
FGA|
"""


def test_a_book_is_divided_into_tunes_and_its_head_applies_to_each():
    tunes = dict(abc_reader.tunes("book.abc", BOOK.replace("\n", "\r\n").encode()))
    assert list(tunes) == ["book.abc, tune 1 (The First)", "book.abc, tune 7"]
    scores = [abc_reader.score_of(text, GRID)[0] for text in tunes.values()]
    assert [score.bars for score in scores] == [(Bar(3, 4, 0),), (Bar(3, 4, 1),)]
    assert [[note.pitch for note in score.notes] for score in scores] == [[60, 62, 64], [66, 67, 69]]


def test_a_single_tune_has_the_name_of_the_file():
    assert [name for name, _ in abc_reader.tunes("a.abc", b"X:1\nT:Title\nK:C\nC|")] == ["a.abc"]
    assert [name for name, _ in abc_reader.tunes("a.abc", b"K:C\nC|")] == ["a.abc"]


def test_latin_1_is_read():
    ((name, _), _) = abc_reader.tunes("a.abc", "X:1\nT:Träumerei\nK:C\nC|\nX:2\nK:C\nD|".encode("latin-1"))
    assert name == "a.abc, tune 1 (Träumerei)"


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("", "text that is no ABC", "no K: field"),
        ("Dear Sir or Madam", "text that is no ABC", "no K: field"),
        ("X:1\nK:C\nz4 |", "file without notes", "holds no notes"),
        ("X:1\nK:C\n" + "C" * 200_000, "endless music", "the limit is 200,000"),
        ("X:1\nK:C\n" + "Z999|" * 30, "endless music", "more than 20,000 bars"),
        ("X:1\nK:C\nC99999999", "endless music", "more than 20,000 bars"),
    ],
)
def test_unusable_files_are_rejected_with_a_message(text, kind, sentence):
    with pytest.raises(MusicError, match=sentence) as caught:
        abc_reader.score_of(text, GRID)
    assert caught.value.kind == kind


@pytest.mark.parametrize("sign", ["{", "[", "[K:", ":", "(", '"', "!", "+", "V:1\n", "((a", "|:", "&", "-", "(3"])
def test_many_repetitions_of_any_character_are_read_quickly(sign):
    with suppress(MusicError):
        abc_reader.score_of(f"X:1\nK:C\n{sign * 20_000}", GRID)
