"""mirbricks: deep-learning bricks for audio-based Music Information Retrieval.

    import mirbricks as mb

    model = mb.load("zoo:mpe_bach10")              # a trained model: weights in, ready to predict
    heard = model.predict("song.mp3")              # heard.notes, heard.f0, heard.plot(), heard.save("out")
    net = mb.compile_graph("unet.yaml")            # an ordinary torch.nn.Module, its weights drawn at random
    mb.check_block("Conv2d")                       # the contract test of a block

Names are loaded on first use, so that `import mirbricks` costs nothing before torch is needed. `mirbricks.tasks`,
`.data`, `.features`, `.augment`, `.metrics`, `.losses`, `.outputs` and `.plots` hold what tasks,
importers and own loops are made of.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .lazy import face
from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import augment as augment
    from . import data as data
    from . import features as features
    from . import losses as losses
    from . import metrics as metrics
    from . import outputs as outputs
    from . import plots as plots
    from . import tasks as tasks
    from .augment.base import register_augmentation as register_augmentation
    from .compiler.compile import compile_graph as compile_graph
    from .compiler.compile import load_graph as load_graph
    from .compiler.diagnose import Diagnosis as Diagnosis
    from .compiler.feature_extract import feature_extract as feature_extract
    from .data.corpus import Corpus as Corpus
    from .errors import MirbricksError as MirbricksError
    from .features.base import register_feature as register_feature
    from .features.transform import feature as feature
    from .registry import Block as Block
    from .registry import BlockConfig as BlockConfig
    from .registry import from_axis as from_axis
    from .registry import load_plugin as load_plugin
    from .registry import register as register
    from .tasks.base import Evaluation as Evaluation
    from .tasks.base import register_task as register_task
    from .testing import check_block as check_block
    from .workflows.diagnosis import diagnose as diagnose
    from .workflows.extract import extract_features as extract_features
    from .workflows.judgement import judge as judge
    from .workflows.listening.front import listening_page as listening_page
    from .workflows.listening.front import listening_results as listening_results
    from .workflows.listing import list_blocks as list_blocks
    from .workflows.listing import list_features as list_features
    from .workflows.listing import list_graphs as list_graphs
    from .workflows.listing import list_models as list_models
    from .workflows.listing import list_tasks as list_tasks
    from .workflows.model import Model as Model
    from .workflows.model import load as load
    from .workflows.run_list import list_runs as list_runs
    from .workflows.trained_run import TrainedRun as TrainedRun
    from .workflows.trained_run import evaluate as evaluate
    from .workflows.trained_run import open_run as open_run
    from .workflows.trained_run import train as train

_HOMES = {
    "Block": "registry",
    "BlockConfig": "registry",
    "Corpus": "data.corpus",
    "Diagnosis": "compiler.diagnose",
    "Evaluation": "tasks.base",
    "MirbricksError": "errors",
    "Model": "workflows.model",
    "TrainedRun": "workflows.trained_run",
    "check_block": "testing",
    "compile_graph": "compiler.compile",
    "diagnose": "workflows.diagnosis",
    "evaluate": "workflows.trained_run",
    "extract_features": "workflows.extract",
    "feature": "features.transform",
    "feature_extract": "compiler.feature_extract",
    "from_axis": "registry",
    "judge": "workflows.judgement",
    "list_blocks": "workflows.listing",
    "list_features": "workflows.listing",
    "list_graphs": "workflows.listing",
    "list_models": "workflows.listing",
    "list_runs": "workflows.run_list",
    "list_tasks": "workflows.listing",
    "listening_page": "workflows.listening.front",
    "listening_results": "workflows.listening.front",
    "load": "workflows.model",
    "load_graph": "compiler.compile",
    "load_plugin": "registry",
    "open_run": "workflows.trained_run",
    "register": "registry",
    "register_augmentation": "augment.base",
    "register_feature": "features.base",
    "register_task": "tasks.base",
    "train": "workflows.trained_run",
}
_ROOMS = (
    "augment",
    "data",
    "features",
    "losses",
    "metrics",
    "outputs",
    "plots",
    "tasks",
)

_name, __dir__, __all__ = face(__name__, _HOMES, also=("__version__", *_ROOMS))


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    return _name(name)
