"""The JSON Schema of graph files: valid draft-07, and of one mind with the compiler wherever a schema can see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel, Field

import mirbricks as mb
from mirbricks import registry
from mirbricks.cli import main
from mirbricks.compiler.language.json_schema import graph_schema
from mirbricks.compiler.language.json_schema_configs import Schema
from mirbricks.compiler.language.source import read_file, read_text
from mirbricks.errors import MirbricksError

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.yaml"))
DIALECT = sorted((Path(__file__).parent / "dialect").glob("*.yaml"))
Capture = pytest.CaptureFixture[str]

SYNTAX = {
    "E102",
    "E103",
    "E104",
}  # no values are read at all, or a schema sees only the last of two keys
NAMES = {
    "E111",
    "E112",
    "E116",
    "E117",
}  # of nodes, stored tensors and vars: no schema compares two values
FILES = {"E101", "E107", "E114", "E115"}  # of other files
SIZES = {f"E20{i}" for i in range(10)}
WARNINGS = {"W101", "W102", "W103"}
UNSEEN = {  # files whose mistake has a code that a schema mostly catches
    "no_input": "the sizes may come from --input",
    "expr_value": "the value of an expression is not computed",
    "extends_field": "the block is in another file",
    "sub_broken": "the mistake is in another file",
    "sub_dialect": "the mistake is in another file",
    "sub_var": "the vars are in another file",
    "upsample_two_sizes": "a rule over two fields",
    "sub_with": "the inputs are in another file",
    "name_reserved_part": "as reserved_name",
    "reserved_name": "a list of torch's own words would be all an editor shows",
    "dialect_groups": "the dialect is accepted as it is",
    "dialect_odd_halves": "the dialect is accepted as it is",
    "dialect_no_input": "the dialect is accepted as it is",
    "dialect_typos": "the dialect is accepted as it is",
}


@pytest.fixture(scope="module")
def schema() -> Schema:
    """As the command prints it."""
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr("builtins.print", printed.append)
        assert main(["schema"]) == 0
    loaded: Schema = json.loads(printed[0])
    return loaded


@pytest.fixture(scope="module")
def validator(schema: Schema) -> Draft7Validator:
    return Draft7Validator(schema)


def codes(path: Path) -> set[str]:
    return set(
        re.findall(
            r"\[([EW]\d{3})\]", path.with_suffix(".txt").read_text(encoding="utf-8")
        )
    )


def within(schema: Any) -> Iterator[Schema]:
    """Every mapping of the schema."""
    if isinstance(schema, dict):
        yield schema
    for part in (
        schema.values()
        if isinstance(schema, dict)
        else schema
        if isinstance(schema, list)
        else ()
    ):
        yield from within(part)


def block_schemas(schema: Schema) -> Schema:
    """The schema of each key that a layer can have, blocks and skips."""
    layer: Schema = schema["definitions"]["layer"]
    while "else" in layer:
        layer = layer["else"]
    properties: Schema = layer["properties"]
    return properties


def test_it_is_draft_07(schema: Schema) -> None:
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)
    for part in within(schema):
        assert not part.keys() & {"$defs", "prefixItems", "discriminator", "from_axis"}
        if "$ref" in part:
            assert list(part) == ["$ref"], (
                "draft-07 passes over whatever stands beside a $ref"
            )
            assert part["$ref"].removeprefix("#/definitions/") in schema["definitions"]


@pytest.mark.parametrize("path", [*GRAPHS, *DIALECT], ids=lambda path: path.stem)
def test_good_graphs_validate(path: Path, validator: Draft7Validator) -> None:
    assert not [error.message for error in validator.iter_errors(read_file(path).data)]


@pytest.mark.parametrize("name", registry.blocks())
def test_a_layer_of_every_example_validates(
    name: str, validator: Draft7Validator
) -> None:
    for example in registry.get(name).examples:
        config = json.loads(json.dumps(example.config))
        for layer in (
            {name: config},
            {name: {**config, "name": "enc.it", "with": ["x"]}},
        ):
            assert not [
                error.message
                for error in validator.iter_errors(
                    {"input": "B C T", "layers": [layer]}
                )
            ]
        wrong = {name: {**config, "no_such_key": 1}}
        assert not validator.is_valid({"layers": [wrong]})
        inferred = dict.fromkeys(registry.get(name).cls.Config.inferred(), -1)
        assert validator.is_valid({"layers": [{name: {**config, **inferred}}]})
        computed = {
            name: dict.fromkeys(
                registry.get(name).cls.Config.model_fields, "${2 * width}"
            )
        }
        assert validator.is_valid({"layers": [computed]})


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_broken_graphs_that_a_schema_can_catch_do_not_validate(
    path: Path, validator: Draft7Validator
) -> None:
    found = codes(path)
    if found <= SYNTAX:
        return  # nothing is read that a schema could judge
    fine = validator.is_valid(read_file(path).data)
    blind = found <= NAMES | FILES | SIZES | WARNINGS or path.stem in UNSEEN
    assert fine == blind, f"{path.stem}: {', '.join(sorted(found))}"


def renamed_and_needed(schema: dict[str, Any]) -> set[str]:
    """Fields that must be given, by the new name or the old one."""
    either = [part["anyOf"] for part in schema.get("allOf", ())]
    return {name for words in either for word in words for name in word["required"]}


def test_every_field_has_its_description_and_its_default(schema: Schema) -> None:
    whole = schema["definitions"]["graph"]["else"]["properties"]
    sections = {name: whole[name] for name in ("feature", "dataset", "task", "train")}
    kinds = {
        part["title"]: part
        for one in sections.values()
        for part in one.get("anyOf", ())
    }
    for owner, one in {**block_schemas(schema), **sections, **kinds}.items():
        assert one["description"], owner
        needed = {*one.get("required", ()), *renamed_and_needed(one)}
        for name, part in one.get("properties", {}).items():
            assert part["description"], f"{owner}.{name}"
            assert "default" in part or name in (*needed, "name", "with"), (
                f"{owner}.{name}"
            )
        for name, info in (
            registry.get(owner).cls.Config.model_fields.items()
            if owner in registry.blocks()
            else ()
        ):
            if not info.is_required():
                given = json.loads(json.dumps(info.default))
                assert one["properties"][name]["default"] == given


def test_a_block_tells_its_contract_and_source_to_an_editor(schema: Schema) -> None:
    assert block_schemas(schema)["TCN"]["markdownDescription"] == (
        "Levels of two dilated convolutions over time with a shortcut; level i has dilation 2^i.\n\n"
        "Contract: `B C T -> B {out_channels} T`\n\nSource: arXiv:1803.01271"
    )


CONV = "Conv2d: {out_channels: 4, kernel_size: 3, padding: same}"
TEXTS = {  # a graph's text after its input, and whether it is right
    "vars: {w: 4, k: [3, 5]}\nlayers: [Conv2d: {out_channels: '${w}', kernel_size: ['${k[0]}', 1]}]": True,
    "vars: {act: ReLU}\nlayers: ['${act}']": True,
    "vars: {w: {a: 1}}\nlayers: [Dropout: {p: '${w}'}]": False,
    "vars: {min: 4}\nlayers: [Dropout: {p: '${min}'}]": False,
    "layers: [StoreAs: a, ReLU, CatWith: a, StartFrom: a, AddWith: {key: a, fit: crop}]": True,
    "layers: [StoreAs: a, ReLU, CatWith: {key: a, fit: cropped}]": False,
    "layers: [StoreAs: a, ReLU, CatWith: {keys: a}]": False,
    "layers: [StoreAs: [a]]": False,
    "layers: [StartFrom: 3]": False,
    f"layers: [{CONV[:-1]}, name: enc.a}}, {CONV[:-1]}, name: b}}, Reuse: b]": True,
    f"layers: [{CONV[:-1]}, name: 'a b'}}]": False,
    f"layers: [{CONV[:-1]}, name: .a}}]": False,
    "layers: [repeat: 2, layers: [ReLU]]": False,
    "layers: [{repeat: 2, layers: [ReLU, Dropout: {name: 'd${i}'}]}]": True,
    "layers: [{repeat: 2, index: k, share: true, layers: [{repeat: '${k + 1}', layers: [ReLU]}]}]": True,
    "layers: [{repeat: 0, layers: [ReLU]}]": False,
    "layers: [{repeat: 2, share: maybe, layers: [ReLU]}]": False,
    "layers: [{repeat: 2}]": False,
    "layers: [{branch: [[ReLU], []], join: add, fit: pad}]": True,
    "layers: [{branch: [[ReLU], []], joined: add}]": False,
    "layers: [{branch: [[ReLU]]}]": False,
    "layers: [{branch: [ReLU, []]}]": False,
    "layers: [{graph: part.yaml, name: enc, vars: {w: 3}}]": True,
    "layers: [{graph: part.yaml, name: enc, var: {w: 3}}]": False,
    "layers: [{graph: [part.yaml]}]": False,
    "layers: [{ReLU: }, ReLU: {}]": True,
    "layers: [{Conv2d: }]": False,
    "layers: [Conv2d]": False,
    "outputs: [a, r]\nlayers: [StoreAs: a, ReLU: {name: r}]": True,
    "outputs: {mask: a, y: r}\nlayers: [StoreAs: a, ReLU: {name: r}]": True,
    "outputs: []\nlayers: [ReLU]": False,
    "outputs: [3]\nlayers: [ReLU]": False,
    "layers: {r: {p: 0.5}}": False,
    "extends: part.yaml": True,
    "extends: part.yaml\nlayers: {d: {p: 0.25}}": True,
    "extends: part.yaml\nlayers: {d: {replace: [GELU]}}": True,
    "extends: part.yaml\nlayers: {d: 3}": False,
    "extends: [part.yaml]": False,
}  # fmt: skip


PART = """\
vars: {w: 2}
input: B C=2 F=8 T=9
layers: [Conv2d: {out_channels: "${w}", kernel_size: 1}, Dropout: {name: d}]
"""


@pytest.mark.filterwarnings("ignore::mirbricks.errors.GraphWarning")
@pytest.mark.parametrize("text", TEXTS)
def test_schema_and_compiler_are_of_one_mind(
    text: str, validator: Draft7Validator, tmp_path: Path
) -> None:
    path = tmp_path / "graph.yaml"
    (tmp_path / "part.yaml").write_text(PART)
    path.write_text(f"input: B C=2 F=8 T=9\n{text}\n")
    try:
        mb.load_graph(path)
        compiles = True
    except MirbricksError:
        compiles = False
    assert compiles == TEXTS[text]
    assert validator.is_valid(read_file(path).data) == TEXTS[text]


@pytest.mark.parametrize(
    ("section", "fine"),
    [
        ("train: {lr: 1.0e-3, clip_norm: null, optimizer: adam}", True),
        ("train: {lr: '${lr}'}", True),
        ("train: {lrr: 1}", False),
        ("train: {optimizer: adamm}", False),
        ("feature: {harmonics: [1, 2]}", True),
        ("feature: {harmonics: []}", False),
        ("feature: {type: logmel, n_mels: 40}", True),
        ("feature: {n_mels: 40}", False),
        ("feature: {type: logmle}", False),
        ("dataset: {folds: 2}", False),
        ("task: {type: multi_pitch, thresholds: [0.1, 0.2]}", True),
        ("task: {type: multi_pich}", False),
        ("task: {patch_frames: 32}", False),
        ("name: 3", True),
        ("model: {anything: 3}\nlayer: no", True),
    ],
)
def test_sections_are_described(
    section: str, fine: bool, validator: Draft7Validator
) -> None:
    assert (
        validator.is_valid(read_text(f"layers: [ReLU]\n{section}", "here").data) == fine
    )


@pytest.mark.parametrize(
    ("section", "fine"),
    [
        ("task: {onsets: true}", True),
        ("task: {onset: true}", False),
        ("feature: {n_mels: 40}", True),
        ("train: 3", False),
    ],
)
def test_sections_of_a_variant_are_parts(
    section: str, fine: bool, validator: Draft7Validator
) -> None:
    assert (
        validator.is_valid(read_text(f"extends: part.yaml\n{section}", "here").data)
        == fine
    )


class Inner(BaseModel, extra="forbid"):
    gain_db: float = Field(0.0, description="how much louder")


class One(BaseModel):
    """The first."""

    type: Literal["one"] = "one"
    inner: Inner = Field(Inner(), description="within")
    pair: tuple[int, str] = Field((1, "a"), description="both")


class Two(BaseModel):
    type: Literal["two"] = "two"


def test_nested_configs_and_a_choice_of_configs_become_draft_07() -> None:
    schema = graph_schema({"task": [One, Two], "train": Inner})
    Draft7Validator.check_schema(schema)
    validator = Draft7Validator(schema)
    good = {"type": "one", "inner": {"gain_db": 1}, "pair": [3, "x"]}
    assert validator.is_valid(
        {"layers": ["ReLU"], "task": good, "train": {"gain_db": 2.0}}
    )
    assert validator.is_valid({"layers": ["ReLU"], "task": {"type": "two"}})
    wrong = [
        {"type": "three"},
        {"type": "two", "pair": [3, "x"]},
        {**good, "inner": {"gain_db": "loud"}},
        {**good, "inner": {"gain": 1}},
        {**good, "pair": [3]},
        {**good, "pair": [3, "x", 4]},
        {**good, "pair": ["x", "x"]},
    ]
    for task in wrong:
        assert not validator.is_valid({"layers": ["ReLU"], "task": task}), task


def test_out_writes_the_file_and_never_over_another(
    tmp_path: Path, capsys: Capture, schema: Schema
) -> None:
    path = tmp_path / "graph.schema.json"
    assert main(["schema", "--out", str(path)]) == 0
    assert json.loads(path.read_text(encoding="utf-8")) == schema
    assert main(["schema", "--out", str(path)]) == 1
    assert f"'{path}' already exists" in capsys.readouterr().err


PLUGIN = """
import mirbricks as mb

@mb.register("Doubled", shape="B ... -> B ...", source="here", examples=[((1, 2), {})])
class Doubled(mb.Block):
    '''Twice.'''

    def forward(self, x):
        return 2 * x
"""


def test_a_plugins_blocks_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "plugin_of_schema_test.py").write_text(PLUGIN)
    assert main(["schema", "--plugin", "plugin_of_schema_test"]) == 0
    assert (
        block_schemas(json.loads(capsys.readouterr().out))["Doubled"]["description"]
        == "Twice."
    )
