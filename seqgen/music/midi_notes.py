"""The events of a MIDI track -> its notes: which event ends which note."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from seqgen.compiled import compiled
from seqgen.music.midi_events import FIRST, SECOND, STATUS, TICK, Ticks, TrackEvents
from seqgen.music.score import NUM_PITCHES

NUM_CHANNELS = 16
NUM_PROGRAMS = 128
_NUM_KEYS = NUM_CHANNELS * NUM_PITCHES
_ALL_SOUND_OFF, _ALL_NOTES_OFF = 120, 123  # controllers
_UNKNOWN = -1  # end of a note
_ONSET, _END, _PITCH, _VELOCITY, _CHANNEL, _PROGRAM, _HANGS = range(7)  # the columns of an array of notes
# What the next event decides for a pitch: where its last note ends at the latest, the end of the next note, whether all
# notes end there, and the note-offs that are not used yet.
_LIMIT, _NEXT_END, _IS_ENDED, _HEAD, _TAIL = range(5)


class NoteArrays(NamedTuple):
    """Notes as arrays, in the order of their onsets; times are in ticks."""

    onsets: Ticks
    ends: Ticks
    pitches: Ticks
    velocities: Ticks


class ChannelNotes(NamedTuple):
    """The notes of one program of one channel of a track."""

    channel: int
    program: int
    notes: NoteArrays


def notes_of(events: TrackEvents, max_duration: int) -> tuple[list[ChannelNotes], int]:
    """Return the notes of each program of each channel, and the number of notes that are never switched off.

    Each note-off ends the first of the notes of its pitch that still sound, as in most readers. If there are fewer of
    them than notes, the notes that are struck again end there, and the last one gets the note-off. A note with neither
    ends with its track.

    Args:
        events: of the track.
        max_duration: of a note that ends with its track, in ticks.
    """
    notes = _matched(events.rows)
    is_open = notes[:, _END] == _UNKNOWN
    notes[is_open, _END] = np.minimum(events.end, notes[is_open, _ONSET] + max_duration)
    groups = notes[:, _CHANNEL] * NUM_PROGRAMS + notes[:, _PROGRAM]
    notes = notes[np.argsort(groups, kind="stable")]
    starts = np.flatnonzero(np.diff(np.sort(groups), prepend=-1)).tolist()
    found = []
    for start, stop in pairwise([*starts, len(notes)]):
        onsets, ends, pitches, velocities, channels, programs, _ = notes[start:stop].T
        found.append(ChannelNotes(int(channels[0]), int(programs[0]), NoteArrays(onsets, ends, pitches, velocities)))
    return found, int(notes[:, _HANGS].sum())


def _matched(rows: Ticks) -> Ticks:
    """Return the notes; shape (notes, 7)."""
    marks = np.zeros(len(rows), np.int64)
    num_notes = _mark(rows, marks, np.zeros(NUM_CHANNELS, np.int64), np.zeros(_NUM_KEYS, np.int64))
    notes = np.empty((num_notes, 7), np.int64)
    _match(rows, marks, notes, np.full(len(rows), -1, np.int64), np.full((5, _NUM_KEYS), -1, np.int64))
    return notes


@compiled()
def _mark(rows: Ticks, marks: Ticks, programs: Ticks, num_sounding: Ticks) -> int:
    """Mark note-ons with their program, and with 1 note-offs while their pitch sounds; return the number of note-ons.

    Args:
        rows: the events of a track.
        marks: a zero per event; 1 for the end of all notes as well.
        programs: a zero per channel.
        num_sounding: a zero per pitch of each channel.
    """
    num_notes = 0
    for place in range(len(rows)):
        kind, channel = rows[place, STATUS] >> 4, rows[place, STATUS] & 0xF
        first, second = rows[place, FIRST], rows[place, SECOND]
        key = channel * NUM_PITCHES + first
        if kind == 0x9 and second > 0:
            marks[place] = programs[channel]
            num_sounding[key] += 1
            num_notes += 1
        elif kind in (0x8, 0x9) and num_sounding[key] > 0:
            marks[place] = 1
            num_sounding[key] -= 1
        elif kind == 0xB and first in (_ALL_SOUND_OFF, _ALL_NOTES_OFF):
            marks[place] = 1
            for pitch in range(NUM_PITCHES):
                num_sounding[channel * NUM_PITCHES + pitch] = 0
        elif kind == 0xC:
            programs[channel] = first
    return num_notes


@compiled()
def _match(rows: Ticks, marks: Ticks, notes: Ticks, links: Ticks, state: Ticks) -> None:
    """Write the notes, from the last to the first, so that a note-off goes to the last note that can have it.

    Args:
        rows: the events of a track.
        marks: of `_mark`.
        notes: a row per note, which is written.
        links: -1 per event; note-offs of a pitch that are not used yet are a queue, linked by their places.
        state: -1 for each row and pitch of each channel.
    """
    num_left = len(notes)
    for place in range(len(rows) - 1, -1, -1):
        kind, channel = rows[place, STATUS] >> 4, rows[place, STATUS] & 0xF
        tick, first, second = rows[place, TICK], rows[place, FIRST], rows[place, SECOND]
        key = channel * NUM_PITCHES + first
        if kind == 0x9 and second > 0:
            end, hangs, head = state[_LIMIT, key], state[_IS_ENDED, key] != 1, state[_HEAD, key]
            if head >= 0:
                end, hangs = rows[head, TICK], False
                state[_HEAD, key] = links[head]
            elif end == tick and hangs:  # doubled
                end, hangs = state[_NEXT_END, key], False
            num_left -= 1
            notes[num_left, _ONSET] = tick
            notes[num_left, _END] = end
            notes[num_left, _PITCH] = first
            notes[num_left, _VELOCITY] = second
            notes[num_left, _CHANNEL] = channel
            notes[num_left, _PROGRAM] = marks[place]
            notes[num_left, _HANGS] = hangs
            state[_LIMIT, key], state[_NEXT_END, key], state[_IS_ENDED, key] = tick, end, 0
        elif kind in (0x8, 0x9) and marks[place] == 1:
            if state[_HEAD, key] < 0:
                state[_HEAD, key] = place
            else:
                links[state[_TAIL, key]] = place
            state[_TAIL, key] = place
        elif kind == 0xB and marks[place] == 1:
            for pitch in range(NUM_PITCHES):
                state[_LIMIT, channel * NUM_PITCHES + pitch] = tick
                state[_IS_ENDED, channel * NUM_PITCHES + pitch] = 1
