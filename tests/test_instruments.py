"""General MIDI names of instruments."""

import pytest

from seqgen.errors import UsageError
from seqgen.music.instruments import program_names, program_of


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("Acoustic Grand Piano", 0),
        ("acoustic grand", 0),
        ("honky tonk piano", 3),
        ("church organ", 19),
        ("Electric Guitar (clean)", 27),
        ("VIOLIN", 40),
        (" cello ", 42),
        ("vibra", 11),
        ("french", 60),
        ("Lead 2 (sawtooth)", 81),
        ("koto", 107),
        ("gunshot", 127),
    ],
)
def test_instruments_have_the_programs_of_general_midi(name, program):
    assert program_of(name) == program


def test_every_name_stands_for_its_own_program():
    assert [program_of(name) for name in program_names()] == list(range(128))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bass", "'bass' may be Acoustic Bass, .*Synth Bass 2, Bassoon, Lead 8"),
        ("acoustic g", "may be Acoustic Grand Piano, Acoustic Guitar .nylon., Acoustic Guitar .steel.$"),
        ("violn", "'violn' is unknown; similar names are Violin, Viola"),
        ("xqz", "'xqz' is unknown$"),
        ("", "'' is unknown$"),
        ("()", "'..' is unknown$"),
    ],
)
def test_unknown_and_ambiguous_names_are_rejected_with_similar_ones(name, words):
    with pytest.raises(UsageError, match=words):
        program_of(name)
