"""`${...}` in a graph file: arithmetic on vars, from a fixed list of operators. Nothing is executed.

    ${width}        a var, with its own type
    ${2 * width}    + - * / // % **, parentheses, min(), max()
    ${widths[i]}    an item of a list
    mid${i}         inside a longer word: text

What is a whole number is an integer, so that `${width / 2}` can be a number of channels.
Python's own parser makes the tree; only the kinds of nodes below are walked.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import did_you_mean

LONGEST = 200  # characters of one expression
LONGEST_TEXT = 1_000  # characters of a text with expressions filled in
LARGEST = 10**15
FUNCTIONS: Mapping[str, Callable[..., Any]] = {"min": min, "max": max}
SLOT = re.compile(r"\$\{([^{}]*)\}")

_OPERATORS: Mapping[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
}
ALLOWED = "+ - * / // % **, parentheses, min(), max() and list[index]"


class ExpressionError(ValueError):
    """An expression without a value: the message says why, `help` what to do."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True)
class Names:
    """The names an expression may use; `used` collects those that one did."""

    values: Mapping[str, Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def also(self, name: str, value: Any) -> Names:
        """These names and one more, such as the index of a repeat."""
        return Names({**self.values, name: value}, self.used)

    def get(self, name: str) -> Any:
        if name not in self.values:
            if self.values:
                known = f"known here: {', '.join(self.values)}"
            else:
                known = "define it under `vars:`, above what uses it"
            hint = did_you_mean(name, self.values) or known
            raise ExpressionError(f"nothing is named '{name}'", hint)
        self.used.add(name)
        return self.values[name]


def fill(text: str, names: Names) -> Any:
    """`text` with every `${...}` replaced; a typed value where one is all of the text. Raises `ExpressionError`."""
    whole = SLOT.fullmatch(text.strip())
    if whole:
        return evaluate(whole[1], names)
    filled = SLOT.sub(lambda slot: _in_a_word(slot[1], names), text)
    # Looked for in the user's text and not in the filled one: a var may hold a `${`.
    if "${" in SLOT.sub("", text):
        raise ExpressionError(
            "a `${` without its `}`",
            "write ${name} or ${2 * name}; a slot holds no other slot",
        )
    if len(filled) > LONGEST_TEXT:
        raise ExpressionError(
            f"a text of more than {LONGEST_TEXT:,} characters", "fill in shorter words"
        )
    return filled


def _in_a_word(expression: str, names: Names) -> str:
    value = evaluate(expression, names)
    if isinstance(value, bool) or not isinstance(value, int | str):
        message = f"${{{expression}}} is {value}: inside a word only integers and words can stand"
        raise ExpressionError(message, "let it be the whole value")
    return str(value)


def evaluate(expression: str, names: Names) -> Any:
    """The value of an expression, without its `${}`. Raises `ExpressionError`."""
    if len(expression) > LONGEST:
        raise ExpressionError(
            f"an expression of more than {LONGEST} characters",
            "put parts of it under `vars:`",
        )
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError(
            f"'{expression}' is not an expression", f"there are {ALLOWED}"
        ) from None
    return _value(tree, names)


def _value(node: ast.expr, names: Names) -> Any:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _checked(node.value)
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _arithmetic(
            type(node.op), _number(node.left, names), _number(node.right, names)
        )
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        number = _number(node.operand, names)
        if isinstance(node.op, ast.USub):
            return -number
        return number
    if isinstance(node, ast.Call) and ast.unparse(node.func) in FUNCTIONS:
        return _called(node, ast.unparse(node.func), names)
    if isinstance(node, ast.Subscript):
        return _item(node, names)
    raise ExpressionError(
        f"'{ast.unparse(node)}' is not allowed in an expression", f"there are {ALLOWED}"
    )


def _called(node: ast.Call, name: str, names: Names) -> Any:
    if node.keywords or not node.args:
        raise ExpressionError(f"{name}() takes numbers", f"write {name}(8, width)")
    return FUNCTIONS[name]([_number(argument, names) for argument in node.args])


def _number(node: ast.expr, names: Names) -> Any:
    value = _value(node, names)
    if type(value) not in (int, float):
        raise ExpressionError(
            f"'{ast.unparse(node)}' is not a number: {value!r}",
            "only numbers can be reckoned with",
        )
    return value


def _item(node: ast.Subscript, names: Names) -> Any:
    values = _value(node.value, names)
    index = _value(node.slice, names)
    name = ast.unparse(node.value)
    if not isinstance(values, list) or type(index) is not int:
        raise ExpressionError(
            f"'{ast.unparse(node)}' is not an item of a list",
            "write list[index], as in widths[i]",
        )
    if not -len(values) <= index < len(values):
        raise ExpressionError(
            f"'{name}' has {len(values)} items, but the index is {index}",
            "indices begin with 0",
        )
    return values[index]


def _arithmetic(kind: type, left: Any, right: Any) -> Any:
    sign, apply = _OPERATORS[kind]
    shown = f"{left} {sign} {right}"
    # Before it is computed: 9 ** 9 ** 9 would keep Python busy for ever.
    if kind is ast.Pow and (abs(right) > 64 or abs(left) > LARGEST):
        raise ExpressionError(f"{shown} is too large", "use a smaller exponent")
    try:
        value = apply(left, right)
    except ZeroDivisionError:
        raise ExpressionError(f"{shown} divides by zero", "change the vars") from None
    except OverflowError:
        raise ExpressionError(f"{shown} is too large", "use smaller numbers") from None
    return _whole(_checked(value, shown))


def _whole(value: Any) -> Any:
    """A float that is a whole number as an integer: `width / 2` and `width * 2 ** -1` can be numbers of channels."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _checked(value: Any, shown: str = "") -> Any:
    # An integer of hundreds of digits has no float to ask; NaN is not within bounds either.
    within = not isinstance(value, complex) and -LARGEST <= value <= LARGEST
    if not within:
        raise ExpressionError(
            f"{shown or value} is not a number that a graph can use",
            "use smaller numbers",
        )
    return value
