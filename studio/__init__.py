"""The studio: graphs, sounds and runs in a browser; and the language server, which knows the same about a text."""
