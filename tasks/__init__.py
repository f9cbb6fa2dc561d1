"""Tasks: what turns a model into an answer about music. docs/tasks.md shows how one is written.

    from mirbricks.tasks import Needs, Task, TaskConfig, annotated, mean_over_patches, register_task

Names are loaded on first use: importing `mirbricks.tasks` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import face

# The errors of this room can be raised once it is imported.
from . import codes as codes

if TYPE_CHECKING:
    from .base import Task as Task
    from .base import TaskConfig as TaskConfig
    from .base import register_task as register_task
    from .evaluation import Case as Case
    from .evaluation import Evaluation as Evaluation
    from .evaluation import Figures as Figures
    from .evaluation import Picture as Picture
    from .evaluation import Sounding as Sounding
    from .finding import get_task as get_task
    from .finding import tasks as tasks
    from .following import Follower as Follower
    from .following import Row as Row
    from .labels import Labelling as Labelling
    from .labels import Tags as Tags
    from .learning import Batch as Batch
    from .learning import Learner as Learner
    from .learning import unseen as unseen
    from .modes import evaluating as evaluating
    from .patches import Example as Example
    from .patches import PatchBatches as PatchBatches
    from .patches import PatchLearner as PatchLearner
    from .patches import every_patch as every_patch
    from .patches import mean_over_patches as mean_over_patches
    from .patches import random_patch as random_patch
    from .patches import transposed as transposed
    from .predictions import Prediction as Prediction
    from .reading import Recorded as Recorded
    from .reading import as_recorded as as_recorded
    from .recordings import annotated as annotated
    from .recordings import refuse_not_finite as refuse_not_finite
    from .requirements import Needs as Needs
    from .requirements import NeedsByName as NeedsByName
    from .requirements import patch_inputs as patch_inputs
    from .sounds import Sound as Sound
    from .streaming import Stream as Stream
    from .trained import Trained as Trained
    from .turns import OptimizerConfig as OptimizerConfig
    from .turns import Turn as Turn

_HOMES = {
    "Batch": "learning",
    "Case": "evaluation",
    "Evaluation": "evaluation",
    "Example": "patches",
    "Figures": "evaluation",
    "Follower": "following",
    "Labelling": "labels",
    "Learner": "learning",
    "Needs": "requirements",
    "NeedsByName": "requirements",
    "OptimizerConfig": "turns",
    "PatchBatches": "patches",
    "PatchLearner": "patches",
    "Picture": "evaluation",
    "Prediction": "predictions",
    "Recorded": "reading",
    "Row": "following",
    "Sound": "sounds",
    "Sounding": "evaluation",
    "Stream": "streaming",
    "Tags": "labels",
    "Task": "base",
    "TaskConfig": "base",
    "Trained": "trained",
    "Turn": "turns",
    "annotated": "recordings",
    "as_recorded": "reading",
    "evaluating": "modes",
    "every_patch": "patches",
    "get_task": "finding",
    "mean_over_patches": "patches",
    "patch_inputs": "requirements",
    "random_patch": "patches",
    "refuse_not_finite": "recordings",
    "register_task": "base",
    "tasks": "finding",
    "transposed": "patches",
    "unseen": "learning",
}

__getattr__, __dir__, __all__ = face(__name__, _HOMES)
