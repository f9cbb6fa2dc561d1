"""The YAML header of a card, as model hubs read it: licence, tags, data, figures."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from .card import Measured
from .experiment import Experiment

# The hub's words for what a model does, https://huggingface.co/tasks; it has none for the other tasks.
PIPELINES = {
    "tagging": "audio-classification",
    "separation": "audio-to-audio",
    "codec": "audio-to-audio",
    "covers": "feature-extraction",
    "self_supervised": "feature-extraction",
}


def header_of(
    name: str,
    experiment: Experiment,
    corpora: Sequence[str],
    measured: Sequence[Measured],
    licence: str,
) -> str:
    """The front matter of a model card, between its two lines of dashes.

    The keys are those of https://huggingface.co/docs/hub/model-cards: license, library_name, tags, datasets, metrics,
    and model-index with a result per evaluation.
    """
    task = experiment.task
    figures = [one for one in task.headline if any(one in m.figures for m in measured)]
    header: dict[str, Any] = {
        "license": licence,
        "library_name": "mirbricks",
        "tags": ["mirbricks", "audio", "music", task.name.replace("_", "-")],
        "datasets": list(corpora),
        "metrics": figures,
    }
    if task.name in PIPELINES:
        header["pipeline_tag"] = PIPELINES[task.name]
    results = [_result(one, task, figures) for one in measured]
    if results:
        header["model-index"] = [{"name": name, "results": results}]

    text = io.StringIO()
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # its annotation knows None only
    yaml.dump(header, text)
    return f"---\n{text.getvalue()}---\n"


def _result(measured: Measured, task: Any, names: Sequence[str]) -> Mapping[str, Any]:
    """An evaluation as the hub lists it; a figure that is undefined is left out."""
    values = {name: measured.figures.get(name, math.nan) for name in names}
    return {
        "task": {"type": task.name.replace("_", "-"), "name": task.title},
        "dataset": {"type": measured.text, "name": measured.text},
        "metrics": [
            {"type": name, "name": name, "value": round(value, 6)}
            for name, value in values.items()
            if math.isfinite(value)
        ],
    }
