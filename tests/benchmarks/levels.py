"""What a token is: the same time for every level on the same corpus, measured in bits per character."""

import json
import subprocess
import sys
import tempfile

from tests.benchmarks.measure import row

TIME = "60s"
LEVELS = {
    "character": ["--level", "character"],
    "character, --ngram 2": ["--level", "character", "--ngram", "2"],
    "character, --ngram 3": ["--level", "character", "--ngram", "3"],
    "subword": ["--level", "subword"],
    "word": ["--level", "word"],
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="seqgen-bench-") as folder:

        def seqgen(*arguments: str) -> str:
            command = [sys.executable, "-m", "seqgen", *arguments]
            return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout

        for name, options in LEVELS.items():
            seqgen("train", "--corpus", "builtin:python-docs", "--time", TIME, *options)
            figures = json.loads(seqgen("evaluate", "--json"))
            row(
                f"{TIME} of {name}",
                f"{figures['bits_per_character']:.3f} bits/character",
                f"{figures['tokens']:,} tokens, {figures['nats_per_token']:.3f} nats each",
            )
