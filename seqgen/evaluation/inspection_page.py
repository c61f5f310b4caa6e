"""A page that shows what a model predicts in a text and what its units do, in one file that needs no network."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.evaluation.attended import Attended
from seqgen.evaluation.inspection import Inspection, Layer
from seqgen.evaluation.music_properties import ReadMusic
from seqgen.evaluation.page import assembled
from seqgen.evaluation.piano_roll import roll
from seqgen.evaluation.text_properties import text_properties
from seqgen.evaluation.unit_ranking import Tracking, ranking
from seqgen.levels.note import NoteLevel

MAX_BYTES = 1_900_000  # of activations and weights of attention; a third is added by base64
MIN_UNITS = 200  # that are shown of a long text, although they need more
MIN_WEIGHT = 0.02  # of attention that is shown
_RANKED = 12  # units per property
_DECIMALS = 3

Place = tuple[int, str, int]  # a layer, the name of a state or gate, and a unit


class Series(NamedTuple):
    """The activations of one unit at all tokens.

    Attributes:
        low: the value that 0 stands for.
        high: the value that 255 stands for.
        levels: values in between, shape (tokens,).
    """

    low: float
    high: float
    levels: NDArray[np.uint8]

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> "Series":
        """Quantize activations to 8 bits."""
        low, high = float(values.min()), float(values.max())
        return cls(low, high, np.round((values - low) / ((high - low) or 1.0) * 255).astype(np.uint8))


def page(inspection: Inspection, name: str) -> str:
    """Return the page as HTML.

    Args:
        inspection: what is shown.
        name: of the model.
    """
    return assembled("inspection_page.html", page_data(inspection, name))


def page_data(inspection: Inspection, name: str) -> dict[str, Any]:
    """Return the data of the page as plain JSON values, with arrays as base64."""
    pieces = _pieces(inspection)
    ranked = ranking(inspection.layers, _properties(inspection, pieces), _RANKED)
    weights = {} if inspection.attended is None else _shown_weights(inspection.attended)
    num_bytes = MAX_BYTES - sum(map(len, weights.values())) * 3 // 4
    shown = chosen_units(inspection.layers, ranked, max(MIN_UNITS, num_bytes // len(inspection.ids)))
    series = [Series.of(inspection.layers[layer][kind][:, unit]) for layer, kind, unit in shown]
    vocabulary, best = np.unique(inspection.best, return_inverse=True)
    is_own = inspection.best == inspection.ids[:, None]
    return {
        "model": name,
        "level": inspection.level.name,
        "numTokens": inspection.num_tokens,
        "begins": inspection.begins,
        "tokens": inspection.texts,
        "labels": {
            place: inspection.label(int(token))
            for place, token in enumerate(inspection.ids)
            if not inspection.texts[place]
        },
        "surprisal": [round(float(nats), _DECIMALS) for nats in inspection.surprisal],
        "hits": [hit[0] if (hit := np.flatnonzero(row).tolist()) else None for row in is_own],
        "vocabulary": [inspection.label(int(token)) for token in vocabulary],
        "numAlternatives": inspection.best.shape[1],
        "best": _base64(best.reshape(-1).astype("<u2" if len(vocabulary) <= 1 << 16 else "<u4")),
        "bestBytes": 2 if len(vocabulary) <= 1 << 16 else 4,
        "probabilities": _base64(np.round(inspection.probabilities.reshape(-1) * 65535).astype("<u2")),
        "units": [
            [*place, *(round(bound, 5) for bound in each[:2])] for place, each in zip(shown, series, strict=True)
        ],
        "activations": _base64(np.concatenate([each.levels for each in series])),
        "numUnits": sum(values.shape[1] for layer in inspection.layers for values in layer.values()),
        "ranking": [
            [title, [[*unit[:3], round(unit.correlation, 4)] for unit in units]] for title, units in ranked.items()
        ],
        "attended": weights or None,
        "music": [_roll(*each) for each in zip(pieces, inspection.begins, strict=False)],
    }


def chosen_units(layers: Sequence[Layer], ranked: Mapping[str, Sequence[Tracking]], count: int) -> list[Place]:
    """Return the units that are shown: all, or those of the ranking and the most variable of each state and gate."""
    every = [
        [(index, kind, int(unit)) for unit in np.argsort(-values.std(0), kind="stable")]
        for index, layer in enumerate(layers)
        for kind, values in layer.items()
    ]
    in_turn = (place for places in zip_longest(*every) for place in places if place is not None)
    first: Iterator[Place] = (unit[:3] for units in zip_longest(*ranked.values()) for unit in units if unit is not None)
    return sorted(islice(dict.fromkeys([*first, *in_turn]), count))


def _shown_weights(attended: Attended) -> dict[str, str]:
    """Return the weights of at least `MIN_WEIGHT` in 8 bits, the tokens one after the other."""
    is_shown = attended.weights >= MIN_WEIGHT
    return {
        "counts": _base64(is_shown.sum(1).astype(np.uint8)),
        "distances": _base64(attended.distances[is_shown].astype("<u2")),
        "weights": _base64(np.round(attended.weights[is_shown] * 255).astype(np.uint8)),
    }


def _pieces(inspection: Inspection) -> list[ReadMusic]:
    level = inspection.level
    if not isinstance(level, NoteLevel):
        return []
    return [ReadMusic(level, ids.tolist()) for ids in inspection.documents]


def _properties(inspection: Inspection, pieces: Sequence[ReadMusic]) -> dict[str, NDArray[np.float64]]:
    """Return the properties of all tokens, shape (tokens,)."""
    if pieces:
        found = [piece.properties for piece in pieces]
    else:
        ends = inspection.begins[1:]
        texts = [inspection.texts[first:stop] for first, stop in zip_longest([0, *ends], ends)]
        found = [text_properties(each) for each in texts]
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def _roll(piece: ReadMusic, begin: int) -> dict[str, Any]:
    """Return the piano roll of a piece whose first token has this index."""
    notes = ([note.token + begin if note.token >= 0 else None, *note[1:]] for note in piece.notes)
    return roll(piece.score, notes)


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
