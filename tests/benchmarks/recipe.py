"""What the recipe rests on: how much better or worse other choices are than the defaults, on corpora of five kinds.

`make bench-recipe` prints, for every choice and corpus, the difference of the loss to that of the defaults in the same
time, in nats a token: the median over seeds, each compared with its own. It takes hours, and is for a machine that does
nothing else; with arguments (`python -m tests.benchmarks.recipe --help`) less.
"""

import argparse
from statistics import median

from tests.benchmarks.learning import SEEDS, measure

CORPORA = {
    "prose": ["builtin:python-docs"],
    "source code": ["builtin:python-source"],
    "short lines": ["builtin:python-docs", "--document", "line"],
    "words": ["builtin:python-source", "--level", "word"],
    "tunes": ["builtin:folk-tunes"],
    "chorales": ["builtin:bach-chorales"],
}
CHOICES = {
    "1 x 256": ["--num-layers", "1", "--hidden-size", "256"],
    "1 x 512": ["--num-layers", "1", "--hidden-size", "512"],
    "1 x 768": ["--num-layers", "1", "--hidden-size", "768"],
    "2 x 512": ["--num-layers", "2", "--hidden-size", "512"],
    "2 x 512, plain": ["--num-layers", "2", "--hidden-size", "512", "--no-residual", "--no-layer-norm"],
    "dropout 0.1": ["--dropout", "0.1"],
    "dropout 0.3": ["--dropout", "0.3"],
    "dropout 0.5": ["--dropout", "0.5"],
    "embedding dropout 0.1": ["--embedding-dropout", "0.1"],
    "recurrent dropout 0.2": ["--recurrent-dropout", "0.2"],
    "one softmax": ["--softmax-cutoff", "0"],
    "weight decay 0.1": ["--weight-decay", "0.1"],
    "learning rate 0.003": ["--learning-rate", "0.003"],
    "learning rate 0.008": ["--learning-rate", "0.008"],
    "batch 16": ["--batch-size", "16"],
    "batch 64": ["--batch-size", "64"],
    "sequences of 64": ["--sequence-length", "64"],
    "sequences of 256": ["--sequence-length", "256"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time", default="80s")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--choices", nargs="+", choices=CHOICES, default=list(CHOICES))
    options = parser.parse_args()
    for corpus in options.corpora:
        source, *document = CORPORA[corpus]

        def losses(*given: str, source: str = source, document: list[str] = document) -> list[float]:
            results = (measure(source, options.time, seed, *document, *given) for seed in options.seeds)
            return [result["nats_per_token"] for result in results]

        defaults = losses()
        print(f"{corpus:<12} {'all defaults':<24} {median(defaults):.4f}", flush=True)
        for choice in options.choices:
            pairs = zip(losses(*CHOICES[choice]), defaults, strict=True)
            print(f"{corpus:<12} {choice:<24} {median(mine - theirs for mine, theirs in pairs):+.4f}", flush=True)


if __name__ == "__main__":
    main()
