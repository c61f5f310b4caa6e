"""`seqgen inspect --given`: what a conditional model attends to."""

import json
from pathlib import Path

from seqgen.cli import display
from seqgen.cli.given import given_argument
from seqgen.cli.model import load
from seqgen.config import DeviceConfig, FoldersConfig
from seqgen.runs import full_name


def inspect_attention(
    name: str | None, given: str, output: Path, folders: FoldersConfig, machine: DeviceConfig, *, as_json: bool
) -> None:
    """Print and draw which part of a given each token of the text is written from, or when it occurs in it."""
    source, loaded, model = load(name, folders, machine)
    from seqgen.evaluation.attention_map import AttentionMap
    from seqgen.evaluation.attention_picture import draw

    attention = AttentionMap.of(loaded, model, given_argument(given, loaded.given_coding))
    draw(attention, output)
    if as_json:
        display.write_result(json.dumps(attention.to_json(), ensure_ascii=False) + "\n")
    else:
        rows = [
            [token, attention.given[place], f"{weights[place]:.0%}"]
            for token, weights, place in zip(attention.text, attention.weights, attention.places, strict=True)
        ]
        heads = ["mostly attends to", "weight"] if model.has_attention else ["occurs at", "probability"]
        display.show_table(["text", *heads], rows)
    display.note(f"{full_name(source)}; saved as {output}")
