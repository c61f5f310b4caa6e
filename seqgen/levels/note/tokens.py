"""The token language of the note level: its tokens, and how a score is written in them.

    score   = START KEY FINAL metre track+ [length] (bar | again)+ [POSITION p] END
    metre   = METRE POSITION n, DENOMINATOR d         a position token encodes the numerator
    track   = (FAMILY MEMBER | DRUMS) SPLIT*          an instrument, and one SPLIT per additional voice
    length  = LENGTH POSITION n                       of the piece in bars, if it is at most `MAX_LEFT` and complete
    bar     = BAR [KEY] [metre] [slice] (POSITION p [PICKUP] slice)*
    again   = REPEAT (POSITION d) (POSITION n)        repeats the n bars that began d bars ago, n <= d
    slice   = content+                                what begins, ends and continues at one time
    content = HOLD | REST | chord
    chord   = [VELOCITY b] PITCH p (CHORD PITCH q)*   in descending pitch

FINAL announces the last bass note. Whether a piece is in major or minor is known from it, and so is where it leads.

A voice sustains its chord until its next content, so no token encodes a duration, and a tie across a bar line costs
nothing. A slice has one content per voice, from the highest voice to the lowest; HOLD continues the voice's chord. With
more than `MAX_DENSE` voices, those that hold are omitted, and VOICE v selects the voice if it is not the next one. A
melody takes two tokens per note, a chorale fewer.

REPEAT encodes musical form: the repetition of an eight-bar tune takes three tokens, so the network need not memorize
the tune to repeat it. REPEAT ends all sustained notes. No voice may sustain a note into the first repeated bar, so that
the bars have the same meaning at any place, and neither key nor metre may have changed since.

POSITION is a number of steps from the beginning of the bar. In a bar longer than the highest position, consecutive
positions are added. PICKUP marks where the first bar begins. END closes the last bar, or ends all notes at a position.
With each token, the network also reads factors, such as the pitch of each voice, which the tokens so far determine
(`factors.py`).
The language can only express whole bars, and every note has an end. The grammar (`grammar.py`) excludes what else is
invalid, such as a pitch that begins twice at the same time in one track.

Merging these tokens into 1,000 subwords with sentencepiece gave worse models: after 80 s, 1.95 instead of 1.62 nats per
note on Bach's chorales and 1.31 instead of 1.23 on folk tunes.
"""

from seqgen.music.score import DENOMINATORS, MAX_SHARPS

START, END, BAR, PICKUP, REST, CHORD, METRE, SPLIT, DRUMS, HOLD, REPEAT, LENGTH = range(12)
FINAL = 12  # plus the degree of the last bass note, see `final_degree`, or `UNKNOWN_FINAL`
KEY = 25  # plus the number of sharps + 7
DENOMINATOR = 40  # plus the index in `DENOMINATORS`
FAMILY = 46  # plus the General MIDI program divided by 8
MEMBER = 62  # plus the index in the family
VOICE = 69  # plus the voice, from 1
PITCH = 101
DRUM = 229  # plus the pitch
POSITION = 356  # plus the number of steps, from 1
VERSION = 3  # of this language; a checkpoint of another version is rejected
MAX_VOICES = 32
MAX_DENSE = 6
MAX_LEFT = 64  # bars
MAX_REACH = 64  # longest distance of REPEAT, in bars
NUM_PITCHES = 128
BAR_QUARTERS = 8  # the positions of this number of quarter notes have a token each
NUM_VELOCITIES, VELOCITY_STEP = 16, 8
FINAL_PLACE = 2  # of FINAL in a piece, with START
NUM_KEY_AND_METRE = 5  # tokens of the header before the tracks
UNKNOWN_FINAL = 12  # of an excerpt, or of a piece without pitches

_WORDS = ("", "", "BAR", "PICKUP", "REST", "CHORD", "METRE", "SPLIT", "DRUMS", "HOLD", "REPEAT", "LENGTH")
_NUMBERED = (  # the token of each kind for number 0, the first number, and the name of the kind
    (POSITION, 1, "POSITION"),
    (DRUM, 0, "DRUM"),
    (PITCH, 0, "PITCH"),
    (VOICE, 1, "VOICE"),
    (MEMBER, 0, "MEMBER"),
    (FAMILY, 0, "FAMILY"),
    (DENOMINATOR, 0, "DENOMINATOR"),
    (KEY + MAX_SHARPS, -MAX_SHARPS, "KEY"),
    (FINAL, 0, "FINAL"),
)


def longest(grid: int) -> int:
    """Return the largest number of bars that LENGTH can state, given the number of steps per quarter note."""
    return min(MAX_LEFT, BAR_QUARTERS * grid)


def key_token(sharps: int) -> int:
    """Return the token of a key signature."""
    return KEY + MAX_SHARPS + sharps


def name_of(token: int, highest_position: int) -> str:
    """Return a token's name, such as PITCH 60 or POSITION 12; an empty string for START and END.

    Args:
        token: its id.
        highest_position: the last position token; those of velocities follow.
    """
    if token < FINAL:
        return _WORDS[token]
    if token > highest_position:
        return f"VELOCITY {token - highest_position - 1}"
    zero, kind = next((zero, kind) for zero, first, kind in _NUMBERED if token >= zero + first)
    return f"{kind} {DENOMINATORS[token - zero] if zero == DENOMINATOR else token - zero}"
