"""The words of the graph language, each in a sentence, for `explain`."""

from __future__ import annotations

WORDS = {
    "StoreAs": "keep the tensor under a name: `- StoreAs: E1`.",
    "StartFrom": "go on from a stored tensor or an input: `- StartFrom: E1`.",
    "CatWith": "concatenate a stored tensor, or several, over axis 1: `- CatWith: {key: E1, fit: crop}`.",
    "AddWith": "add a stored tensor, or several: `- AddWith: E1`.",
    "MulWith": "multiply by a stored tensor, or several: `- MulWith: E1`.",
    "Reuse": "run a named node again, with the same weights: `- Reuse: encoder`.",
    "fit": "what a join does where sizes differ: `error`, `crop` the larger, `pad` the smaller with zeros.",
    "repeat": "layers several times, `${i}` counts from 0: `- repeat: 3`, below it `layers:`; also `index`, `share`.",
    "branch": "paths side by side, then joined: `- branch: [[Conv1d: {...}], []]`; also `join: cat|add|mul`, `fit`.",
    "graph": "another graph file as one block: `- graph: encoder.yaml`, `name`, `vars`, `with`.",
    "extends": "a variant of another file: `extends: base.yaml`, and below `layers:` the named nodes it changes.",
    "vars": "values for ${...}: `vars: {width: 16}`, then `out_channels: ${2 * width}`.",
    "outputs": "the tensors a graph gives back, as a dict: `outputs: [head, E1]`.",
    "input": "the named axes of the input: `input: B C=6 F=360 T`; of several: `{x: B C=64 T, t: B D=8}`.",
    "with": "the further inputs of a block that takes several: `- Block: {with: [E1]}`.",
}
