"""kern and MusicXML, compared with an independent reader; `python -m tests.benchmarks.readers` compares all files."""

import pytest

from tests.benchmarks.readers import corpus, differences

pytest.importorskip("verovio", reason="needs `pip install verovio`")

FILES = [
    "bach/bwv277.krn",  # an expansion list
    "chopin/mazurka06-2.krn",  # spines that are split and joined
    "palestrina/Agnus_00.krn",  # notes that last beyond bar lines
    "bach/bwv153.1.mxl",  # a repeat
    "bach/bwv171.6.mxl",  # parts with a whole rest beside a pickup
]


@pytest.mark.parametrize("name", FILES)
def test_verovio_reads_the_same_notes(name):
    assert differences(corpus() / name) == ([], [])


SPLIT_AGAIN = """**kern
*M3/4
=1
*^
2.E\t4C
.\t4C
.\t4C
=2\t=2
*^\t*
2.G\t2.E\t4C
.\t.\t4C
.\t.\t4C
=3\t=3\t=3
*v\t*v\t*
2.F\t4C
.\t4C
.\t4C
*v\t*v
==
*-
"""


def test_verovio_reads_the_same_notes_of_a_spine_that_is_split_again(tmp_path):
    path = tmp_path / "a.krn"
    path.write_text(SPLIT_AGAIN)
    assert differences(path) == ([], [])
