"""The error codes of graph files, their sizes and skips, and what is made of graphs."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E101": "The graph file cannot be read: it is missing, not readable, or not text.",
    "E102": "The file is not YAML. The column marks where the reader gave up; the mistake is there or just before.",
    "E103": "The file is larger, or nested deeper, than any graph; or its aliases multiply without end.",
    "E104": "A duplicate key in one mapping, or a key that is not a word. YAML itself would silently keep the last.",
    "E105": "A key that the graph language or the block does not know.",
    "E106": "A value of the wrong type or outside its range.",
    "E107": "A --set override that does not have the form KEY.KEY=VALUE or leads nowhere.",
    "E108": "Something the graph needs is missing: `layers`, a field of a block, the shape of the input.",
    "E109": "A layer that has neither the form `- Block`, nor `- Block: {...}`.",
    "E110": "A layer names a block that nobody registered. Plug-ins are installed, or named with --plugin.",
    "E111": "Two nodes carry one name; a node's name is the key of its weights in the checkpoint.",
    "E112": "A skip, `with`, Reuse or an output names a tensor or a node that no line above it stores or names.",
    "E113": "`input:` is a list of named axes, B first: `input: B C=6 F=360 T`.",
    "E114": "`graph:` and `extends:` take paths relative to their file that stay inside the folder of the graph.",
    "E115": "A file that uses itself, through `graph:` or `extends:` of other files, would never end.",
    "E116": "`share: true` means one set of weights, so the repeated layers cannot depend on the index.",
    "E117": "`${...}` holds numbers, vars and + - * / // % **, min(), max(), list[index]; here it has no value.",
    "E118": "zoo:NAME and a run folder stand for trained weights, and `compile_graph` would make new ones.",
    "E190": "`migrate` rewrites files in the tutorial's dialect, `model:` with `block_l:`, and old names of fields.",
    "W101": "A StoreAs that no CatWith, AddWith, MulWith, StartFrom, `with` or output asks for does nothing.",
    "W102": "One name hides another: what was stored, or counted, under it before can no longer be used.",
    "W103": "A var that no ${...} uses changes nothing; often its name is mistyped where it should be used.",
    "W104": "A field has a new name; the old one goes on working. `mirbricks migrate` writes the new one.",
    "W105": "Keys of the tutorial's own sections that have no meaning here, such as the corpus, are passed over.",
    "E201": "The tensor that arrives does not have the axes that the block's contract asks for.",
    "E202": "A field that names a size of the input (such as in_channels) contradicts the tensor that arrives.",
    "E203": "A skip joins two tensors whose sizes differ. `fit: crop` cuts the larger, `fit: pad` fills the smaller.",
    "E204": "Torch refused to run the block on these sizes; its own words stand beside 'torch'.",
    "E205": "The block made another shape than its contract promises. This is a bug of the block.",
    "E206": "Weights would depend on an axis that is free, so the model could run at one size only.",
    "E207": "The shape given for the input does not fit the axes that the graph names.",
    "E208": "A node that runs again has the weights of its first run, so the tensor must have the same sizes for them.",
    "E209": "The tensor that reaches a sub-graph does not have the axes that its `input:` asks for.",
    "E211": "A compiled graph is called with one tensor per input: in the order of `input:`, or all by their names.",
    "E308": "The picture of a block is drawn from what torch.export sees of it, and torch cannot export this block.",
    "E701": "`eject` carries a block's source and all it uses into one file; this one uses what cannot be carried.",
    "E702": "What was written does not compute what the graph computes. This is a bug, of mirbricks or of the block.",
    "E710": "Torch traces a graph with symbols for its free axes; a layer whose steps depend on a size resists that.",
    "E711": "A package that this conversion needs is not installed. Optional packages come with an extra.",
    "E712": "The exported file was loaded again and gives other outputs than the graph. This is a bug.",
}
register_codes(__name__, CODES)
