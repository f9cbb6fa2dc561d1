"""Tasks of a lab, for mirbricks."""
