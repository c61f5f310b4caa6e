"""Key signatures under transposition."""


def transposed_key(sharps: int, semitones: int) -> int:
    """Return a key signature transposed by a number of semitones, with at most six sharps or flats."""
    if semitones % 12 == 0:
        return sharps
    return (sharps + 7 * semitones + 5) % 12 - 5


def to_no_signature(sharps: int) -> int:
    """Return the semitones, -5 to 6, by which music with this key signature is transposed to have none."""
    return (5 * sharps + 5) % 12 - 5
