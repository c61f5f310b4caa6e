"""The language of notes: what its tokens are, and how a score is written with them.

    score   = START KEY metre track+ (bar | again)+ [POSITION p] END
    metre   = METRE POSITION n, DENOMINATOR d                 the numerator is written as a position
    track   = (FAMILY MEMBER | DRUMS) SPLIT*                  an instrument, and one SPLIT for each further voice
    bar     = BAR [KEY] [metre] [slice] (POSITION p [PICKUP] slice)*
    again   = REPEAT (POSITION d) (POSITION n)                n bars as they were d bars before, n at most d
    slice   = content+                                        what begins, ends and goes on at one time
    content = HOLD | REST | chord
    chord   = [VELOCITY b] PITCH p (CHORD PITCH q)*           from the highest down

A voice holds what it plays until it speaks again, so no token tells how long a note is, and a tie over a bar line
costs nothing. In a slice the voices speak from the highest to the lowest, each of them, HOLD where it goes on. Where
there are more than `MAX_DENSE` voices, those that hold are passed over, and VOICE v says which one speaks if it is
not the next. A melody takes two tokens a note, a chorale less.

REPEAT is what makes form: a tune that plays its eight bars twice says so, instead of saying all again, and a network
that would not remember them need not. What is still held ends there. No voice holds a note into the first of the
bars, so that they mean the same at any place, and neither key nor metre may have changed since.

POSITION counts steps from the beginning of the bar; where a bar is so long that there is no such token, several in a
row are added up. PICKUP says that the first bar begins there. END closes the last bar, or ends all at a position.
Nothing but whole bars can be written in this language, and no note without an end. What else a score must not have,
one pitch begun twice at a time in one track, the rules of `grammar.py` leave out.

Merged into 1,000 subwords of such tokens by sentencepiece, music was learned worse: after 80 s 1.95 instead of 1.62
nats a note on Bach's chorales, 1.31 instead of 1.23 on folk tunes.
"""

START, END, BAR, PICKUP, REST, CHORD, METRE, SPLIT, DRUMS, HOLD, REPEAT = range(11)
KEY = 11  # and the number of sharps + 7
DENOMINATOR = 26  # and the place in `DENOMINATORS`
FAMILY = 32  # of General MIDI: the program divided by 8
MEMBER = 48  # of the family
VOICE = 55  # and the voice, from 1
PITCH = 87
DRUM = 215  # and the pitch
POSITION = 342  # and the number of steps, from 1
MAX_VOICES = 32
MAX_DENSE = 6
MAX_REACH = 64  # bars back that REPEAT can go
NUM_PITCHES = 128
BAR_QUARTERS = 8  # positions with a token of their own
NUM_VELOCITIES, VELOCITY_STEP = 16, 8

_WORDS = ("", "", "BAR", "PICKUP", "REST", "CHORD", "METRE", "SPLIT", "DRUMS", "HOLD", "REPEAT")
_NUMBERED = (  # the first token of each kind, what it is called, and its number
    (POSITION, "POSITION", 1),
    (DRUM, "DRUM", 0),
    (PITCH, "PITCH", 0),
    (VOICE, "VOICE", 1),
    (MEMBER, "MEMBER", 0),
    (FAMILY, "FAMILY", 0),
    (DENOMINATOR, "DENOMINATOR", 0),
    (KEY, "KEY", -7),
)


def name_of(token: int) -> str:
    """Return what a token is called: PITCH 60, or POSITION 12; nothing for START and END."""
    if token < KEY:
        return _WORDS[token]
    first, kind, number = next(row for row in _NUMBERED if token >= row[0])
    return f"{kind} {token - first + number}"
