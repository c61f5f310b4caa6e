"""`seqgen inspect --given`: what a conditional model attends to."""

import json
from pathlib import Path

from seqgen.cli import display
from seqgen.cli.given import given_argument
from seqgen.cli.model import load
from seqgen.config import DeviceConfig, FoldersConfig


def inspect_attention(
    name: str | None, given: str, output: Path, folders: FoldersConfig, machine: DeviceConfig, *, as_json: bool
) -> None:
    """Print and draw which tokens of a given each token of the text is written from."""
    source, loaded, model = load(name, folders, machine)
    from seqgen.evaluation.attention_map import AttentionMap, draw

    attention = AttentionMap.of(loaded, model, given_argument(given, loaded.given_coding))
    draw(attention, output)
    if as_json:
        display.write_result(json.dumps(attention.to_json(), ensure_ascii=False) + "\n")
    else:
        rows = [
            [token, attention.given[weights.index(max(weights))], f"{max(weights):.0%}"]
            for token, weights in zip(attention.text, attention.weights, strict=True)
        ]
        display.show_table(["text", "mostly attends to", "weight"], rows)
    display.note(f"{source}; saved as {output}")
