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
    assert tune(body)[1] == {notices.GRACE: 3, notices.DECORATION: 4, notices.LYRIC: 3, notices.CHORD_SYMBOL: 1}


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


def test_a_voice_has_its_name_and_not_the_short_one_of_later_lines():
    head = 'M:4/4\nL:1/4\nV:1 snm="S." nm="Soprano"\nV:2 subname="B." name="Bass"\nV:3 sname="T."\n'
    score, _ = tune("V:1\nc4 |\nV:2\nC4 |\nV:3\nG4 |", head=head)
    assert [track.name for track in score.tracks] == ["Soprano", "Bass", ""]


def staves(directive, body="V:1\nc2 d2 |\nV:2\nE4 |\nV:3\nC4 |", head='V:1 name="S"\nV:2 name="A"\nV:3 name="B"\n'):
    """Return the name and the notes of each track."""
    score, counts = tune(body, head=f"{directive}\nM:4/4\nL:1/4\n{head}")
    assert counts == {}
    return [(track.name, [note[:3] for note in track.notes]) for track in score.tracks]


@pytest.mark.parametrize(
    "directive", ["%%score (1 2) 3", "%%staves [(1 2) | 3] % (1 3)", "I:score {( 2  1) *3}", "%%score (1 2 4)"]
)
def test_voices_in_parentheses_are_one_track(directive):
    assert staves(directive) == [("S, A", [(0, 24, 72), (0, 48, 64), (24, 24, 74)]), ("B", [(0, 48, 60)])]


@pytest.mark.parametrize("directive", ["%%score 1 2 3", "%%score {1 2} 3", "%%staves [1 2 3]", "%%scores (1 2)"])
def test_voices_in_braces_and_brackets_are_separate_tracks(directive):
    assert [name for name, _ in staves(directive)] == ["S", "A", "B"]


def test_voices_of_a_staff_with_different_instruments_are_separate_tracks():
    body = "V:1\n%%MIDI program 40\nc4 |\nV:2\n%%MIDI program 42\nE4 |\nV:3\n%%MIDI program 40\nC4 |"
    assert staves("%%score (1 2 3)", body) == [("S, B", [(0, 48, 72), (0, 48, 60)]), ("A", [(0, 48, 64)])]
    body = "V:1\nc4 |\nV:2\n%%MIDI channel 10\nE4 |"
    assert [name for name, _ in staves("%%score (1 2)", body)] == ["S", "A"]


PIANO = 'V:1 name="Piano"\nV:2\nV:3 name="Piano"\n'


@pytest.mark.parametrize("directive", ["%%score {1 2} 3", "%%staves [{(1) | 2} 3]", "I:score 3 { 1 2 4 }"])
def test_the_staves_of_a_keyboard_instrument_are_one_track(directive):
    piano = [(0, 24, 72), (0, 48, 64), (24, 24, 74)]
    assert staves(directive, head=PIANO) == [("Piano", piano), ("Piano", [(0, 48, 60)])]
    assert staves(directive, head="") == [("", piano), ("", [(0, 48, 60)])]


def test_two_keyboard_instruments_of_one_name_are_two_tracks():
    body = "V:1\nc4 |\nV:2\nE4 |\nV:3\nd4 |\nV:4\nF4 |"
    head = 'V:1 name="Piano"\nV:2\nV:3 name="Piano"\nV:4\n'
    pianos = [("Piano", [(0, 48, 72), (0, 48, 64)]), ("Piano", [(0, 48, 74), (0, 48, 65)])]
    assert staves("%%score {1 2} {3 4}", body, head) == pianos
    assert len(staves("%%score 1 2 3 4", body, head)) == 4


@pytest.mark.parametrize(
    ("directives", "num_tracks"),
    [
        ("%%MIDI program 6", 1),  # a harpsichord
        ("%%MIDI program 46", 1),  # a harp
        ("%%MIDI program 40", 2),  # a violin
        ("%%MIDI channel 10", 2),
    ],
)
def test_the_voices_in_a_brace_are_one_track_if_they_are_a_keyboard(directives, num_tracks):
    body = f"V:1\n{directives}\nc4 |\nV:2\n{directives}\nE4 |"
    assert len(staves("%%score {1 2}", body, head="")) == num_tracks


def test_a_brace_of_several_instruments_joins_the_voices_of_its_staves_only():
    body = "V:1\nc4 |\nV:2\nE4 |\nV:3\n%%MIDI program 40\nC4 |\nV:4\n%%MIDI program 40\nA,4 |"
    assert [len(notes) for _, notes in staves("%%score {(1 2) 3 4}", body, head="")] == [2, 1, 1]
    assert [name for name, _ in staves("%%score {(1 2) 3}")] == ["S, A", "B"]
    body = body.replace("40", "19")
    assert [len(notes) for _, notes in staves("%%score {1 2 3 4}", body, head="")] == [2, 2]


def test_a_bar_of_rest_beside_the_upbeat_of_the_same_staff_does_not_lengthen_it():
    assert staves("%%score (1 2)", "V:1\nG | c4 |\nV:2\nZ | E4 |", head="") == [
        ("", [(36, 12, 67), (48, 48, 72), (48, 48, 64)])
    ]


def test_bars_of_rest_and_hidden_rests_have_their_duration():
    assert notes_of("C4 | Z2 | x2 E2 |") == [(0, 48, 60), (168, 24, 64)]


def test_a_voice_overlay_has_notes_accidentals_and_ties_of_its_own():
    assert notes_of("C4 & E2 E2 | D4 |") == [(0, 24, 64), (0, 48, 60), (24, 24, 64), (48, 48, 62)]
    assert notes_of("^c4 & C2 z2 | D4 |") == [(0, 48, 73), (0, 24, 60), (48, 48, 62)]
    assert notes_of("C4- & ^E4- | C4 & E4 | E4") == [(0, 96, 65), (0, 96, 60), (96, 48, 64)]


def test_an_accidental_applies_to_all_octaves_and_chords_up_to_the_bar_line():
    assert pitches("^c [ca] c C | c4") == [73, 81, 73, 73, 61, 72]
    assert pitches("[f^c] c c' z | [^Fd] [Fd] F z") == [77, 73, 73, 85, 74, 66, 74, 66, 66]
    assert pitches("F ^F [K:G] F =F [K:C] F z") == [65, 66, 66, 65, 65]


def test_a_tied_note_keeps_its_accidental_across_the_bar_line():
    assert notes_of("C D E ^F- | F G F z") == [
        (0, 12, 60), (12, 12, 62), (24, 12, 64), (36, 24, 66), (60, 12, 67), (72, 12, 65),
    ]  # fmt: skip
    assert notes_of("^F4- | F4- | [FA]2 F2 |") == [(0, 120, 66), (96, 24, 69), (120, 24, 65)]
    assert notes_of("^F4 - | =F4 |") == [(0, 48, 66), (48, 48, 65)]
    assert notes_of("^F3- z | F4 |") == [(0, 36, 66), (48, 48, 65)]


def test_single_notes_of_a_chord_are_tied():
    assert notes_of("[C-E-G-]4 | [CEG]2 [CE-G]2 | [DEG]2 z2") == [
        (0, 72, 67), (0, 72, 64), (0, 72, 60), (72, 24, 67), (72, 48, 64), (72, 24, 60), (96, 24, 67), (96, 24, 62),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "sharps", "scale"),  # from D4 to C5
    [
        ("D", 2, [62, 64, 66, 67, 69, 71, 73]),
        ("D Mixolydian", 1, [62, 64, 66, 67, 69, 71, 72]),
        ("Ddor", 0, [62, 64, 65, 67, 69, 71, 72]),
        ("DM", -1, [62, 64, 65, 67, 69, 70, 72]),
        ("D phr ^f", -2, [62, 63, 66, 67, 69, 70, 72]),
        ("D exp _b _e ^f", -2, [62, 63, 66, 67, 69, 70, 72]),
        ("Am ^g", 0, [62, 64, 65, 68, 69, 71, 72]),
        ("D =c", 1, [62, 64, 66, 67, 69, 71, 72]),
        ("Dmix=f clef=bass", 0, [62, 64, 65, 67, 69, 71, 72]),
        ("Abm", -7, [61, 63, 64, 66, 68, 70, 71]),
        ("HP", 2, [62, 64, 66, 67, 69, 71, 73]),
        ("none", 0, [62, 64, 65, 67, 69, 71, 72]),
        ("", 0, [62, 64, 65, 67, 69, 71, 72]),
    ],
)
def test_a_key_determines_the_pitches_and_the_closest_key_signature(key, sharps, scale):
    score, _ = tune("D E F G | A B c z", key=key)
    assert [note.pitch for note in score.notes] == scale
    assert {bar.sharps for bar in score.bars} == {sharps}


@pytest.mark.parametrize(
    ("field", "semitones", "sharps"),
    [
        ("treble-8", -12, 0), ("treble+8", 12, 0), ("clef=bass-15", -24, 0), ("treble8", 0, 0), ("octave=-1", -12, 0),
        ("transpose=2", 2, 2), ("clef=treble-8 octave=2 transpose=-3", 9, 3),
    ],
)  # fmt: skip
def test_clefs_and_transpositions_apply_to_keys_and_voices(field, semitones, sharps):
    for score, _ in tune("c4", key=f"C {field}"), tune(f"V:1 {field}\nc4"), tune(f"[V:1 {field}]c4"):
        assert [note.pitch for note in score.notes] == [72 + semitones]
        assert score.bars == (Bar(4, 4, sharps),)


def test_a_clef_change_applies_to_one_voice():
    head = "L:1/4\nV:S clef=treble\nV:T clef=treble-8\n"
    score, _ = tune("[V:S] c4|[K:bass]c4|\n[V:T] c4|[K:clef=treble]c4|", head=head)
    assert [[note.pitch for note in track.notes] for track in score.tracks] == [[72, 72], [60, 72]]


@pytest.mark.parametrize(
    ("field", "tempo"),
    [
        ("1/4=100", 100), ("3/8=50", 75), ("1/4 3/8=40", 100), ('"Allegro" 1/2=60', 120), ('1/4=90.5 "Adagio"', 90.5),
        ("C=80", 40), ("C3=40", 60), ("90", 90), ('"Allegro"', 120),
    ],
)  # fmt: skip
def test_tempos_are_read_as_by_abc2midi(field, tempo):
    assert tune("C", head=f"L:1/8\nQ:{field}\n")[0].tempos == (Tempo(0, tempo),)


def test_unit_lengths_of_whole_notes_are_read():
    assert notes_of("C | D |", head="M:4/4\nL:1/1\n") == notes_of("C | D |", head="M:4/4\nL:1\n")
    assert notes_of("C | D |", head="M:4/4\nL:1/1\n") == [(0, 48, 60), (48, 48, 62)]


def test_voices_have_the_order_in_which_they_are_declared():
    head = 'V:1 name="Melody"\nV:2 name="Bass"\n'
    body = "[V:2] C4 |\n[V:1] c4 |\n"
    for score, _ in tune(body, head=f"L:1/4\n{head}"), tune(head + body):
        assert [(track.name, track.notes[0].pitch) for track in score.tracks] == [("Melody", 72), ("Bass", 60)]


def test_parts_are_played_in_the_order_of_the_head():
    parts = "P:A\n|: C4 :|\nP:B\nD4 |\n"
    assert pitches(parts, head="P:AB2(AB)2\nL:1/4\n") == [60, 60, 62, 62, 60, 60, 62, 60, 60, 62]
    assert pitches("G4 |\n" + parts, head="P:B.A.C\nL:1/4\n") == [67, 62, 60, 60]
    assert pitches(parts) == [60, 60, 62]
    voices = "P:A\nV:1\nc4|\nV:2\nC4|\nP:B\nV:1\nd4|\nV:2\nD4|\n"
    score, _ = tune(voices, head="P:BA\nL:1/4\n")
    assert [[note.pitch for note in track.notes] for track in score.tracks] == [[74, 72], [62, 60]]


def test_jumps_are_played():
    assert pitches("C4 | D4 !fine! | E4 !D.C.! |") == [60, 62, 64, 60, 62]


def test_after_a_repeat_the_end_of_a_repeat_returns_to_the_last_double_bar_line():
    assert pitches("C4 || D4 :| E4 || F4 :|") == [60, 62, 60, 62, 64, 65, 65]


def test_rhythm_is_broken_between_equal_lengths_only():
    assert [length for _, length, _ in notes_of("C>>D E<<F | C>D>E F | C>D2 E")] == [
        21, 3, 3, 21, 18, 6, 12, 12, 12, 24, 12,
    ]  # fmt: skip


def test_tuplets_have_the_time_that_the_metre_determines():
    assert [length for _, length, _ in notes_of("(4CDEF (2CD (3:2:2C2D | (6CDEFGA", head="L:1/4\nM:6/4\n")] == [
        *[9] * 4, *[18, 18], *[16, 8], *[4] * 6,
    ]  # fmt: skip


def test_programs_and_drums_are_read():
    body = "V:1\n%%MIDI program 73\nc4\nV:2\n%%MIDI channel 10\nC4\nV:3\n[I:MIDI program 40]c4"
    assert [(track.program, track.is_drum) for track in tune(body)[0].tracks] == [(73, False), (0, True), (40, False)]


def test_a_midi_directive_transposes_a_voice():
    assert pitches("%%MIDI transpose -14\nc4") == [58]
    assert pitches("%%MIDI nobarlines\n^c c d2") == [73, 72, 74]


def test_an_empty_line_ends_a_tune():
    score, counts = tune("C4 |\n\nA tune about a cabbage\nD4 |\nN:D4 |\n")
    assert [note.pitch for note in score.notes] == [60]
    assert counts == {notices.AFTER_END: 1}
    assert pitches("%%begintext\nabc\n%%endtext\nC4") == [60]


def test_microtones_are_counted():
    assert tune("^1/2C _/D E2")[1] == {notices.MICROTONE: 2}
    assert pitches("^1/2C _/D E2") == [60, 62, 64]


def chords_of(body):
    """Return the notes of the chord symbols, and the notices."""
    score, counts = abc_reader.score_of(f"X:1\nM:4/4\nL:1/4\nK:C\n{body}\n", GRID, chords=True)
    assert score.tracks[-1].name == "Chords"
    return [note[:3] for note in score.tracks[-1].notes], dict(counts)


def test_a_chord_symbol_lasts_until_the_next():
    found, counts = chords_of('"C"CD"G7"EF | G4 | "N.C."A2 "^slow""Am/E"A2 | B2 "H7"c2 |]')
    assert found == [
        (0, 24, 55), (0, 24, 52), (0, 24, 48), (24, 72, 65), (24, 72, 62), (24, 72, 59), (24, 72, 55),
        (120, 72, 64), (120, 72, 60), (120, 72, 57), (120, 72, 52),
    ]  # fmt: skip
    assert counts == {}


def test_chord_symbols_are_repeated_with_their_measures():
    assert chords_of('|: "F5"C4 | D4 :| E4 |')[0] == [
        (0, 96, 60), (0, 96, 53), (96, 144, 60), (96, 144, 53),
    ]  # fmt: skip


def test_unknown_chord_symbols_are_omitted_and_counted():
    found, counts = chords_of('"C"C4 | "Cmystic"D4 | "Coda"E4 |')
    assert found == [(0, 144, 55), (0, 144, 52), (0, 144, 48)]
    assert counts == {notices.UNKNOWN_CHORD: 1}
    assert tune('"C"C4 | "Cmystic"D4 | "Coda"E4 |')[1] == {notices.CHORD_SYMBOL: 2}


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


@pytest.mark.parametrize(
    "sign",
    ["{", "[", "[K:", ":", "(", '"', "!", "+", "V:1\n", "P:A9", "P:A\nK:C\n", "C>", "[C-", "((a", "|:", "&", "-", "(3"],
)
def test_many_repetitions_of_any_character_are_read_quickly(sign):
    with suppress(MusicError):
        abc_reader.score_of(f"X:1\nK:C\n{sign * 20_000}", GRID)
