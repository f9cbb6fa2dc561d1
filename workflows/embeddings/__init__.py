"""Embeddings of sounds by name: statistics, the layers of a model, and published networks with local weights.

`naming.embedding_of` is what the workflows call.
"""
