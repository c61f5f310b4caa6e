"""Characters to ids: array look-ups against a Python loop with a dictionary."""

from seqgen.config import CorpusConfig
from seqgen.corpus import builtin
from seqgen.corpus.texts import CHUNK_BYTES
from seqgen.levels.character import CharacterLevel
from tests.benchmarks.measure import in_pairs, row


def main() -> None:
    text = "".join(text for _, text in builtin.texts("python-source"))
    chunks = [text[start : start + CHUNK_BYTES] for start in range(0, len(text), CHUNK_BYTES)]
    level = CharacterLevel.fit([chunks], CorpusConfig())
    ids = {character: i for i, character in enumerate(level.alphabet)}
    mine, theirs, ratio = in_pairs(
        lambda: [level.encode(chunk) for chunk in chunks],
        lambda: [[ids[character] for character in chunk] for chunk in chunks],
    )
    megabytes = len(text.encode("utf-8")) / 1e6
    row("encode characters", f"{megabytes / mine:.0f} MB/s", f"a dictionary: {megabytes / theirs:.0f} MB/s", ratio)
