"""The report of `seqgen evaluate`: baselines, dynamic evaluation, cache, copying, and lists."""

import csv
import json
import math
import re

import pytest

from tests.conftest import RHYME, quick_runner


@pytest.fixture(scope="module")
def poems(tmp_path_factory):
    """A run on forty lines, each a document, and an unseen text."""
    folder = tmp_path_factory.mktemp("poems")
    lines = [f"{word} is a little star, and {other} is another one" for word in ("up", "high", "diamond", "sky")
             for other in ("this", "that", "it", "what", "you", "I", "so", "how", "like", "world")]  # fmt: skip
    (folder / "poems.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "new.txt").write_text("world is a little star\nmy sky is a tiny one\n" * 20, encoding="utf-8")
    cli = quick_runner(folder)
    done = cli("train", "--corpus", "poems.txt", "--document", "line", "--steps", "30", "--hidden-size", "32",
               "--batch-size", "8", "--learning-rate", "0.01")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return cli


def report(cli, *arguments):
    done = cli("evaluate", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_n_grams_and_compressors_are_reported_beside_the_model(trained):
    content = report(trained.cli)
    assert content["ngram"]["nats_per_token"] < 0.1  # the same four lines again and again
    assert content["ngram"]["order"] >= 3
    assert content["ngram"]["bits_per_character"] == pytest.approx(
        content["ngram"]["nats_per_token"] / math.log(2) * content["tokens"] / content["characters"]
    )
    best = min(content["nats_per_token"], content["ngram"]["nats_per_token"])
    assert content["mixture"]["nats_per_token"] <= best + 3.1 / content["tokens"]
    for name in ("xz", "bz2"):
        assert 0 <= content[name]["bits_per_byte"] == content[name]["bits_per_character"] < 2


def test_the_table_shows_the_losses_of_the_json_by_predictor_and_unit(poems):
    arguments = ["--corpus", "new.txt", "--dynamic", "--cache", "20"]
    content, table = report(poems, *arguments), poems("evaluate", *arguments).stdout
    units = ["nats_per_token", "perplexity", "bits_per_character", "bits_per_byte"]
    assert [unit.replace("_", " ") for unit in units] == re.split(r"  +", table.splitlines()[2].strip())
    losses = {"the model": content} | {
        row: content[name]
        for row, name in (("dynamic evaluation (--dynamic)", "dynamic"), ("with a cache (--cache)", "cache"),
                          ("mixture with n-grams", "mixture"), ("n-grams", "ngram"), ("xz", "xz"), ("bz2", "bz2"))
    }  # fmt: skip
    for row, loss in losses.items():
        (line,) = (line for line in table.splitlines() if re.match(rf"{re.escape(row)}  ", line))
        assert line.split()[len(row.split()) :] == [f"{loss[unit]:,.4f}" for unit in units if unit in loss], row
    assert f"{content['tokens']} tokens, {content['characters']} characters, {content['bytes']} bytes" in table
    dynamic = content["dynamic"]
    settings = f"learning rate {dynamic['learning_rate']}, decay {dynamic['decay']}"
    assert f"dynamic evaluation (--dynamic): {settings}\n" in table
    settings = ", ".join(f"{name} {content['cache'][name]}" for name in ("window", "sharpness", "weight"))
    assert f"with a cache (--cache): {settings}\n" in table
    order, weight = content["ngram"]["order"], content["mixture"]["weight"]
    assert f"n-grams: order {order}, weight {weight:.2f} in the mixture\n" in table


def test_the_order_of_n_grams_is_chosen_on_the_validation_set(poems):
    own, new = report(poems), report(poems, "--corpus", "new.txt")
    assert own["ngram"]["order"] == new["ngram"]["order"]
    interval = new["confidence_interval"]
    assert interval["over"] == "documents"
    assert interval["low"] < new["nats_per_token"] < interval["high"]


def test_dynamic_evaluation_and_cache_are_reported_separately(poems):
    content = report(poems, "--corpus", "new.txt", "--dynamic", "--cache", "20")
    assert content["dynamic"]["nats_per_token"] < content["nats_per_token"]
    # the validation set has single lines without repetitions: the cache gets no weight
    assert content["cache"]["nats_per_token"] == pytest.approx(content["nats_per_token"])
    for name in ("dynamic", "cache"):
        assert content[name]["perplexity"] == pytest.approx(math.exp(content[name]["nats_per_token"]))
    assert content["cache"]["window"] == 20
    table = poems("evaluate", "--corpus", "new.txt", "--dynamic").stdout
    assert "dynamic evaluation (--dynamic)" in table
    assert "95% confidence (over documents)" in table


def test_documents_and_tokens_are_listed_with_their_losses(poems):
    whole = report(poems)
    documents = [json.loads(line) for line in poems("evaluate", "--per-document").stdout.splitlines()]
    tokens = [json.loads(line) for line in poems("evaluate", "--per-token").stdout.splitlines()]
    assert len(tokens) == sum(document["tokens"] for document in documents) == whole["tokens"]
    nats = whole["nats_per_token"] * whole["tokens"]
    assert sum(document["nats"] for document in documents) == pytest.approx(nats, rel=1e-6)
    assert sum(token["nats"] for token in tokens) == pytest.approx(nats, rel=1e-6)
    assert sum(document["characters"] for document in documents) == whole["characters"]
    text = "".join(token["text"] for token in tokens)
    assert len(text) == whole["characters"] - len(documents)  # the newline is the end token token token
    assert "is a little star" in text
    assert {token["document"] for token in tokens} == {document["document"] for document in documents}
    first = [token["place"] for token in tokens if token["number"] == 1]
    assert first == list(range(documents[0]["tokens"]))


def test_documents_of_a_table_are_listed_with_their_rows(trained, tmp_path):
    rows = [
        (number, text) for number, text in enumerate(["one star", "", "two stars, or more\nup above", "a sky"], start=1)
    ]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("stars", "text"), *rows])
    (tmp_path / "b.jsonl").write_text('{"text": "a diamond"}\n\n{"text": 3}\n{"text": "in the sky"}\n')
    corpus = ("evaluate", "--corpus", str(tmp_path))
    whole = [json.loads(line) for line in trained.cli(*corpus, "--per-document").stdout.splitlines()]
    places = {(document["document"].rpartition("/")[2], document["row"]): document["characters"] for document in whole}
    texts = {("a.csv", number): text for number, text in rows if text}
    texts |= {("b.jsonl", 1): "a diamond", ("b.jsonl", 3): "in the sky"}
    assert places == {place: len(text) for place, text in texts.items()}
    tokens = [json.loads(line) for line in trained.cli(*corpus, "--per-token", "--field", "text").stdout.splitlines()]
    joined = dict.fromkeys(texts, "")
    for token in tokens:
        joined[token["document"].rpartition("/")[2], token["row"]] += token["text"]
    assert joined == texts


def test_samples_are_searched_for_in_the_training_set(trained):
    content = report(trained.cli, "--num-samples", "2")["copying"]
    assert content["num_samples"] == 2
    assert content["held_out"]["new_share"] == 0  # all of it occurs in the training set
    assert content["held_out"]["longest"]["text"] in RHYME * 30
    assert content["held_out"]["longest"]["length"] == content["held_out"]["characters"] == 339
    longest = content["samples"]["longest"]
    assert longest["text"] == (RHYME * 30)[longest["place"] :][: longest["length"]]
    table = trained.cli("evaluate", "--num-samples", "2").stdout
    assert (
        f"-grams are new, the longest copy is 339 characters: {content['held_out']['longest']['text'][:60]!r}...\n"
        in table
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cache", "0"], "--cache must be in [1, 100000], got 0"),
        (["--per-token", "--per-document"], "--per-document and --per-token cannot be combined"),
        (["--per-token", "--dynamic"], "--dynamic cannot be combined with --per-document or --per-token"),
        (["--num-samples", "-1"], "--num-samples must be at least 0, got -1"),
    ],
)
def test_invalid_options_of_evaluate_are_rejected(poems, arguments, message):
    done = poems("evaluate", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_cache_larger_than_the_text_is_rejected(poems):
    done = poems("evaluate", "--corpus", "new.txt", "--cache", "5000", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--cache must be smaller than the text, which has 880 tokens, got 5000" in done.stderr


def test_perplexity_per_word_counts_a_spelled_word_once(tmp_path):
    verses = [f"the {animal} saw the {other} ." for animal in ("cat", "dog", "cow") for other in ("pig", "hen", "fox")]
    (tmp_path / "verses.txt").write_text("\n".join(verses * 9) + "\n", encoding="utf-8")
    (tmp_path / "new.txt").write_text("the zebra saw the cat .\nthe dog saw the unicorn .\n" * 9, encoding="utf-8")
    cli = quick_runner(tmp_path)
    options = ["--level", "word", "--steps", "2", "--hidden-size", "16", "--batch-size", "2"]
    assert cli("train", "--corpus", "verses.txt", *options).returncode == 0
    content = report(cli, "--corpus", "new.txt")
    assert content["words"] == 9 * 2 * 7 < content["tokens"]
    nats = content["nats_per_token"] * content["tokens"]
    assert content["perplexity_per_word"] == pytest.approx(math.exp(nats / content["words"]))
    cached = report(cli, "--cache", "50")  # repeated verses, and a model that has learned little
    assert cached["cache"]["weight"] > 0
    assert cached["cache"]["perplexity_per_word"] < 0.95 * cached["perplexity_per_word"]


def test_without_the_prepared_corpus_the_files_are_encoded_again_with_the_same_result(trained):
    first = report(trained.cli)
    prepared = trained.folder / "data" / "prepared"
    aside = prepared.with_name("aside")
    prepared.rename(aside)
    try:
        assert report(trained.cli) == first
    finally:
        aside.rename(prepared)


def test_without_the_training_set_there_are_no_baselines(trained, tmp_path):
    (tmp_path / "tail.txt").write_text(RHYME * 3, encoding="utf-8")
    cli, best = quick_runner(tmp_path), str(trained.files / "best.safetensors")
    done = cli("evaluate", "--checkpoint", best, "--corpus", "tail.txt", "--json")
    assert "ngram" not in json.loads(done.stdout)
    assert "no baselines, and it is unknown whether the model was trained on this text" in done.stderr
    done = cli("evaluate", "--checkpoint", best, "--corpus", "tail.txt", "--dynamic")
    assert done.returncode == 1
    assert "omit --dynamic, or give the right --data-dir" in done.stderr


def test_overlap_with_the_training_set_is_reported(poems):
    own, new = (poems("evaluate", "--corpus", name) for name in ("poems.txt", "new.txt"))
    content = report(poems, "--corpus", "poems.txt")
    training, validation = (content["overlap"][part] for part in ("training", "validation"))
    share = (
        report(poems)["tokens"] / content["tokens"]
    )  # of the validation set; lines of both sets have the same endings
    assert 1 - 1.1 * share <= training < 1
    assert 0.9 * share <= validation < 0.5
    message = f"{training:.1%} of the text occurs in the training set, and {validation:.1%} of the text occurs in the"
    assert message in own.stderr
    assert f"overlap: {training:.1%} of the text in the training set, {validation:.1%} in the" in own.stdout
    assert report(poems, "--corpus", "new.txt")["overlap"] == {"training": 0, "validation": 0, "window": 32}
    assert "of the text occurs in" not in new.stderr
    assert "overlap" not in report(poems)
