"""Every command: its function, what it does, an example, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import arguments
from .corpora import arguments as corpora
from .graphs import arguments as graphs
from .models import arguments as models
from .models import sound_arguments as sounds
from .parser import Parser


class Command(NamedTuple):
    """One command; `run` is "module:function" below commands/, imported when it is called."""

    run: str
    text: str
    example: str
    add: Callable[[Parser], None]


GROUPS: dict[str, str] = {"data": "fetch, import, make, describe and split corpora"}

# In the order of the help: graphs, models, corpora.
COMMANDS: dict[str, Command] = {
    "check": Command(
        "graphs.check:check",
        "check graph files: form, names, sizes",
        "graphs/*.yaml",
        graphs.check,
    ),
    "summary": Command(
        "graphs.summary:summary",
        "show each layer: shapes, parameters, multiply-adds, receptive field",
        "graphs/mpe_bittner.yaml --input 1,6,360,64",
        graphs.summary,
    ),
    "blocks": Command(
        "graphs.blocks:blocks",
        "list the registered blocks by family",
        "--json",
        graphs.blocks,
    ),
    "explain": Command(
        "graphs.explain:explain",
        "explain a block, a word of the graph language, a task, a feature or an error code",
        "Conv2d",
        graphs.explain,
    ),
    "schema": Command(
        "graphs.schema:schema",
        "print the JSON Schema of graph files, for editors, with the blocks of installed plugins and of --plugin",
        "> graph.schema.json",
        graphs.schema,
    ),
    "studio": Command(
        "studio:studio",
        "open the studio in a browser: graphs, sounds, runs and bricks of a folder; needs the extra [studio]",
        "graphs/mpe_small.yaml",
        graphs.studio,
    ),
    "lsp": Command(
        "studio:lsp",
        "serve editors over stdin and stdout: mistakes as they are typed, fixes, completion, hover texts",
        "",
        graphs.lsp,
    ),
    "new-block": Command(
        "graphs.new_block:new_block",
        "write a new block, its test and a graph that uses it",
        "GatedConv --kind 2d",
        graphs.new_block,
    ),
    "draw": Command(
        "graphs.draw:draw",
        "draw a graph, as .svg, .png or .pdf",
        "graphs/mpe_doras_unet.yaml --out unet.svg",
        graphs.draw,
    ),
    "diff": Command(
        "graphs.diff:diff",
        "show how two graphs differ, node by node",
        "graphs/mpe_small.yaml runs/bach10 --exit-code",
        graphs.diff,
    ),
    "migrate": Command(
        "graphs.migrate:migrate",
        "rewrite a graph file in the tutorial's dialect in the native form, comments kept",
        "config_bittner.yaml --input 1,6,360,64 --out bittner.yaml",
        graphs.migrate,
    ),
    "eject": Command(
        "graphs.convert:eject",
        "write a graph as a plain PyTorch file that needs no mirbricks",
        "graphs/mpe_small.yaml --out model.py --run runs/bach10 --weights model.safetensors",
        graphs.eject,
    ),
    "export": Command(
        "graphs.convert:export",
        "write a graph with its weights as a torch.export program or as ONNX",
        "graphs/mpe_small.yaml --to onnx --run runs/bach10 --out model.onnx",
        graphs.export,
    ),
    "train": Command(
        "models.train:train",
        "train a graph on a corpus, then evaluate it on the test fold",
        "graphs/mpe_small.yaml --data bach10 --out runs/bach10 --fold 0 --set train.lr=1e-3",
        models.train,
    ),
    "evaluate": Command(
        "models.evaluate:evaluate",
        "evaluate a run on a corpus, track by track",
        "runs/bach10 --data bach10 --json",
        models.evaluate,
    ),
    "report": Command(
        "models.report:report",
        "write the report of a run again, or the page that compares several runs",
        "runs/a runs/b --out comparison.html",
        models.report,
    ),
    "runs": Command(
        "models.runs:runs",
        "list the trainings below a folder: graph, data, figures, seeds, when",
        "runs",
        models.runs,
    ),
    "predict": Command(
        "models.predict:predict",
        "predict what is in audio files",
        "runs/bach10 song.mp3 --out out",
        models.predict,
    ),
    "separate": Command(
        "models.separate:separate",
        "take recordings apart into their sources, as long, at the rate and in the channels that they have",
        "zoo:separation_bach10 song.wav --targets violin,bassoon --out song",
        sounds.separate,
    ),
    "generate": Command(
        "models.generate:generate",
        "make sounds with a generating model, and a page to listen to them",
        "zoo:notes_flow --n 16 --set instrument=guitar --set pitchmidi=60 --seed 1 --out sounds",
        sounds.generate,
    ),
    "judge": Command(
        "models.judge:judge",
        "judge generated sounds against real ones: Fréchet and kernel distance, precision, recall, copies",
        "sounds/ corpora/notes --run runs/flow --embedding zoo:tagging_esc10 --train corpora/notes",
        sounds.judge,
    ),
    "encode": Command(
        "models.codecs:encode",
        "write the codes of a recording, as a trained codec makes them",
        "zoo:notes_codec song.wav --out song.codes",
        sounds.encode,
    ),
    "decode": Command(
        "models.codecs:decode",
        "write the sound of a file of codes",
        "zoo:notes_codec song.codes --out song.wav",
        sounds.decode,
    ),
    "listen": Command(
        "models.listen:listen",
        "write the page of a blind listening test (MUSHRA, ABX or MOS), or read its results",
        "codec_a/ codec_b/ --reference originals/ --out listening",
        sounds.listen,
    ),
    "pack": Command(
        "models.pack:pack",
        "turn a run into a model for others: graph, weights and card in one small folder",
        "runs/bach10 --out models/mpe_bach10",
        models.pack,
    ),
    "ensemble": Command(
        "models.ensemble:ensemble",
        "join several trainings into one model, the mean of their outputs",
        "runs/seed0 runs/seed1 --out runs/both",
        models.ensemble,
    ),
    "zoo": Command(
        "models.zoo:zoo",
        "list the trained models that come with mirbricks",
        "mpe_bach10",
        models.zoo,
    ),
    "index": Command(
        "models.index:index",
        "write the embeddings of a corpus to a file that can be searched",
        "runs/covers --data covers80 --out covers80.index",
        models.index,
    ),
    "search": Command(
        "models.search:search",
        "find the recordings of an index that are nearest to others",
        "covers80.index song.mp3 --top 5",
        models.search,
    ),
    "demo": Command(
        "models.demo:demo",
        "synthesise a corpus or take one, train, evaluate and write a report",
        "--out runs/demo",
        models.demo,
    ),
    "completion": Command(
        "completion:completion",
        "print a script that lets bash, zsh or fish complete commands, options and files",
        "bash > completion.bash",
        arguments.completion,
    ),
    "data check": Command(
        "corpora.check:check_data",
        "report everything that is wrong with a corpus: files, annotations, audio, splits",
        "corpora/bach10",
        corpora.corpus_check,
    ),
    "data info": Command(
        "corpora.info:info",
        "describe a corpus: sizes, labels, coverage, splits, duplicates, and a picture",
        "corpora/maps --out about",
        corpora.corpus_info,
    ),
    "data split": Command(
        "corpora.split:split",
        "split a corpus by group, balanced, and store the split in its .pyjama",
        "corpora/tags --ratios .8/.1/.1 --by artist --stratify tag",
        corpora.corpus_split,
    ),
    "data extract": Command(
        "corpora.extract:extract_features",
        "compute the features of a corpus ahead of a training; in shards, for array jobs",
        "graphs/mpe_small.yaml --data bach10 --cache features --shard 3/16",
        corpora.extract,
    ),
    "data fetch": Command(
        "corpora.fetch:fetch_corpus",
        "fetch one of the tutorial's hosted corpora; goes on where it stopped",
        "bach10 --out data/bach10",
        corpora.fetch,
    ),
    "data import": Command(
        "corpora.import_:import_corpus",
        "import a corpus: audio and annotations of any layout become NAME_audio.hdf5 and NAME.pyjama",
        "csv esc10/meta.csv --out corpora/esc10 --set fold=fold --set tags=class_name",
        corpora.import_corpus,
    ),
    "data export": Command(
        "corpora.export:export_corpus",
        "write a corpus as a layout of audio and annotation files",
        "lab corpora/songs --out songs --set annotations=chord,segment",
        corpora.export_corpus,
    ),
    "data kinds": Command(
        "corpora.import_:list_kinds",
        "list the layouts that can be imported and exported, and their options",
        "csv",
        corpora.kinds,
    ),
    "data synth": Command(
        "corpora.synth:synth",
        "synthesise a corpus with exact annotations",
        "covers --out data/covers --n 100 --seed 1",
        corpora.synth,
    ),
    "data augment": Command(
        "corpora.augment:augment",
        "copy a corpus into other rooms, through other microphones",
        "data/maps --by graphs/parts/distant_microphone.yaml --where split=train --out data/maps_rooms",
        corpora.augment_corpus,
    ),
}
