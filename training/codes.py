"""The error codes of training."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E608": "Resuming continues exactly what was interrupted, so the settings of the training must be the same.",
    "E620": "The loss or its gradient became NaN or infinite. One more step would spread it over all the weights.",
    "E621": "The graph has no weights that could be trained.",
    "E622": "The device has too little memory for a training step of this graph and batch size.",
    "E623": "`torch.compile` could not compile the model on this machine. It is optional: train.compile: false.",
    "E624": "The device is not one that torch knows on this machine.",
    "E625": "Batch normalisation learns from the spread of the values of a channel; one example may have a single one.",
    "E626": "`train.freeze` and `train.lr_scales` name nodes of the graph that have weights.",
    "E627": "`train.sharding: full` cuts the weights of one graph into shares. Several graphs in turns stay whole.",
    "E628": "Processes that train together wait for one another. Where one ended, the others cannot go on.",
    "E629": "Recordings come in the order of their files where a batch is made of any; some tasks choose them.",
}
register_codes(__name__, CODES)
