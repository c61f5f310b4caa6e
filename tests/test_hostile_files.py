"""Files that were written to do harm; `make fuzz` gives every reader many more of them."""

import pytest

from tests.faults import fuzz


@pytest.mark.parametrize("reader", fuzz.READERS)
def test_damaged_files_are_read_or_refused_in_a_sentence(reader):
    assert fuzz.fuzz(reader, seconds=2, seed=1) > 0
