"""Every command: its function, what it does, an example, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import arguments
from .corpora import arguments as data_arguments


class Command(NamedTuple):
    """One command; `run` is "module:function" below commands/, imported when it is called."""

    run: str
    text: str
    example: str
    add: Callable[[arguments.Parser], None]


GROUPS: dict[str, str] = {"data": "make, bring in, look at and split corpora"}

COMMANDS: dict[str, Command] = {
    "check": Command(
        "graphs.check:check",
        "check graph files: form, names, sizes",
        "graphs/*.yaml",
        arguments.check,
    ),
    "summary": Command(
        "graphs.summary:summary",
        "a row per layer: shapes, parameters, multiply-adds, receptive field",
        "graphs/mpe_bittner.yaml --input 1,6,360,64",
        arguments.summary,
    ),
    "blocks": Command(
        "graphs.summary:blocks",
        "list the registered blocks by family",
        "--json",
        arguments.blocks,
    ),
    "explain": Command(
        "graphs.explain:explain",
        "explain a block, a word of the graph language, a task, a feature or an error code",
        "Conv2d",
        arguments.explain,
    ),
    "schema": Command(
        "graphs.schema:schema",
        "print the JSON Schema of graph files, for editors, with the blocks of installed plugins and of --plugin",
        "> graph.schema.json",
        arguments.schema,
    ),
    "new-block": Command(
        "graphs.new_block:new_block",
        "write a new block, its test and a graph that uses it",
        "GatedConv --kind 2d",
        arguments.new_block,
    ),
    "draw": Command(
        "graphs.draw:draw",
        "draw a graph as an SVG",
        "graphs/mpe_doras_unet.yaml --out unet.svg",
        arguments.draw,
    ),
    "diff": Command(
        "graphs.diff:diff",
        "the difference of two graphs, node by node",
        "graphs/mpe_small.yaml runs/bach10 --exit-code",
        arguments.diff,
    ),
    "migrate": Command(
        "graphs.migrate:migrate",
        "rewrite a graph file in the tutorial's dialect in the native form, comments kept",
        "config_bittner.yaml --input 1,6,360,64 --out bittner.yaml",
        arguments.migrate,
    ),
    "eject": Command(
        "graphs.convert:eject",
        "write a graph as a plain PyTorch file that needs no mirbricks",
        "graphs/mpe_small.yaml --out model.py --run runs/bach10 --weights model.safetensors",
        arguments.eject,
    ),
    "export": Command(
        "graphs.convert:export",
        "write a graph with its weights as a torch.export program or as ONNX",
        "graphs/mpe_small.yaml --to onnx --run runs/bach10 --out model.onnx",
        arguments.export,
    ),
    "train": Command(
        "models.train:train",
        "train a graph on a corpus, then evaluate it on the test fold",
        "graphs/mpe_small.yaml --data bach10 --out runs/bach10 --fold 0 --set train.lr=1e-3",
        arguments.train,
    ),
    "evaluate": Command(
        "models.evaluate:evaluate",
        "evaluate a run on a corpus, track by track",
        "runs/bach10 --data bach10 --json",
        arguments.evaluate,
    ),
    "report": Command(
        "models.report:report",
        "write the report of a run again",
        "runs/bach10 --data bach10",
        arguments.report,
    ),
    "predict": Command(
        "models.predict:predict",
        "predict audio files with a run",
        "runs/bach10 song.mp3 --out out",
        arguments.predict,
    ),
    "pack": Command(
        "models.pack:pack",
        "make a model of a run that others can use: graph, weights and card in one small folder",
        "runs/bach10 --out models/mpe_bach10",
        arguments.pack,
    ),
    "ensemble": Command(
        "models.ensemble:ensemble",
        "make one model of several trainings: the mean of what they say",
        "runs/seed0 runs/seed1 --out runs/both",
        arguments.ensemble,
    ),
    "zoo": Command(
        "models.zoo:zoo",
        "list the trained models that come with mirbricks",
        "mpe_bach10",
        arguments.zoo,
    ),
    "index": Command(
        "models.index:index",
        "write the embeddings of a corpus to a file that can be searched",
        "runs/covers --data covers80 --out covers80.index",
        arguments.index,
    ),
    "search": Command(
        "models.search:search",
        "list what of an index lies nearest to recordings",
        "covers80.index song.mp3 --top 5",
        arguments.search,
    ),
    "demo": Command(
        "models.demo:demo",
        "make or take a data set, train, evaluate and write a report",
        "--out runs/demo",
        arguments.demo,
    ),
    "data check": Command(
        "corpora.check:check_data",
        "find everything that is wrong with a corpus: files, annotations, audio, splits",
        "corpora/bach10",
        data_arguments.corpus_check,
    ),
    "data info": Command(
        "corpora.info:info",
        "describe a corpus: sizes, labels, coverage, splits, duplicates, and a picture",
        "corpora/maps --out about",
        data_arguments.corpus_info,
    ),
    "data split": Command(
        "corpora.split:split",
        "split a corpus by group, balanced, and store the split in its .pyjama",
        "corpora/tags --ratios .8/.1/.1 --by artist --stratify tag",
        data_arguments.corpus_split,
    ),
    "data fetch": Command(
        "corpora.fetch:fetch_corpus",
        "fetch one of the tutorial's hosted corpora; goes on where it stopped",
        "bach10 --out data/bach10",
        data_arguments.fetch,
    ),
    "data import": Command(
        "corpora.import_:import_corpus",
        "bring a corpus in: any layout of audio and annotations becomes NAME_audio.hdf5 and NAME.pyjama",
        "csv esc10/meta.csv --out corpora/esc10 --set fold=fold --set tags=class_name",
        data_arguments.import_corpus,
    ),
    "data export": Command(
        "corpora.export:export_corpus",
        "write a corpus as a layout of audio and annotation files",
        "lab corpora/songs --out songs --set annotations=chord,segment",
        data_arguments.export_corpus,
    ),
    "data kinds": Command(
        "corpora.import_:list_kinds",
        "list the layouts that can be imported and exported, and their options",
        "csv",
        data_arguments.kinds,
    ),
    "data synth": Command(
        "corpora.synth:synth",
        "synthesise a corpus with exact annotations",
        "covers --out data/covers --n 100 --seed 1",
        data_arguments.synth,
    ),
    "data augment": Command(
        "corpora.augment:augment",
        "copy a corpus into other rooms, through other microphones",
        "data/maps --by graphs/parts/distant_microphone.yaml --where split=train --out data/maps_rooms",
        data_arguments.augment_corpus,
    ),
}
