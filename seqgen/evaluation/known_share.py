"""How much of a text a compared model has seen in its own training set."""

from seqgen.corpus.split import TRAIN
from seqgen.evaluation.contender import Contender, Scored
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.overlap import NOTABLE, share_in
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.evaluation.writing import pairs_of


def known_share_notes(result: Scored, held_out: HeldOut, first: Contender, progress: Progress = SILENT) -> list[str]:
    """Return a note if a model may have been trained on the text; none if it has not.

    Args:
        result: the text as the model encodes it.
        held_out: the text.
        first: the model whose validation set it is, if it is one.
        progress: receives the progress.
    """
    checkpoint = result.contender.checkpoint
    if held_out.is_validation and checkpoint.fingerprint == first.checkpoint.fingerprint:
        return []  # the same split of the same corpus
    run = RunCorpus(checkpoint, result.contender.folders)
    if run.missing is not None:
        return [f"{result.contender.name}: {run.missing}: it is unknown whether it was trained on this text"]
    if result.contender.is_conditional:
        givens = {given for given, _ in pairs_of(held_out.documents())}
        known = {given for given, _ in pairs_of(run.documents(TRAIN)) if given in givens}
        share, what = len(known) / len(givens), "givens"
    else:
        with run.encoded(TRAIN) as training:
            share, what = share_in(result.dataset, training, progress), "text"
    if share < NOTABLE:
        return []
    return [f"{result.contender.name} was trained on {share:.1%} of the {what}: the comparison favours it"]
