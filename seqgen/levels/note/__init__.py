"""The note level: music as tokens, one vocabulary for melodies, chorales and ensembles (see `tokens.py`)."""

from seqgen.levels.note.level import NoteLevel

__all__ = ["NoteLevel"]
