"""Everything that a run needs is compiled before its clock starts."""

import gc

import pytest
import torch

from seqgen import registry
from seqgen.cells import cell_class
from seqgen.compiled import compiled
from seqgen.config import CorpusConfig, MachineConfig, ModelConfig, SamplingConfig
from seqgen.evaluation.likelihood import surprisals
from seqgen.levels.character import CharacterLevel
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.preview import preview
from seqgen.sampling.sampler import Sample, sample
from seqgen.training.compilation import compile_kernels

COMPILED = type(compiled()(len))


@pytest.fixture
def machine_code():
    """Return a function that lists the compiled functions, and one that discards them."""
    for name in registry.names("cells"):
        cell_class(name)
    functions = [thing for thing in gc.get_objects() if type(thing) is COMPILED]

    def forget():
        for function in functions:
            vars(function).pop("linked", None)

    def found():
        linked = [(function.__module__, function.__name__, vars(function).get("linked")) for function in functions]
        return {(module, name): set(code.signatures) for module, name, code in linked if code and code.signatures}

    return found, forget


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("cell", registry.names("cells"))
def test_a_run_compiles_nothing_after_its_clock_has_started(cell, precision, start, machine_code):
    words = " ".join(chr(0x4E00 + number) for number in range(600))  # a softmax in one pass, from 512 tokens on
    trainer = start(text=words * 2, model={"cell": cell, "num_layers": 2}, precision=precision, steps=2)
    signatures, forget = machine_code
    forget()
    compile_kernels(trainer.config.model, trainer.corpus.level, trainer.config.machine, is_sampled=True)
    compiled_before = signatures()
    for _ in trainer.train(lambda: False):
        preview(trainer.averaged, trainer.corpus.level, 1, trainer.unseen)
    surprisals(trainer.averaged, trainer.corpus.valid)
    assert signatures() == compiled_before


def test_the_grammar_of_notes_is_compiled_if_samples_are_displayed(machine_code):
    signatures, forget = machine_code
    forget()
    level = NoteLevel.fit([], CorpusConfig(level="note"))
    requested = ModelConfig(num_layers=1, hidden_size=16, embedding_size=8)
    compile_kernels(requested, level, MachineConfig(device="cpu", precision="float32"), is_sampled=True)
    compiled_before = signatures()
    assert any("levels.note.grammar" in module for module, _ in compiled_before)
    model = LanguageModel(requested, level.vocabulary_size, num_factors=level.num_factors)
    model.initialise(torch.Generator().manual_seed(0), torch.zeros(level.vocabulary_size))
    preview(model.eval(), level, 1, [])
    assert signatures() == compiled_before


@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole-lstm"])
def test_a_sample_compiles_nothing_after_its_first_text(cell, make_model, machine_code):
    level = CharacterLevel("abc")
    model = make_model(level.vocabulary_size, cell=cell)
    signatures, forget = machine_code
    forget()
    letters = set(level.encode("abc").tolist())
    others = [token for token in range(2, level.vocabulary_size) if token not in letters]  # so the first token is text
    config = SamplingConfig(length=5, min_length=5)
    increments = sample(model, level, "a", config, [Sample(seed=1)], others)
    next(increments)
    compiled_before = signatures()
    assert compiled_before
    assert list(increments)
    assert signatures() == compiled_before
