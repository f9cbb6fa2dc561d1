"""How Sphinx builds the site. `make docs` stages the pages first: docs/docsite."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from docsite.staging import REPOSITORY  # noqa: E402 - after its folder is on the path

import mirbricks  # noqa: E402 - what the pages are about

project = "mirbricks"
author = "The mirbricks developers"
copyright = "2024, the mirbricks developers"
release = mirbricks.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "sphinx_copybutton",
    "docsite.formulas",
    "docsite.docstrings",
]
# Formulas become MathML in the build, so a page needs no script and no host for them.
html_math_renderer = "mathml"

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3
highlight_language = "none"

# Notebooks run with `make docs NOTEBOOKS=1`; their outputs are kept between builds.
nb_execution_mode = "off"
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_timeout = 90
nb_execution_raise_on_error = True

# One backtick is code in our docstrings, and "shape" in the type of a parameter is a word, not a reference.
default_role = "code"
suppress_warnings = ["ref.python"]
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autoclass_content = "class"

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "sphinx_book_theme"
# Light or dark as the system is; left out, the theme complains in the browser's console.
html_context = {"default_mode": "auto"}
html_title = "mirbricks"
html_logo = str(HERE / "docsite" / "static" / "brick.svg")
html_favicon = html_logo
html_static_path = [
    str(HERE / "docsite" / "static"),
    str(HERE / "_build" / "source" / "static"),
]
exclude_patterns = ["static", "front"]
html_css_files = ["site.css"]
html_js_files = [("player.js", {"defer": "defer"})]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_navbar_depth": 1,
    # Pages below another are listed there and beside it. Listed beside every page, they and all their headings are
    # copied once per page, which took three quarters of the time of writing the site.
    "collapse_navbar": True,
    "show_toc_level": 2,
    "home_page_in_toc": False,
    "logo": {"text": "mirbricks"},
    "navbar_persistent": [],
    "pygments_light_style": "a11y-light",
    "pygments_dark_style": "a11y-dark",
}
if REPOSITORY:
    html_theme_options["repository_url"] = REPOSITORY
    html_theme_options["use_repository_button"] = True
