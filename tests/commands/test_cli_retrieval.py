"""train, index, search: from a corpus of covers to the nearest recordings, and what bad input does to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch

from mirbricks.cli import main
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio, write_features
from mirbricks.errors import RunError
from mirbricks.tasks.covers import Library
from mirbricks.workflows.faiss_search import nearest_by_faiss
from mirbricks.workflows.index_file import Index
from mirbricks.workflows.search import nearest

GRAPH = """\
name: tiny
input: B C=12 T
layers:
  - Conv1d: {out_channels: 8, kernel_size: 3, padding: same}
  - ReLU
  - Mean: {dim: 2}
  - Linear: {name: embedding, out_features: 6}
feature: FEATURE
dataset: {folds: 3}
task: {type: covers, patch_frames: 30, loss: LOSS, normalise: references, views: {transpose: chroma}}
train: {steps: 4, batch_size: 4, validate_every: 2}
"""
SR_HZ = 8000
GIVEN = "{type: given, n_features: 12, step_s: 0.5, even: false}"
CHROMA = "{type: chroma, sr_hz: 8000, n_octaves: 4, bins_per_octave: 12, hop_length: 1024, tuning_semitones: 0}"


def described(keys: list[str], works: list[str], file: Path) -> None:
    entries = [
        Entry(
            {
                "filepath": (Atom(key),),
                "work-id": (Atom(work),),
                "title": (Atom(f"the song {work}"),),
            }
        )
        for key, work in zip(keys, works, strict=True)
    ]
    text = Definition("global", "text")
    Pyjama({"filepath": text, "work-id": text, "title": text}, entries).save(file)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine works, two versions each, beats at times of their own."""
    folder, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    keys, works = (
        [f"{w}-{v}" for w in range(9) for v in range(2)],
        [str(w) for w in range(9) for _ in range(2)],
    )
    rows = []
    for key in keys:
        chroma = rng.random((int(rng.integers(20, 60)), 12), np.float32)
        rows.append(
            (key, chroma, {"time": np.cumsum(rng.uniform(0.3, 0.7, len(chroma)))})
        )
    write_features(folder / "songs_feat.hdf5", iter(rows))
    described(keys, works, folder / "songs.pyjama")
    return folder


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "g.yaml").write_text(
        GRAPH.replace("FEATURE", GIVEN).replace("LOSS", "triplet")
    )
    assert (
        main(
            [
                "train",
                str(folder / "g.yaml"),
                "--data",
                str(corpus),
                "--out",
                str(folder / "run"),
            ]
        )
        == 0
    )
    assert (
        main(
            [
                "index",
                str(folder / "run"),
                "--data",
                str(corpus),
                "--out",
                str(folder / "songs.index"),
            ]
        )
        == 0
    )
    return folder


def tones(folder: Path) -> list[tuple[str, np.ndarray, int]]:
    """A corpus of tones in the place of songs, six works with two recordings each."""
    rng, time_s = np.random.default_rng(0), np.arange(3 * SR_HZ) / SR_HZ
    sounds = [np.sin(2 * np.pi * 220 * 2 ** (k / 12) * time_s) for k in range(6)]
    keys = [f"{k}-{v}.wav" for k in range(6) for v in range(2)]
    noisy = [
        sounds[int(key[0])] + 0.1 * rng.standard_normal(len(time_s)) for key in keys
    ]
    audio = [
        (key, (0.2 * sound).astype(np.float32), SR_HZ)
        for key, sound in zip(keys, noisy, strict=True)
    ]
    write_audio(folder / "tones_audio.hdf5", iter(audio))
    described(keys, [key[0] for key in keys], folder / "tones.pyjama")
    return audio


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_no_work_is_on_two_sides(trained: Path, corpus: Path, call: Call) -> None:
    settings = json.loads((trained / "run" / "settings.json").read_text())
    sides = [set(groups) for groups in settings["split"].values()]
    assert sorted(len(side) for side in sides) == [3, 3, 3]
    assert len(set.union(*sides)) == 9
    code, out, _ = call("evaluate", trained / "run", "--data", corpus, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["n_tracks"] == 6
    ranked = {"mAP", "MRR", "MR1", "P@1", "P@5", "P@10", "queries", "without_cover"}
    pairs = {"pair_precision", "pair_recall", "pair_f1"}
    assert ranked | pairs == set(found["figures"])
    assert (
        "ranked" in (trained / "run" / "report.html").read_text()
        or "queries" in (trained / "run" / "report.html").read_text()
    )
    everything = json.loads(
        call("evaluate", trained / "run", "--data", corpus, "--split", "all", "--json")[
            1
        ]
    )["tracks"]
    assert (
        found["tracks"]
        == {key: everything[key] for key in found["tracks"]}
        == settings["tracks"]
    )
    assert call("report", trained / "run", "--data", corpus)[0] == 0


def test_an_index_holds_every_recording(
    trained: Path, call: Call, corpus: Path
) -> None:
    index = Index.load(trained / "songs.index")
    assert len(index.keys) == 18
    assert index.titles[2] == "the song 1"
    assert index.works[2] == "1"
    out = trained / "again.index"
    _, printed, _ = call("index", trained / "run", "--data", corpus, "--out", out)
    assert printed.endswith("again.index: 18 recordings of 'songs', 6 numbers each\n")
    assert out.read_bytes() == (trained / "songs.index").read_bytes()


def test_search_leaves_the_query_out_and_agrees_with_the_scores(
    trained: Path, call: Call
) -> None:
    code, out, _ = call(
        "search", trained / "songs.index", "3-0", "5-1", "--top", "4", "--json"
    )
    assert code == 0
    index = Index.load(trained / "songs.index")
    found = json.loads(out)["queries"]
    assert [one["query"] for one in found] == ["3-0", "5-1"]
    for one in found:
        number = index.keys.index(one["query"])
        scores = index.library.rows(slice(number, number + 1))[0]
        order = [k for k in scores.argsort(descending=True).tolist() if k != number][:4]
        assert [result["key"] for result in one["results"]] == [
            index.keys[k] for k in order
        ]
        assert [result["rank"] for result in one["results"]] == [1, 2, 3, 4]
        assert one["results"][0]["score"] == pytest.approx(
            float(scores[order[0]]), abs=1e-4
        )
    _, table, _ = call("search", trained / "songs.index", "3-0", "--top", "100")
    assert "3-0: the song 3" in table
    assert table.count("the song") == 18  # 17 results and the query's own title


def test_a_recording_of_another_corpus_is_a_query(
    trained: Path, corpus: Path, call: Call, tmp_path: Path
) -> None:
    rows = np.random.default_rng(7).random((40, 12), np.float32)
    write_features(
        tmp_path / "mine_feat.hdf5",
        iter([("mine", rows, {"time": np.arange(40) * 0.5})]),
    )
    described(["mine"], ["x"], tmp_path / "mine.pyjama")
    code, out, err = call(
        "search", trained / "songs.index", "mine", "--data", tmp_path, "--json"
    )
    assert (code, err) == (0, "")
    assert len(json.loads(out)["queries"][0]["results"]) == 10
    same = call("search", trained / "songs.index", "4-0", "--data", corpus, "--json")
    assert same[1] == call("search", trained / "songs.index", "4-0", "--json")[1]


def test_an_index_of_chunks_and_rotations(tmp_path: Path, call: Call) -> None:
    generator = torch.Generator().manual_seed(3)
    library = Library.of(
        [torch.randn(12, count, 6, generator=generator) for count in (3, 1, 4, 2)],
        normalise=True,
    )
    keys = ("a", "b", "c", "d")
    Index(library, keys, keys, (None,) * 4, "run", "0", "songs").save(tmp_path / "i")
    code, out, _ = call("search", tmp_path / "i", "c", "--json")
    assert code == 0
    results = json.loads(out)["queries"][0]["results"]
    scores = library.rows(slice(2, 3))[0]
    assert {one["key"]: one["score"] for one in results} == pytest.approx(
        {key: float(scores[k]) for k, key in enumerate(keys) if key != "c"}, abs=1e-4
    )
    assert [one["work"] for one in results] == [None] * 3
    short = Library(
        library.vectors[:-1], library.counts, library.mean, library.deviation
    )
    Index(short, keys, keys, (None,) * 4, "run", "0", "songs").save(tmp_path / "short")
    assert call("search", tmp_path / "short", "c")[2] == (
        f"'{tmp_path / 'short'}' is not an index: its parts differ in length\n"
        "  help: write one: mirbricks index RUN --data DIR --out FILE     [E630]\n"
    )


@pytest.mark.parametrize("rotations", [1, 3])
def test_faiss_finds_the_same(rotations: int) -> None:
    pytest.importorskip("faiss")
    generator = torch.Generator().manual_seed(1)
    made = [torch.randn(rotations, 1, 8, generator=generator) for _ in range(40)]
    for normalise in (False, True):
        library = Library.of(made, normalise)
        queries = [library.query(k) for k in range(10)]
        scores, numbers = nearest(library, queries, 7)
        by_faiss, same = nearest_by_faiss(library, queries, 7)
        assert torch.equal(numbers, same)
        torch.testing.assert_close(scores, by_faiss, atol=1e-4, rtol=1e-4)
    chunks = Library.of(
        [torch.randn(1, 2, 8, generator=generator)] * 3, normalise=False
    )
    with pytest.raises(RunError) as caught:
        nearest_by_faiss(chunks, [chunks.query(0)], 1)
    assert str(caught.value) == (
        "FAISS searches one vector per recording, and this index has one per chunk\n"
        "  help: leave --faiss and --compress out, or train with task.vectors: mean     [E634]"
    )


def test_a_compressed_index_from_the_command(
    trained: Path, corpus: Path, call: Call, tmp_path: Path
) -> None:
    pytest.importorskip("faiss", reason="faiss-cpu is an extra: mirbricks[retrieval]")
    words = ["index", trained / "run", "--data", corpus, "--compress"]
    small = tmp_path / "small.index"
    # Eighteen recordings are too few for codes of one byte.
    assert call(*words, 3, "--out", small)[2].endswith(
        "an index of 18 vectors cannot be compressed: codes of one byte need 256 at least\n"
        "  help: leave --compress out: so few are searched exactly in no time     [E635]\n"
    )
    many = tmp_path / "many"
    many.mkdir()
    rng = np.random.default_rng(1)
    keys = [f"{number // 2}-{number % 2}" for number in range(300)]
    rows = [(key, rng.random((30, 12), np.float32), {"hop_s": 0.5}) for key in keys]
    write_features(many / "many_feat.hdf5", iter(rows))
    described(keys, [key.split("-")[0] for key in keys], many / "many.pyjama")
    words[3] = many
    status, out, _ = call(*words, 3, "--out", small, "--quiet")
    assert status == 0
    first, one, ten = out.splitlines()
    assert first == f"{small}: 300 recordings of 'many', 3 bytes each in 7 lists"
    assert one.startswith("recall@1 ")
    assert ten.startswith("recall@10 ")
    assert ten.endswith(" of the exact search, looking into 7 lists")
    status, out, _ = call("search", small, "3-1", "--top", 3, "--probes", 2, "--json")
    results = json.loads(out)["queries"][0]["results"]
    assert [one["rank"] for one in results] == [1, 2, 3]
    assert "3-1" not in [one["key"] for one in results]


def test_without_faiss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    library = Library.of([torch.ones(1, 1, 3)], normalise=False)
    with pytest.raises(RunError) as caught:
        nearest_by_faiss(library, [library.query(0)], 1)
    assert str(caught.value) == (
        "the package 'faiss' is not installed\n"
        "  help: pip install 'mirbricks[retrieval]', or leave --faiss and --compress out     [E634]"
    )


def test_bad_queries_and_indexes(
    trained: Path, corpus: Path, call: Call, tmp_path: Path
) -> None:
    index = trained / "songs.index"
    assert call("search", index, "3-1", "--probes", 4)[2] == (
        f"the index '{index}' is searched whole, and has no lists to look into\n"
        "  help: leave --probes out, or make the index with --compress     [E635]\n"
    )
    assert call("search", index, "3-2")[2] == (
        "'3-2' is neither a key nor an audio file\n  help: did you mean '3-1' or '3-0'?     [E633]\n"
    )
    assert call("search", index, "nothing at all")[2] == (
        "'nothing at all' is neither a key nor an audio file\n"
        "  help: give a key of the index, a key of the corpus in --data, or an audio file     [E633]\n"
    )
    help = "  help: write one: mirbricks index RUN --data DIR --out FILE     [E630]\n"
    gone, other = tmp_path / "gone", tmp_path / "other"
    assert (
        call("search", gone, "3-0")[2]
        == f"'{gone}' is not an index: there is no such file\n{help}"
    )
    shutil.copy(trained / "run" / "weights.safetensors", other)
    assert (
        call("search", other, "3-0")[2]
        == f"'{other}' is not an index: it is not one of ours\n{help}"
    )
    other.write_bytes(index.read_bytes()[:-50])
    assert call("search", other, "3-0")[2].startswith(f"'{other}' is not an index: ")
    empty = Library(
        torch.zeros(0, 1, 3),
        torch.zeros(0, dtype=torch.long),
        torch.zeros(0),
        torch.zeros(0),
    )
    Index(empty, (), (), (), "run", "0", "songs").save(other)
    assert call("search", other, "3-0")[2] == (
        f"the index '{other}' is empty\n  help: index a corpus with recordings     [E632]\n"
    )
    assert call("index", trained / "run", "--data", corpus, "--out", index)[2] == (
        f"'{index}' already exists\n  help: choose another name, or delete it: nothing is overwritten     [E191]\n"
    )


def test_an_index_of_other_weights(trained: Path, call: Call, tmp_path: Path) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    weights = tmp_path / "run" / "weights.safetensors"
    tensors = safetensors.torch.load_file(weights)
    safetensors.torch.save_file(
        {name: value + 1 for name, value in tensors.items()}, weights
    )
    rows = np.random.default_rng(7).random((40, 12), np.float32)
    write_features(
        tmp_path / "mine_feat.hdf5",
        iter([("mine", rows, {"time": np.arange(40) * 0.5})]),
    )
    described(["mine"], ["x"], tmp_path / "mine.pyjama")
    words = [
        "search",
        trained / "songs.index",
        "mine",
        "--data",
        tmp_path,
        "--run",
        tmp_path / "run",
    ]
    code, _, err = call(*words)
    assert code == 1
    assert err.startswith(
        f"the index '{trained / 'songs.index'}' was made with other weights than those of '{tmp_path / 'run'}'\n"
        f"  index  '{trained / 'run'}', "
    )
    assert err.endswith(
        f"  help: make it again: mirbricks index {tmp_path / 'run'} --data DIR --out FILE     [E631]\n"
    )


def test_one_track_cliques_are_told_before_training(
    trained: Path, call: Call, tmp_path: Path
) -> None:
    rows = np.random.default_rng(7).random((40, 12), np.float32)
    keys = [str(k) for k in range(6)]
    write_features(tmp_path / "mine_feat.hdf5", iter([(key, rows, {}) for key in keys]))
    described(keys, keys, tmp_path / "mine.pyjama")
    code, _, err = call(
        "train", trained / "g.yaml", "--data", tmp_path, "--out", tmp_path / "run"
    )
    assert code == 1
    assert err.startswith("no recording has a cover: 2 recordings are of 2 works\n")
    assert not (tmp_path / "run").exists()
    code, out, err = call("evaluate", trained / "run", "--data", tmp_path, "--json")
    assert (code, out) == (1, "")
    assert err.startswith("no recording has a cover: 6 recordings are of 6 works\n")


def test_from_audio_with_proxies_and_resumed(tmp_path: Path, call: Call) -> None:
    """A training that goes on equals one that never stopped, the proxies too."""
    audio = tones(tmp_path)
    (tmp_path / "g.yaml").write_text(
        GRAPH.replace("FEATURE", CHROMA).replace("LOSS", "proxy_anchor")
    )
    cache = ["--cache", tmp_path / "cache", "--jobs", 1]
    words = [
        "train",
        tmp_path / "g.yaml",
        "--data",
        tmp_path,
        *cache,
        "--set",
        "train.schedule=constant",
    ]
    assert call(*words, "--out", tmp_path / "whole")[0] == 0
    assert call(*words, "--out", tmp_path / "parts", "--set", "train.steps=2")[0] == 0
    (tmp_path / "parts" / "resolved.yaml").write_text(
        (tmp_path / "whole" / "resolved.yaml").read_text()
    )
    state = torch.load(tmp_path / "parts" / "state.pt", weights_only=True)
    state["stopped"] = "interrupted"
    torch.save(state, tmp_path / "parts" / "state.pt")
    more = ["--set", "train.steps=4"]  # the run has kept its own --set train.steps=2
    assert call(*words, "--out", tmp_path / "parts", "--resume", *more)[0] == 0
    whole, parts = (
        torch.load(tmp_path / name / "state.pt", weights_only=True)
        for name in ("whole", "parts")
    )
    assert whole["step"] == parts["step"] == 4
    proxies = whole["learner"]["proxies"]
    assert proxies.shape == (2, 6)
    assert torch.equal(proxies, parts["learner"]["proxies"])
    assert not torch.equal(proxies, state["learner"]["proxies"])
    for name, value in whole["model"].items():
        assert torch.equal(value, parts["model"][name])
    index = tmp_path / "tones.index"
    assert (
        call("index", tmp_path / "whole", "--data", tmp_path, "--out", index, *cache)[0]
        == 0
    )
    soundfile.write(tmp_path / "query.wav", audio[3][1], SR_HZ)
    code, out, err = call("search", index, tmp_path / "query.wav", "--json")
    assert (code, err) == (0, "")
    first = json.loads(out)["queries"][0]["results"]
    assert {result["work"] for result in first[:2]} == {"1"}
    assert (
        call(
            "predict",
            tmp_path / "whole",
            tmp_path / "query.wav",
            "--out",
            tmp_path / "out",
        )[0]
        == 0
    )
    assert np.load(tmp_path / "out" / "query.embedding.npy").shape == (1, 6)
    assert (tmp_path / "out" / "query.png").stat().st_size > 1000


def test_another_task_has_no_index(call: Call, tmp_path: Path) -> None:
    tones(tmp_path)
    graph = GRAPH[: GRAPH.index("dataset:")].replace("FEATURE", CHROMA)
    task = "task: {type: tagging, patch_frames: 30, annotation: title, labels: one}"
    (tmp_path / "g.yaml").write_text(
        f"{graph}{task}\ntrain: {{steps: 2, batch_size: 4, validate_every: 2}}\n"
    )
    data = ["--data", tmp_path, "--cache", tmp_path / "cache", "--jobs", 1]
    assert (
        call(
            "train",
            tmp_path / "g.yaml",
            *data,
            "--out",
            tmp_path / "tags",
            "--fold",
            "none",
        )[0]
        == 0
    )
    assert call("index", tmp_path / "tags", *data, "--out", tmp_path / "i")[2] == (
        f"the run '{tmp_path / 'tags'}' is of the task 'tagging', which has no embeddings to search\n"
        "  help: take a run of the task covers     [E632]\n"
    )


@pytest.fixture(scope="module")
def whitened(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose collections whiten themselves, and the index of `corpus` by it."""
    folder = tmp_path_factory.mktemp("whitened")
    graph = GRAPH.replace("FEATURE", GIVEN).replace("LOSS", "nt_xent")
    graph = graph.replace("Linear: {name", "Whitening: {name")
    graph = graph.replace("task: {", "task: {whitening: collection, rotations: true, ")
    (folder / "g.yaml").write_text(graph)
    data = ["--data", str(corpus)]
    run, index = str(folder / "run"), str(folder / "songs.index")
    assert main(["train", str(folder / "g.yaml"), *data, "--out", run]) == 0
    assert main(["index", run, *data, "--out", index]) == 0
    return folder


def test_a_query_from_elsewhere_is_whitened_as_the_index_is(
    whitened: Path, corpus: Path, call: Call
) -> None:
    """A recording of another corpus has the vector that it would have in the index."""
    index = whitened / "songs.index"
    library = Index.load(index).library
    ((layer, (mean, projection)),) = library.whitening.items()
    assert (layer, mean.shape, projection.shape) == ("embedding", (8,), (8, 6))
    own = json.loads(call("search", index, "3-0", "--json")[1])["queries"][0]

    # The same recording under a key that the index does not have.
    other = whitened / "other"
    other.mkdir()
    item = next(one for one in Corpus.open(corpus).features if one.key == "3-0")
    rows = item.read()
    write_features(other / "o_feat.hdf5", iter([("mine", rows, {})]))
    described(["mine"], ["x"], other / "o.pyjama")
    words = ["search", index, "mine", "--data", other, "--top", 18, "--json"]
    found = json.loads(call(*words)[1])["queries"][0]
    scores = {one["key"]: one["score"] for one in found["results"]}
    assert found["results"][0]["key"] == "3-0"
    for one in own["results"]:
        assert scores[one["key"]] == pytest.approx(one["score"], abs=1e-3)


def test_evaluate_may_whiten_by_the_training(
    whitened: Path, corpus: Path, call: Call
) -> None:
    words = ["evaluate", whitened / "run", "--data", corpus, "--split", "all", "--json"]
    own = json.loads(call(*words)[1])["tracks"]
    code, out, _ = call(*words, "--set", "task.whitening=training")
    assert code == 0
    assert json.loads(out)["tracks"] != own


def test_an_index_whose_whitening_is_damaged(
    whitened: Path, call: Call, tmp_path: Path
) -> None:
    index = tmp_path / "songs.index"
    with safetensors.safe_open(whitened / "songs.index", framework="pt") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # not a dict
    whole = dict(tensors)
    projection = tensors.pop("whitening.projection.embedding")
    index.write_bytes(safetensors.torch.save(tensors, about))
    help = "  help: write one: mirbricks index RUN --data DIR --out FILE     [E630]\n"
    assert call("search", index, "4-0")[2] == (
        f"'{index}' is not an index: the whitening of 'embedding' is not whole\n{help}"
    )
    # A whole one that is not of the run's layers is seen where a query is embedded.
    rows = np.random.default_rng(7).random((40, 12), np.float32)
    write_features(tmp_path / "mine_feat.hdf5", iter([("mine", rows, {})]))
    described(["mine"], ["x"], tmp_path / "mine.pyjama")
    wider = {**whole, "whitening.projection.embedding": projection[:, :5].contiguous()}
    index.write_bytes(safetensors.torch.save(wider, about))
    assert call("search", index, "mine", "--data", tmp_path)[2] == (
        f"'{index}' is not an index: the layer 'embedding' has [(8,), (8, 6)], not [(8,), (8, 5)]\n{help}"
    )
    # One of before there were any is searched as it was.
    old = {name: one for name, one in whole.items() if "whitening" not in name}
    index.write_bytes(safetensors.torch.save(old, about))
    assert Index.load(index).library.whitening == {}
    assert call("search", index, "mine", "--data", tmp_path)[0] == 0
