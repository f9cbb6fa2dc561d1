"""Formulas as MathML: browsers draw it themselves, so the site needs no MathJax and no other host."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml


def _mathml(text: str, is_block: bool) -> str:
    return str(latex2mathml.tex2mathml(text, as_block=is_block))


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(_mathml(node.astext(), is_block=False))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{_mathml(node.astext(), is_block=True)}')
    writer.body.append("</div>")
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer with Sphinx."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(_inline, None), block_renderers=(_block, None)
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
