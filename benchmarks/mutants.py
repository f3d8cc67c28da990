"""The small changes of a Python file that benchmarks/mutation.py tries, each as bytes that are replaced."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SWAPS = {  # the words of an operator, and what stands there instead
    **{ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*")},
    **{ast.FloorDiv: ("//", "/"), ast.Mod: ("%", "*"), ast.Pow: ("**", "*")},
    **{ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")},
    **{ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: (r"is\s+not", "is")},
    **{ast.In: ("in", "not in"), ast.NotIn: (r"not\s+in", "in"), ast.And: ("and", "or"), ast.Or: ("or", "and")},
}


@dataclass(frozen=True)
class Mutant:
    """One change of a module."""

    module: str  # kogen/statistics/ranks.py
    line: int
    begin: int  # bytes of the file that are replaced
    end: int
    text: str  # by which

    def apply(self, source: bytes) -> bytes:
        """The module's source with the change."""
        return source[: self.begin] + self.text.encode() + source[self.end :]


def mutants_of(module: str, source: bytes) -> list[Mutant]:
    """Every change of a module, in its order; only what is Python and means something else."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    found: dict[tuple[int, int, str], Mutant] = {}
    for part in tree.body:  # each is a program of its own, quicker to read again than the whole file
        first, last = starts[part.lineno - 1], starts[part.end_lineno or 0]
        known = ast.dump(ast.parse(source[first:last]))
        for node in changeable(part):
            for begin, end, text in changes_of(node, source, starts):
                if is_other_python(source[first:begin] + text.encode() + source[end:last], known):
                    mutant = Mutant(module, source[:begin].count(b"\n") + 1, begin, end, text)
                    found.setdefault((begin, end, text), mutant)
    return sorted(found.values(), key=lambda one: (one.begin, one.end, one.text))


def changeable(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes whose change a test can notice: not those of types, of docstrings or of `__all__`."""
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "format_spec") or (name == "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from changeable(child)


def changes_of(node: ast.AST, source: bytes, starts: Sequence[int]) -> Iterator[tuple[int, int, str]]:
    """Bytes to replace and their replacement, for each change of a node."""

    def span(part: ast.expr) -> tuple[int, int]:
        return starts[part.lineno - 1] + part.col_offset, starts[(part.end_lineno or 0) - 1] + (
            part.end_col_offset or 0
        )

    def text_of(part: ast.expr) -> str:
        begin, end = span(part)
        return source[begin:end].decode()

    def swap(left: ast.expr, right: ast.expr, kind: type) -> Iterator[tuple[int, int, str]]:
        if kind in SWAPS and (
            match := re.search(pattern(SWAPS[kind][0]), source[span(left)[1] : span(right)[0]].decode())
        ):
            begin = span(left)[1] + match.start()
            yield begin, begin + len(match[0]), SWAPS[kind][1]

    if isinstance(node, ast.BinOp):
        yield from swap(node.left, node.right, type(node.op))
    elif isinstance(node, ast.Compare):
        for left, kind, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            yield from swap(left, right, type(kind))
    elif isinstance(node, ast.BoolOp):
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from swap(left, right, type(node.op))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield *span(node), f"({text_of(node.operand)})"
    elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        values = [not node.value] if isinstance(node.value, bool) else [node.value + 1]
        if not isinstance(node.value, bool) and node.value > 0:
            values.append(node.value - 1 if node.value >= 1 else node.value / 2)
        yield from ((*span(node), repr(value)) for value in values)
    elif isinstance(node, ast.Return) and node.value is not None and text_of(node.value) != "None":
        yield *span(node.value), "None"
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield *span(node.test), f"(not ({text_of(node.test)}))"
    if isinstance(node, ast.comprehension):
        yield from ((*span(test), f"(not ({text_of(test)}))") for test in node.ifs)
    if isinstance(node, ast.AugAssign) and type(node.op) in SWAPS:
        begin, end = span(node.target)[1], span(node.value)[0]
        old, new = SWAPS[type(node.op)]
        if (place := source.find(f"{old}=".encode(), begin, end)) >= 0:
            yield place, place + len(old) + 1, f"{new}="


def pattern(operator: str) -> str:
    """What finds an operator between its operands, and not in a comment there."""
    return (
        operator
        if operator.startswith(("is", "not"))
        else rf"\b{operator}\b"
        if operator.isalpha()
        else re.escape(operator)
    )


def is_other_python(changed: bytes, known: str) -> bool:
    """Whether a changed source can be compiled and is not the same program."""
    try:
        return ast.dump(ast.parse(changed)) != known
    except (SyntaxError, ValueError):
        return False


def describe(mutant: Mutant, source: bytes) -> str:
    """A change as a line: where, what stands there, and what would."""
    before, after = line_at(source, mutant.begin), line_at(mutant.apply(source), mutant.begin)
    return f"{mutant.module}:{mutant.line}\n  - {before}\n  + {after}"


def line_at(source: bytes, place: int) -> str:
    """The line of a file around a byte, without its indentation."""
    begin, end = source.rfind(b"\n", 0, place) + 1, source.find(b"\n", place)
    return source[begin : end if end >= 0 else len(source)].decode().strip()
