"""A task whose graph has three outputs, for mirbricks."""
