"""From the sources that a user names to batches of token ids.

    sources.py           a path, pattern, folder, archive, built-in corpus or pipe -> each `RawFile` (source_file.py)
    kinds.py             what it holds: a `TextFile`, `RecordFile` or `MusicFile`, each a `SourceFile` of `Document`s
    pairs.py             files in pairs (counterpart.py), each a `SourceFile` of documents that are given a text
    passages.py          `Passages`: lines, paragraphs, records or small files in blocks, hashed together (hashing.py)
    corpus.py            `Corpus`: all documents of some sources, read once and counted (statistics.py), which may be a
                         share of those of several machines (shares.py)
    split_corpus.py      `SplitCorpus`: the documents that train and those that validate (split.py), with a fingerprint
                         and the levels that suit pairs (closed_set.py)
    prepared_corpus.py   `PreparedCorpus`: both parts encoded (build.py) on disk (dataset.py), under the fingerprint
    training/batches.py  `Batches` of the training part

No step keeps the text in memory, except passages that take little memory (passage_cache.py): a document yields its
content in chunks, anew each time. What a user should know about the reading, such as skipped files, is collected in a
`ReadingLog` (reading.py).
"""
