"""A corpus of which each machine has only its share."""

import os
import random
import shutil
from dataclasses import replace
from itertools import accumulate, chain, product
from operator import itemgetter
from string import ascii_letters
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.config import BudgetConfig, CorpusConfig, MachineConfig, ModelOptions, TrainOptions
from seqgen.corpus.prepared_corpus import PreparedCorpus, files_of_share
from seqgen.corpus.shares import ShareFile, Shares, difference
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import UsageError
from seqgen.levels.base import PADDING
from seqgen.training.calibration import step_seconds
from seqgen.training.distributed import ALONE
from seqgen.training.recipe import resolve
from seqgen.training.repetitiveness import repetitiveness
from seqgen.training.shards import _apportioned
from seqgen.training.sizes import ATTENTION, REPETITIVE
from seqgen.training.stream_batches import StreamBatches
from tests.shares import messages, on_machines
from tests.test_batches import dataset_of, epoch

WORDS = "ein Mann 한글 é saw the old house, far-away; and 'twas no dream of mine: a sea of green glass"


def text(number, seed):
    random.seed(seed)
    lines = [" ".join(random.choices(WORDS.split(), k=random.randint(2, 9))) for _ in range(number)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def folders(tmp_path):
    """The folders of two machines, the smaller of which has 7 files of 30, and a folder with all files."""
    paths = [tmp_path / name for name in ("machine0", "machine1", "all")]
    for path in paths:
        path.mkdir()
    for number in range(30):
        content = text(3 + number % 9, number)
        for path in (paths[number >= 7], paths[2]):
            (path / f"{number:02}.txt").write_text(content, encoding="utf-8")
    return paths


def prepared(folders, **options):
    """Return the corpus of two machines and of one, each with its documents."""

    def prepare(processes, place):
        config = CorpusConfig(corpus=(str(folders[place]),), **options)
        split = SplitCorpus.read(config, processes=processes)
        return split, PreparedCorpus.prepare(split, folders[place] / "data")

    results = on_machines(2, lambda machine: prepare(machine, machine.rank))
    assert not [result for result in results if isinstance(result, Exception)], results
    (whole,) = on_machines(1, lambda machine: prepare(machine, 2))
    return [*results, whole]


KINDS = [
    {},
    {"document": "line"},
    {"ngram": 2},
    {"level": "decomposed"},
    {"level": "word"},
    {"level": "subword", "vocabulary_size": 400},
]


@pytest.mark.parametrize("options", KINDS, ids=lambda options: "-".join(map(str, options.values())) or "character")
def test_shares_are_divided_and_encoded_like_the_whole_corpus(folders, options):
    (first, one), (second, other), (split, whole) = prepared(folders, **options)
    assert first.split == second.split == split.split
    assert first.fingerprint == second.fingerprint == one.fingerprint != split.fingerprint
    assert [corpus.corpus.log.summary[0] for corpus in (first, second)] == [
        f"{split.corpus.log.summary[0]}, on 2 machines"
    ] * 2
    assert one.level.to_json() == other.level.to_json()
    if options.get("level") != "subword":  # sentencepiece depends on the order of the texts
        assert one.level.to_json() == whole.level.to_json()
    for part in ("train", "valid"):
        mine, theirs, everything = (getattr(corpus, part) for corpus in (one, other, whole))
        for share in (mine, theirs):
            assert share.total_documents == everything.num_documents
            assert share.extent == everything.extent
            if options.get("level") != "subword":
                assert share.total_targets == everything.num_targets
                assert share.counts.tolist() == everything.counts.tolist()
        texts = [
            sorted(corpus.level.decode(data.document(i)) for data in parts for i in range(data.num_documents))
            for corpus, parts in ((one, (mine, theirs)), (whole, (everything,)))
        ]
        assert texts[0] == texts[1]
        assert mine.num_documents <= theirs.num_documents


def read(folders, order=(0, 1), **options):
    """Return the corpora, or the errors, of machines of which each has one of the folders."""

    def read_share(machine):
        config = CorpusConfig(corpus=(str(folders[order[machine.rank]]),), **options)
        return SplitCorpus.read(config, processes=machine)

    return on_machines(len(order), read_share)


def test_the_fingerprint_covers_all_shares_and_not_which_machine_has_which(folders):
    fingerprints = {corpus.fingerprint for order in ((0, 1), (1, 0)) for corpus in read(folders, order)}
    (folders[1] / "29.txt").write_text("another text\n")
    others = {corpus.fingerprint for corpus in read(folders)}
    assert len(fingerprints) == len(others) == len(fingerprints & others) + 1 == 1


def test_equal_documents_on_two_machines_are_on_the_same_side(folders):
    for number in range(30):
        lines = (folders[2] / f"{number:02}.txt").read_text(encoding="utf-8")
        (folders[number < 7] / f"copy{number:02}.txt").write_text(lines, encoding="utf-8")
    parts = [dict(zip(("train", "valid"), ({*()}, {*()}), strict=True)) for _ in range(2)]
    for corpus, texts in zip(read(folders), parts, strict=True):
        for part, document in corpus.documents():
            texts[part].add("".join(document.chunks()))
    assert parts[0] == parts[1]
    assert all(parts[0].values())
    assert not parts[0]["train"] & parts[0]["valid"]


def test_each_machine_may_have_its_share_of_another_validation_set(folders, tmp_path):
    for name, content in (("0", "one text\n"), ("1", "another text\n")):
        (tmp_path / f"valid{name}.txt").write_text(content)

    def prepare(machine):
        own = {"corpus": (str(folders[machine.rank]),), "valid": str(tmp_path / f"valid{machine.rank}.txt")}
        split = SplitCorpus.read(CorpusConfig(**own), processes=machine)
        return PreparedCorpus.prepare(split, tmp_path / f"data{machine.rank}")

    first, second = on_machines(2, prepare)
    assert first.valid.num_documents == second.valid.num_documents == 1
    total = first.valid.num_targets + second.valid.num_targets
    assert first.valid.total_targets == second.valid.total_targets == total
    assert first.train.num_documents == 7
    assert first.fingerprint == second.fingerprint


def test_a_machine_may_have_no_document_that_validates(folders, tmp_path):
    second = read(folders, (1, 0))[1]
    valid = [document for part, document in second.documents() if part == "valid"]
    for document in valid:
        (folders[0] / document.name.rpartition("/")[2]).unlink()
    (_, one), (_, other), _ = prepared([folders[1], folders[0], folders[2]])
    assert other.valid.num_documents == len(other.valid.ids) == 0
    assert other.valid.total_documents == one.valid.num_documents > 0


def test_the_same_file_on_two_machines_is_an_error(folders):
    name = folders[0] / "00.txt"
    message = (
        f"{name} is on machine 0 and on machine 1 (and 6 other files): with --corpus-share, give each machine other "
        "files; without it, all machines need all files"
    )
    assert messages(read(folders, (0, 0))) == [message] * 2


def test_an_error_of_one_machine_is_that_of_all(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    empty = messages(read([folders[0], tmp_path / "empty"]))
    assert empty == [f"machine 1: {tmp_path / 'empty'} holds no text"] * 2
    missing = messages(read([tmp_path / "missing", folders[1]]))
    assert len(set(missing)) == 1
    assert missing[0].startswith("machine 0: there is no file or folder")


@pytest.mark.parametrize(("options", "name"), [({"level": "word"}, "level"), ({"valid": "some.txt"}, "valid")])
def test_different_options_are_an_error(folders, options, name):
    def read_share(machine):
        config = CorpusConfig(corpus=(str(folders[machine.rank]),), **(options if machine.rank else {}))
        return SplitCorpus.read(config, processes=machine)

    message = (
        f"machine 0 and machine 1 have different options (--{name}): with --corpus-share, only the paths of --corpus "
        "and --valid may differ"
    )
    assert messages(on_machines(2, read_share)) == [message] * 2


@pytest.mark.parametrize(("size", "attention"), [(30_000, ATTENTION), (90_000, 0)])
def test_machines_choose_the_same_network_if_only_one_share_repeats_itself(tmp_path, size, attention):
    random.seed(1)
    plain = "".join(random.choices(ascii_letters, k=size))
    for rank, content in enumerate((plain[:50] * 200, plain)):
        (tmp_path / f"{rank}.txt").write_text(content)
        (tmp_path / f"valid{rank}.txt").write_text(plain[rank:100])

    def choose(machine):
        own = CorpusConfig(
            corpus=(str(tmp_path / f"{machine.rank}.txt"),), valid=str(tmp_path / f"valid{machine.rank}.txt")
        )
        corpus = PreparedCorpus.prepare(SplitCorpus.read(own, processes=machine), tmp_path / str(machine.rank))
        requested = TrainOptions(
            corpus=own, budget=BudgetConfig(steps=10**5), machine=MachineConfig(device="cpu", precision="float32")
        )
        return repetitiveness(corpus.train, ATTENTION), resolve(requested, corpus)[0].model

    (repeated, model), (plain_repeated, other) = on_machines(2, choose)
    assert plain_repeated < REPETITIVE < repeated
    assert model == other
    assert (model.num_layers, model.attention) == (2, attention)


def test_a_share_of_which_nothing_trains_is_an_error(folders):
    corpus = read(folders)[1]
    names = [document.name for part, document in corpus.documents() if part == "valid"]
    for path in folders[1].glob("*.txt"):
        if str(path) not in names:
            path.rename(folders[0] / path.name)
    expected = "machine 1: its share has no document that trains: give it more documents"
    assert messages(read(folders)) == [expected] * 2


def test_music_is_not_divided(folders, tmp_path):
    (tmp_path / "tune.abc").write_text("X:1\nL:1/4\nM:4/4\nK:C\nCDEF|]\n")
    message = (
        f"machine 0: {tmp_path / 'tune.abc'} holds music, but --corpus-share is for text: copy all files to all "
        "machines, and omit the option"
    )
    assert messages(read([tmp_path / "tune.abc", folders[1]])) == [message] * 2
    for options, name in (({"level": "note"}, "--level note"), ({"given": "2"}, "--given 2")):
        with pytest.raises(UsageError, match=f"--corpus-share cannot be combined with {name}: copy all files to all"):
            CorpusConfig(corpus_share=True, **options)


def test_a_pipe_is_not_divided(folders, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=lambda: (tmp_path / "pipe").write_text("some text\n"))
    writer.start()
    found = messages(read([tmp_path / "pipe", folders[1]]))
    writer.join()
    message = (
        f"--corpus-share reads files more than once, but {tmp_path / 'pipe'} can be read only once: save it as a file"
    )
    assert found == [f"machine 0: {message}"] * 2


def test_files_that_differ_from_those_before_are_named():
    before = [ShareFile(name, ".txt", name * 2) for name in ("a", "b", "c")]
    now = [ShareFile("a", ".txt", "aa"), ShareFile("b", ".txt", "other"), ShareFile("d", ".txt", "dd")]
    assert difference(before, before) == ""
    assert difference(before, before[1:]) == "a is missing"
    assert difference(before, now) == "c is missing (and 2 other files)"
    assert difference(before[:2], now[:2]) == "b has changed"
    assert difference(before[:1], now[::2]) == "d is new"


def test_the_files_of_a_share_are_remembered(folders):
    (split, corpus), _, _ = prepared(folders)
    data, now = folders[0] / "data", split.corpus.share_files
    assert files_of_share(data, corpus.fingerprint, now) == now
    assert files_of_share(data, corpus.fingerprint, now[1:]) == now
    assert files_of_share(data, "another", now) == []
    for path in data.glob("prepared/*/store.json"):
        path.write_text("{}")
    assert files_of_share(data, corpus.fingerprint, now) == []


def test_a_share_that_was_deleted_is_prepared_again(folders):
    before = prepared(folders)[0][1].train.ids.tolist()
    shutil.rmtree(folders[0] / "data")
    (_, one), (_, other), _ = prepared(folders)
    assert one.train.ids.tolist() == before
    assert other.train.total_targets == one.train.total_targets
    assert len(list((folders[1] / "data" / "prepared").iterdir())) == 1


def batches_of(shares, **options):
    """Return the batches of machines with documents of these numbers of targets, whose ids differ."""
    first = np.cumsum([0, *(sum(length + 1 for length in share) for share in shares)])
    whole = dataset_of([length for share in shares for length in share])

    def of_share(machine):
        own = shares[machine.rank]
        dataset = replace(dataset_of(own), ids=whole.ids[first[machine.rank] : first[machine.rank + 1]])
        contents = [[ShareFile(str(rank), "", str(rank))] for rank in range(len(shares))]
        together = Shares.of(machine, contents)
        return together.place, StreamBatches(dataset.as_share(together.gathered), **options, shares=together)

    return [batches for _, batches in sorted(on_machines(len(shares), of_share), key=itemgetter(0))]


@given(
    shares=st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=9), min_size=1, max_size=3),
    batch_size=st.integers(3, 7),
    sequence_length=st.integers(1, 12),
    shard_size=st.sampled_from([3, 1 << 20]),
)
def test_an_epoch_contains_every_target_of_all_shares_once(shares, batch_size, sequence_length, shard_size):
    options = {"batch_size": batch_size, "sequence_length": sequence_length, "seed": 1, "shard_size": shard_size}
    machines = batches_of(shares, **options)
    assert list(chain.from_iterable(range(batch_size)[each.own] for each in machines)) == list(range(batch_size))
    steps = list(zip(*map(epoch, machines), strict=True))
    targets = np.concatenate([batch.targets[batch.targets != PADDING] for step in steps for batch in step])
    lengths = [length for share in shares for length in share]
    starts = np.cumsum([0, *(length + 1 for length in lengths)])
    assert sorted(targets.tolist()) == sorted({*range(starts[-1])} - {*starts.tolist()})
    for step in steps:
        assert len({(batch.is_whole, batch.total) for batch in step}) == 1
        real = [batch for batch in step if batch.num_targets or not batch.is_whole]
        assert list(accumulate([batch.num_streams for batch in real], initial=0)) == [
            *(batch.before for batch in real),
            step[0].total,
        ]
    last = {}
    for batch, place in ((batch, place) for step in steps for place, batch in enumerate(step) if not batch.is_whole):
        for stream in np.flatnonzero((batch.targets != PADDING).any(0)):
            assert batch.is_fresh[stream] or batch.inputs[0, stream] == last[place, stream]
            last[place, stream] = batch.targets[:, stream][batch.targets[:, stream] != PADDING][-1]
    assert sum(each.tokens_per_step for each in machines) == pytest.approx(
        len(machines) * sum(lengths) / machines[0].steps_per_epoch
    )


def test_a_step_is_timed_without_the_batches_that_only_other_machines_have(folders):
    for number in range(7):
        (folders[0] / f"{number:02}.txt").write_text(text(40, number), encoding="utf-8")
    *corpora, whole = (corpus for _, corpus in prepared(folders))

    def stream(machine):
        corpus = corpora[machine.rank]
        return StreamBatches(corpus.train, batch_size=4, sequence_length=512, seed=1, shares=corpus.shares)

    machine = MachineConfig(device="cpu", precision="float32")
    options = TrainOptions(model=ModelOptions(hidden_size=8), budget=BudgetConfig(steps=1), machine=machine)
    model = resolve(options, whole)[0].model
    for corpus, batches in zip(corpora, on_machines(2, stream), strict=True):
        assert 0 in [batch.num_targets for batch in epoch(batches)]
        assert step_seconds(model, batches, machine, corpus, ALONE) > 0


def test_the_streams_of_a_share_are_in_proportion_to_its_length():
    assert _apportioned([100, 200, 500], 16, [1, 1, 1]) == [2, 4, 10]
    assert _apportioned([1, 0, 1000], 8, [1, 2, 1]) == [1, 2, 5]
    for sizes in product([1, 7, 30], repeat=3):
        best = min(
            max(-(-size // count) for size, count in zip(sizes, counts, strict=True))
            for counts in product(range(1, 9), repeat=3)
            if sum(counts) == 10
        )
        counts = _apportioned(sizes, 10, [1, 1, 1])
        assert sum(counts) == 10
        assert max(-(-size // count) for size, count in zip(sizes, counts, strict=True)) == best
