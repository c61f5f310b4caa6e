"""kern files, compared with scores worked out by hand."""

import pytest

from seqgen.errors import MusicError
from seqgen.music import kern_reader, notices
from seqgen.music.kern_notes import TICKS, notes_of
from seqgen.music.score import Bar, Note, Tempo

GRID = 12

TWO_PARTS = """**kern\t**kern
*M3/4\t*M3/4
*k[]\t*k[]
*d:\t*d:
*MM90\t*MM90
4D\t4f
=1\t=1
2C\t4a[
.\t4a_
4BB-\t4a]
=2\t=2
2.AA\t(4cc
.\t8b-L
.\t8aJ)
.\t4qg
.\t4f# 4a
==:|!\t==:|!
*-\t*-
"""


def kern(text):
    score, counts = kern_reader.score_of(text.encode(), GRID)
    return score, dict(counts)


def test_kern_is_read_with_parts_metre_key_tempo_and_pickup():
    score, counts = kern(TWO_PARTS.replace("==:|!", "=="))
    upper, lower = score.tracks
    assert lower.notes == (Note(24, 12, 50), Note(36, 24, 48), Note(60, 12, 46), Note(72, 36, 45))
    assert upper.notes == (
        Note(24, 12, 65),
        Note(36, 36, 69),  # three tied notes
        Note(72, 12, 72),
        Note(84, 6, 70),
        Note(90, 6, 69),
        Note(96, 12, 69),
        Note(96, 12, 66),
    )
    assert score.bars == (Bar(3, 4, 0),) * 3  # as it is written, whatever the key is called
    assert score.pickup == 12
    assert score.tempos == (Tempo(0, 90.0),)
    assert counts == {notices.GRACE: 1}


def test_repeats_of_kern_are_played():
    score, _ = kern(TWO_PARTS)
    assert score.num_notes == 2 * kern(TWO_PARTS.replace("==:|!", "=="))[0].num_notes


def test_kern_in_latin_1_is_read():
    score, _ = kern_reader.score_of("!!!OTL: L\u00fcfte\n**kern\n4c\n*-\n".encode("latin-1"), GRID)
    assert score.tracks[0].notes == (Note(0, 12, 60),)


def spines(*lines):
    """Return a file whose fields are separated by spaces, those of chords by tildes."""
    return "\n".join(line.replace(" ", "\t").replace("~", " ") for line in lines) + "\n"


def spans(score, place=0):
    return [note[:3] for note in score.tracks[place].notes]


NESTED_SPLIT = spines(
    "**kern", "*M3/4", "=1", "*^", "2.E 4C", ". 4C", ". 4C", "=2 =2", "*^ *", "2.G 2.E 4C", ". . 4C", ". . 4C",
    "=3 =3 =3", "2.F 2.D 4C", ". . 4C", ". . 4C", "*v *v *", "=4 =4", "2.E 4C", ". 4C", ". 4C",
    "*v *v", "=5", "2.C", "==", "*-",
)  # fmt: skip


def test_a_spine_that_is_split_again_keeps_all_its_notes():
    score, counts = kern(NESTED_SPLIT)
    low = [(36 * bar + 12 * beat, 12, 48) for bar in range(4) for beat in range(3)]
    held = [(0, 52), (36, 55), (36, 52), (72, 53), (72, 50), (108, 52)]
    assert sorted(spans(score)) == sorted([*low, *((onset, 36, pitch) for onset, pitch in held), (144, 36, 48)])
    assert score.bars == (Bar(3, 4),) * 5
    assert counts == {}


def test_spines_are_exchanged_added_and_ended():
    score, _ = kern(
        spines(
            "**kern **kern", "4C 4c", "*x *x", "4d 4D", "* *+", "* * **kern", "4e 4E 4gg", "*- * *", "4F 4aa", "*- *-"
        )
    )
    assert spans(score, 2) == [(0, 12, 48), (12, 12, 50), (24, 12, 52), (36, 12, 53)]
    assert spans(score, 1) == [(0, 12, 60), (12, 12, 62), (24, 12, 64)]
    assert spans(score, 0) == [(24, 12, 79), (36, 12, 81)]


def test_two_spines_split_side_by_side_are_joined_separately():
    score, _ = kern(spines("**kern **kern", "*^ *^", "4C 4E 4c 4e", "*v *v *v *v", "4D 4d", "*- *-"))
    assert spans(score, 0) == [(0, 12, 64), (0, 12, 60), (12, 12, 62)]
    assert spans(score, 1) == [(0, 12, 52), (0, 12, 48), (12, 12, 50)]


def test_a_note_may_last_beyond_a_bar_line_and_a_split():
    score, _ = kern(
        spines("**kern **kern", "*M2/4 *M2/4", "1C 2c", "=2 =2", "* *^", ". 2d 4f", ". . 4g", "= = =", "*- *- *-")
    )
    assert spans(score, 1) == [(0, 48, 48)]
    assert spans(score, 0) == [(0, 24, 60), (24, 12, 65), (24, 24, 62), (36, 12, 67)]
    assert score.bars == (Bar(2, 4),) * 2


@pytest.mark.parametrize(
    ("token", "quarters", "pitch"),
    [("4c", 1, 60), ("8.ccc##L", 0.75, 86), ("CC-2..", 3.5, 35), ("0d", 8, 62), ("00.B", 24, 59), ("12en", 1 / 3, 64),
     ("3%2f", 8 / 3, 65), ("20g", 1 / 5, 67), ("4A@16@", 1, 57), ("4qa", None, 69), ("aaQ", None, 81)],
)  # fmt: skip
def test_durations_and_pitches_of_kern(token, quarters, pitch):
    (note,) = notes_of(token)
    assert note.pitch == pitch
    assert (None if note.duration is None else note.duration / TICKS) == quarters


def test_chords_have_the_duration_of_their_first_note_and_ties_of_their_own():
    score, _ = kern(spines("**kern", "[2c~[2e~2g", "2c]~2e_~2a", "=", "4e]~4g", "*-"))
    assert spans(score) == [(0, 24, 67), (0, 60, 64), (0, 48, 60), (24, 24, 69), (48, 12, 67)]
    assert [note.duration for note in notes_of("8c e r")] == [TICKS // 2] * 3


def test_an_expansion_list_takes_the_place_of_repeats():
    sections = (
        "**kern",
        "*>[A,B,A]",
        "*>norep[A,B]",
        "*M1/4",
        "*>A",
        "=1",
        "4c",
        "=2",
        "4d",
        "=3:|!",
        "*>B",
        "4e",
        "==",
        "*-",
    )
    score, counts = kern(spines(*sections))
    assert [note.pitch for note in score.tracks[0].notes] == [60, 62, 64, 60, 62]
    assert counts == {}
    score, counts = kern(spines(*sections).replace("[A,B,A]", "[B,X,A]"))
    assert [note.pitch for note in score.tracks[0].notes] == [64, 60, 62]
    assert counts == {notices.SECTION: 1}
    score, _ = kern(spines(*sections).replace("*>[A,B,A]", "*"))
    assert [note.pitch for note in score.tracks[0].notes] == [60, 62, 60, 62, 64]


def test_a_repeat_within_a_measure_begins_and_ends_there():
    score, _ = kern(spines("**kern", "*M4/4", "=1", "1c", "=2!|:", "2d", "=:|!|:", "2e", "=3", "1f", "=:|!", "*-"))
    assert [note.pitch for note in score.tracks[0].notes] == [60, 62, 62, 64, 65, 64, 65]


@pytest.mark.parametrize("double", ["==", "==2", "=||", "=2||", "=|!", "=!|"])
def test_a_double_bar_line_ends_a_section_which_makes_room_for_the_upbeat_of_the_next(double):
    """The half note D becomes a quarter note, so that the upbeat E completes the bar."""
    lines = ["**kern", "*M4/4", "=1", "2c", "2d", "=2", "4e", "=3", "1f", "==", "*-"]
    score, counts = kern(spines(*lines))
    assert score.bars == (Bar(), Bar(1, 4), Bar())
    assert counts == {}
    score, counts = kern(spines(*lines).replace("=2", double))
    assert spans(score) == [(0, 24, 60), (24, 12, 62), (36, 12, 64), (48, 48, 65)]
    assert score.bars == (Bar(), Bar())
    assert counts == {notices.JOINED: 1}


def test_signatures_and_tempos_before_a_bar_line_apply_after_it():
    score, _ = kern(spines("**kern", "*M2/4", "*MM60", "2c", "*M3/4", "*k[b-e-]", "*MM90.5", "=2", "2.d", "==", "*-"))
    assert score.bars == (Bar(2, 4), Bar(3, 4, -2))
    assert score.tempos == (Tempo(0, 60.0), Tempo(24, 90.5))
    score, counts = kern(
        spines("**kern", "*M2/0", "00c", "=", "*M2+3/8", "2c", "8d", "=", "*M3/7", "2c", "8d", "==", "*-")
    )
    assert score.bars == (Bar(4, 1), Bar(5, 8), Bar(5, 8))
    assert counts == {notices.METRE: 1}


def test_instruments_have_names_and_programs():
    score, _ = kern(spines("**kern **kern **kern", "*Icello *Ivioln *Ivioln", '* *I"Second *', "4C 4c 4cc", "*- *- *-"))
    assert [(track.name, track.program) for track in score.tracks] == [
        ("Violin", 40),
        ("Second", 40),
        ("Violoncello", 42),
    ]
    score, _ = kern(spines("**kern", '*I"Trumpet', "4c", "*-"))
    assert [(track.name, track.program) for track in score.tracks] == [("Trumpet", 56)]


@pytest.mark.parametrize("code", ["*Ipiano", "*Icemba", "*Iorgan", "*part2"])
def test_the_staves_of_a_keyboard_instrument_are_one_track(code):
    score, _ = kern(spines("**kern **kern **kern", f"*part3 {code} {code}", "4C 4E 4G", "*- *- *-"))
    assert [spans(score, place) for place in range(2)] == [[(0, 12, 55), (0, 12, 52)], [(0, 12, 48)]]


def test_everything_that_is_no_note_is_counted():
    text = spines("**kern **text **kern **dynam", "4c la 4R f", "qc . 8qqe .", "4d li 4x .", "*- *- *- *-")
    assert kern(text)[1] == {notices.SPINE: 3, notices.GRACE: 2, notices.UNPITCHED: 2}


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("**kern\n4r\n*-\n", "file without notes", "holds no notes"),
        ("**text\nla\n*-\n", "file without notes", "holds no notes"),
        ("4c\n4d\n", "text that is no kern", "begins with no spine"),
        ("**kern\n4c\t4d\n", "damaged file", "line 2 has 2 fields instead of 1"),
        ("**kern\n" + "=\n4c\n" * 20_001, "endless music", "more than 20,000 bars"),
        ("**kern\n" + "4c\n" * 700_000, "endless music", "2,100,007 characters"),
        ("\t".join(["**kern"] * 257), "file of too many tracks", "257 tracks"),
        (spines("**kern", *(" ".join(["*^"] * 2**n) for n in range(12))), "file of too many tracks", "512 tracks"),
        ("**kern\n*>A\n4c\n*>[" + "A," * 20_001 + "A]\n*-\n", "endless music", "more than 20,000 bars"),
    ],
    ids=range(9),
)  # fmt: skip
def test_unusable_kern_is_rejected_with_a_message(text, kind, sentence):
    with pytest.raises(MusicError, match=sentence) as caught:
        kern(text)
    assert caught.value.kind == kind
