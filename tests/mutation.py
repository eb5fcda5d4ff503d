"""Change the numerical modules one operation at a time, and see whether a test notices.

    python -m tests.mutation                        # all modules: hours of one core
    python -m tests.mutation kronecker low_rank     # some
    python -m tests.mutation --most 50 --seed 1     # a random 50 of each module

A mutant is a copy of the package in which one comparison, operator, constant or branch is another; the tests of
`TESTS[module]` run on it until one fails. Each mutant has a process of its own, forked after NumPy, SciPy and pytest
have been imported, and a limit of CPU time (an endless loop is noticed too). What no test notices is printed as
it is found, and a table of the modules at the end. Mutants that are known to mean the same as the original,
`EQUIVALENT`, are not run; each has its reason.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import io
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "minilaplace"

# Which tests speak of a module: the quick ones for every mutant, the others for those that these do not notice.
TESTS = {
    "network": (["network"], ["curvature", "subset", "reference"]),
    "layer_pairs": (["jacobian", "posterior"], ["curvature", "structure"]),
    "jacobian": (["jacobian"], ["subset", "curvature", "structure"]),
    "likelihood": (["likelihood"], ["bad_input", "properties", "evidence"]),
    "heteroscedastic": (["likelihood", "reference"], ["links", "structure", "conditioning"]),
    "model": (["model"], ["bad_input", "evidence", "structure"]),
    "curvature": (["reference", "curvature"], ["structure", "bad_input_everywhere", "laplace"]),
    "cholesky": (["posterior"], ["structure", "conditioning"]),
    "posterior": (["posterior"], ["structure", "conditioning"]),
    "structure": (["storage", "peers_ideas"], ["structure", "conditioning"]),
    "kronecker": (["peers_ideas"], ["structure", "conditioning"]),
    "low_rank": (["peers_ideas"], ["structure", "conditioning"]),
    "predictive": (["links", "reference"], ["predictive", "laplace", "conditioning"]),
    "evidence": (["reference"], ["evidence"]),
}

# (module, the mutant as it is printed, without its place): why it is the same
BLOCKS = "how many samples a block has, which changes no number"
COSTS = "what is counted to choose between two routes to the same number"
EQUIVALENT = {
    (
        "predictive",
        "mean, squares, noise, s = np.zeros(()), np.zeros(()), np.zeros(()), 0 | 0  ->  1",
    ): "the loop sets s, and there is always one output",
    (
        "curvature",
        "floats += exact * (sum(network.sizes) + len(network.sizes)) ** 2"
        " | sum(network.sizes) + len(network.sizes)  ->  sum(network.sizes) - len(network.sizes)",
    ): BLOCKS,
    (
        "layer_pairs",
        "yield (H * G, (I + 1) * (J + 1)) if l != m else (H * (H + 1) // 2, (I + 1) * (I + 2) // 2)"
        " | (I + 1) * (J + 1)  ->  (I + 1) / (J + 1)",
    ): COSTS,
    ("network", "T = np.empty(0)  # d z_l / d z_k (N, H_l, H_k) | 0  ->  1"): "set before it is read",
    (
        "posterior",
        "return solve_triangular(self._factor, noise, lower=True, trans=\"T\").T | 'T'  ->  'T~'",
    ): "SciPy answers the same to it",
    (
        "evidence",
        "log_det_prior, quadratic = np.linalg.slogdet(prior)[1], deviation @ prior @ deviation"
        " | deviation @ prior  ->  prior @ deviation",
    ): "a prior precision is symmetric",
    ("jacobian", "return whole and pairs_are_cheaper(self.shapes, self.deltas[0].shape[1]) | 1  ->  2"): COSTS,
    ("curvature", "batch_size: int | None = None, | None  ->  0"): "neither is a size",
}

REWRITTEN = "pytest.PytestAssertRewriteWarning"  # hypothesis has been imported before pytest runs

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip


class Mutants(ast.NodeVisitor):
    """The places of a module where one thing can be another: (node's path from the root, what to make of it)."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: list[tuple[list[tuple[str, int | None]], ast.AST, str]] = []
        self._walk(tree, [])

    def _walk(self, node: ast.AST, path: list[tuple[str, int | None]]) -> None:
        for other in _others(node):
            self.found.append((path, other, f"{_text(node)}  ->  {_text(other)}"))
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            if isinstance(value, list):
                for i, child in enumerate(value):
                    if isinstance(child, ast.AST) and not _is_prose(child):
                        self._walk(child, [*path, (name, i)])
            elif isinstance(value, ast.AST):
                self._walk(value, [*path, (name, None)])


def _is_prose(node: ast.AST) -> bool:
    """Return whether a statement says nothing to the machine: docstrings, imports, abstract methods, type aliases."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr)):
        return True
    if isinstance(node, ast.Raise):  # the words of an error
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _others(node: ast.AST) -> list[ast.AST]:
    """Return what a node could be instead."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
        return [_with(node, ops=[COMPARISONS[type(node.ops[0])]()])]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return [_with(node, op=OPERATORS[type(node.op)]())]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return [_with(node, left=node.right, right=node.left)]
    if isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
        return [_with(node, op=OPERATORS[type(node.op)]())]
    if isinstance(node, ast.BoolOp):
        return [_with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        return [node.operand]
    if isinstance(node, ast.IfExp):
        return [_with(node, body=node.orelse, orelse=node.body)]
    if isinstance(node, (ast.If, ast.While)):
        return [_with(node, test=ast.UnaryOp(ast.Not(), node.test))]
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            return [ast.Constant(not node.value)]
        if isinstance(node.value, (int, float)):
            return [ast.Constant(node.value + 1)]
        if node.value is None:
            return [ast.Constant(0)]
        if isinstance(node.value, str):
            return [ast.Constant(node.value + "~")]
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        return [ast.Return(ast.Constant(None))]
    return []


def _with(node: ast.AST, **changes: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in changes.items():
        setattr(other, name, value)
    return other


def _text(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).splitlines()[0]


def mutants(module: str) -> list[tuple[str, list[tuple[str, int | None]], ast.AST]]:
    """Return every mutant of a module but the equivalent ones: what it is, the path to a node, what to put there."""
    source = (PACKAGE / f"{module}.py").read_text("utf-8")
    tree, lines, found = ast.parse(source), source.splitlines(), []
    for path, other, change in Mutants(tree).found:
        line = _line(tree, path)
        what = f"{lines[line - 1].strip()} | {change}"
        if (module, what) not in EQUIVALENT:
            found.append((f"{module}.py:{line}: {what}", path, other))
    return found


def mutated(module: str, path: list[tuple[str, int | None]], other: ast.AST) -> str:
    """Return the module's source with the node at `path` replaced."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text("utf-8"))
    node: ast.AST = tree
    for name, i in path[:-1]:
        node = getattr(node, name) if i is None else getattr(node, name)[i]
    name, i = path[-1]
    if i is None:
        setattr(node, name, other)
    else:
        getattr(node, name)[i] = other
    return ast.unparse(ast.fix_missing_locations(tree))


def _line(node: ast.AST, path: list[tuple[str, int | None]]) -> int:
    line = 0
    for name, i in path:
        node = getattr(node, name) if i is None else getattr(node, name)[i]
        line = getattr(node, "lineno", line)
    return line


def killed(module: str, source: str, tests: list[str], limit: int) -> bool:
    """Return whether a test fails, or the limit of CPU time is reached, with this source in place of the module's."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(PACKAGE, Path(directory) / "minilaplace")  # with what is compiled already
        (Path(directory) / "minilaplace" / f"{module}.py").write_text(source, "utf-8")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
                code = _run_tests(tests, directory)
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def _run_tests(tests: list[str], directory: str) -> int:
    import pytest

    os.environ["PYTHONPATH"] = directory
    os.chdir(ROOT)
    sys.path.insert(0, directory)
    sink = io.StringIO()
    files = [f"tests/test_{name}.py" for name in tests]
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        code = pytest.main(
            ["-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-W", f"ignore::{REWRITTEN}", *files]
        )
    return int(code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="of " + ", ".join(TESTS))
    parser.add_argument("--most", type=int, default=None, help="mutants of each module, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=120, help="seconds of CPU time until a mutant counts as noticed")
    given = parser.parse_args()
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    _import_what_is_heavy()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of what it has found
    jobs = []
    for module in given.modules or TESTS:
        source = (PACKAGE / f"{module}.py").read_text("utf-8")
        assert not killed(module, source, [*TESTS[module][0], *TESTS[module][1]], 10 * given.limit), (
            f"{module}: tests fail without a mutant"
        )
        drawn = mutants(module)
        random.Random(given.seed).shuffle(drawn)
        jobs += [(module, *mutant) for mutant in drawn[: given.most]]
    random.Random(given.seed).shuffle(jobs)  # so that a run that is cut short says something of every module
    tried, noticed = Counter(), Counter()
    try:
        for stage in (0, 1):
            left = []
            for module, what, path, other in jobs:
                dead = killed(module, mutated(module, path, other), TESTS[module][stage], given.limit)
                tried[module] += stage == 0
                noticed[module] += dead
                if not dead:
                    left.append((module, what, path, other))
                    print(f"not noticed by {['the quick', 'any'][stage]} tests: {what}", flush=True)
            jobs = left
    finally:  # an interrupted run says what it has found
        for module in tried:
            print(f"{module:16} {noticed[module]:4} of {tried[module]:4}, {noticed[module] / tried[module]:.1%}")
        print(f"{'all':16} {sum(noticed.values()):4} of {sum(tried.values()):4}", flush=True)


def _import_what_is_heavy() -> None:
    import hypothesis.strategies
    import mpmath
    import pytest
    import scipy.differentiate
    import scipy.integrate
    import scipy.optimize
    import scipy.stats

    assert all((hypothesis.strategies, mpmath, pytest, scipy))
    assert "minilaplace" not in sys.modules


if __name__ == "__main__":
    main()
