"""The error codes of embeddings."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E660": "An embedding is mel, chroma, clap, vggish, pann, or a model: zoo:NAME or RUN, alone or with @NODE.",
    "E661": "RUN@NODE is the output of a node of the model's graph; `mirbricks summary` lists the nodes.",
    "E662": "A layer embeds a recording when the model runs it to predict; a model that only makes sounds reads none.",
    "E663": "The weights of a published network are never fetched: they lie in a file or folder that the user names.",
    "E664": "These files are not the weights of the network that was named.",
    "E665": "clap needs the package transformers: pip install 'mirbricks[clap]'.",
}
register_codes(__name__, CODES)
