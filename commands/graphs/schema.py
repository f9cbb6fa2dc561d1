"""The command `schema`: the JSON Schema of graph files, for editors."""

from __future__ import annotations

import json
from argparse import Namespace

from ...compiler.language.json_schema import Section, graph_schema
from ...features.base import features
from ...features.kinds import DEFAULT
from ...tasks.finding import tasks
from ...training.loop import TrainConfig
from ...workflows.experiment import DatasetConfig
from ...workflows.new_file import write_new


def schema(arguments: Namespace) -> int:
    """Print the schema, or write it to --out; raises E191 where that file exists."""
    configs = [task.Config for task in tasks().values()]
    # With the blocks, tasks and features of installed plug-ins: an editor then knows the user's own
    # too.
    sections: dict[str, Section] = {
        "feature": [one.Config for one in features().values()],
        "dataset": DatasetConfig,
        "task": configs,
        "train": TrainConfig,
    }
    text = json.dumps(
        graph_schema(sections, {"feature": DEFAULT}), indent=1, ensure_ascii=False
    )
    if arguments.out:
        write_new(arguments.out, f"{text}\n")
    else:
        print(text)
    return 0
