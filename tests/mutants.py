"""Would the tests notice a mistake? Ask mutmut, module by module, each with the tests that are meant for it.

    python -m tests.mutants                          # all modules: some hours of one core, see tests/MUTATION.md
    python -m tests.mutants calibration training     # those whose names contain one of these words
    python -m tests.mutants --again                  # those that no test noticed once more, after new tests
    python -m tests.mutants --report                 # what has been found so far, without a run

Every module has a folder in mutants/, in which mutmut keeps what it has run: a run that was stopped goes on where it
was, and after a change only functions that changed run again. Printed is a table of all mutants and of those that no
test noticed; each of these is shown below it, unless it is one of `ALIKE`, which change nothing and are told apart here
once. `mutmut show NAME`, in the module's folder, shows one.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "mutants"
NO_TEST, UNNOTICED = 33, {0, 5, 33}  # exit codes of mutmut

# The tests of each module are those meant for it, and not all that reach it: most mutants die by the first.
TESTS = {
    "network/activation": "network activation",
    "network/mlp": "network jacobian reference subset",
    "network/second_order": "network curvature reference",
    "network/layer_pairs": "jacobian curvature posterior network",
    "network/layer_blocks": "jacobian curvature network",
    "network/unit_pairs": "jacobian curvature posterior",
    "network/products": "products",
    "network/jacobian": "jacobian curvature network posterior subset",
    "network/pairs": "network jacobian curvature likelihood",
    "network/subset": "subset curvature",
    "network/interchange": "interchange",
    "network/modules": "interchange",
    "model/likelihood": "likelihood own_likelihood model predictive",
    "model/classes": "likelihood labels model links",
    "model/gaussian": "likelihood model predictive",
    "model/poisson": "poisson likelihood",
    "model/heteroscedastic": "likelihood own_likelihood predictive",
    "model/bayesian_model": "model weights laplace",
    "training/adam": "training weights",
    "training/advice": "advice",
    "training/convergence": "training advice",
    "training/lbfgs": "lbfgs training",
    "training/map_estimate": "training weights conditioning",
    "curvature": "curvature weights progress reference subset",
    "posterior/cholesky": "posterior conditioning",
    "posterior/gaussian": "posterior structure predictive conditioning",
    "structures/fit": "fit weights conditioning evidence",
    "structures/full": "structure posterior conditioning evidence",
    "structures/kronecker": "structure posterior conditioning",
    "structures/low_rank": "structure posterior conditioning",
    "structures/subnetwork": "subset",
    "predictive/outputs": "predictive links",
    "predictive/links": "links predictive",
    "predictive/left_out": "left_out",
    "predictive/information": "information",
    "predictive/uncertainty": "links labels poisson own_likelihood",
    "predictive/distribution": "links information left_out laplace",
    "evidence/marginal_likelihood": "evidence",
    "evidence/tuning": "evidence",
    "evidence/by_predictions": "evidence",
    "evidence/same_inputs": "evidence",
    "evidence/tunable_fit": "evidence laplace",
    "evidence/joint": "evidence weights",
    "evidence/importance": "importance",
    "evidence/pareto": "importance",
    "evidence/symmetry": "symmetry",
    "calibration/classes": "calibration",
    "calibration/regression": "calibration",
    "calibration/out_of_distribution": "calibration",
    "model_average/average": "model_average links",
    "model_average/ensemble": "model_average weights",
    "model_average/dropout": "model_average weights conditioning",
    "model_average/exact": "model_average weights own_likelihood",
    "model_average/mixture": "mixture",
    "model_average/hamiltonian": "hmc",
    "model_average/warm_up": "hmc",
    "model_average/chains": "chains",
    "checks/derivatives": "checks answers",
    "checks/differences": "differences checks",
    "checks/verdict": "checks answers",
    "checks/answers": "answers",
    "laplace": "laplace predictive weights fit",
}

CHECKS = re.compile(  # which are called with words for their errors
    r"\b(_answers|boolean|check_dense|check_memory|check_shape|check_theta|class_labels|finite|instance|matrix|"
    r"number_or_vector|numbers|numeric_array|option|positive_definite|positive_numbers|readable|real_array|real_number|"
    r"real_targets|refuse_where|sample_weights|vector|whole_number)\("
)
WORDS = r'f?"[^"]*"|\b(None|NOT_DENSE|WANTED|expected)\b'

# What a mutant may change without a change of what comes out: a name, and how its line becomes the line of before.
ALIKE = {
    "strict of a zip": lambda line: re.sub(r",( *strict=\w+)? *\)", ")", line),
    "a size that NumPy finds out": lambda line: re.sub(r"-[12]\b", "-1", line) if "reshape(" in line else line,
    "capitals of an einsum": lambda line: line.lower() if "einsum" in line.lower() else line,
    # It says which routine of LAPACK runs, whether it looks for NaN first, and in whose memory; and lower=0 by default.
    "how LAPACK works": lambda line: re.sub(
        r", *((driver|overwrite_\w|check_finite)=[^,()]*|lower=(0|None)|(?=\)))", "", line
    ),
    "words of an error": lambda line: re.sub(WORDS, '""', line) if CHECKS.search(line) else line,
}


def main():
    """Run mutmut on the modules that were asked for, and print what it has found in them."""
    parser = argparse.ArgumentParser(
        "python -m tests.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="parts of names of modules (default: all modules)")
    parser.add_argument("--again", action="store_true", help="run what no test noticed before")
    parser.add_argument("--report", action="store_true", help="run nothing")
    options = parser.parse_args()
    modules = [m for m in TESTS if not options.words or any(word in m for word in options.words)]
    if not options.report:
        for module in modules:
            names = [name for name, code in results_of(module).items() if code in UNNOTICED] if options.again else []
            if names or not options.again:
                run(module, names)
    report(modules)


def folder_of(module):
    """Return the folder in which mutmut runs a module."""
    return FOLDER / module.replace("/", ".")


def run(module, names=()):
    """Copy the repository beside what mutmut has kept of a module, and let it run the rest, or the mutants named."""
    folder = folder_of(module)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("minilaplace", "tests", "tutorials", "README.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.rmtree(folder / name, ignore_errors=True)
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
        else:
            shutil.copy(source, folder / name)
    copied = folder / "minilaplace" / f"{module}.py"
    copied.write_text(undecorated(copied.read_text("utf-8")), "utf-8")
    tests = ", ".join(f'"tests/test_{name}.py"' for name in TESTS[module].split())
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    for key, value in (
        ("only_mutate", f'"minilaplace/{module}.py"'),
        ("pytest_add_cli_args_test_selection", tests),
    ):
        settings = re.sub(rf"^{key} = \[.*?\]$", f"{key} = [{value}]", settings, flags=re.DOTALL | re.MULTILINE)
    (folder / "pyproject.toml").write_text(settings, "utf-8")
    with (folder / "log").open("w") as log:
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
        code = subprocess.run(command, cwd=folder, stdout=log, stderr=log, env=environment(folder)).returncode
    print(module, "is done" if code == 0 else f"has failed, see {folder}/log", flush=True)


def undecorated(source):
    """Return source whose decorators are calls below their functions: mutmut passes by functions that have some."""
    lines = source.split("\n")
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for node in sorted(functions, key=lambda node: -node.lineno):
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        if decorators and not {"abstractmethod", "staticmethod", "classmethod"} & set(decorators):
            call = "(".join([*decorators, node.name]) + ")" * len(decorators)
            lines.insert(node.end_lineno, f"{' ' * node.col_offset}{node.name} = {call}")
            del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "\n".join(lines)


def environment(folder):
    """Return the environment in which the copy, and not an installed package, is imported.

    scikit-learn has threads by OpenMP. mutmut forks after the tests have run once, and in a fork they wait forever.
    """
    return os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


def report(modules):
    """Print the table of the modules that have been run, and the mutants that no test noticed."""
    shown, n_all, n_left = [], 0, 0
    print("\n| module | mutants | not noticed | alike | noticed |\n|---|---|---|---|---|")
    for module in modules:
        results = results_of(module)
        tried = {name: code for name, code in results.items() if code is not None}
        if not tried:
            continue
        survivors = [(name, code, diff_of(module, name)) for name, code in tried.items() if code in UNNOTICED]
        left = [(name, code, diff) for name, code, diff in survivors if alike(diff) is None]
        n, unfinished = len(tried) - (len(survivors) - len(left)), len(results) - len(tried)
        n_all, n_left, shown = n_all + n, n_left + len(left), shown + left
        row = f"| `{module}.py` | {n} | {len(left)} | {len(survivors) - len(left)} | {1 - len(left) / max(n, 1):.1%} |"
        print(row, f"{unfinished} not run" if unfinished else "")
    print(f"| all | {n_all} | {n_left} | | {1 - n_left / max(n_all, 1):.1%} |")
    for name, code, diff in shown:
        print(f"\n{name}{' (no test)' if code == NO_TEST else ''}\n{diff}")


def results_of(module):
    """Return mutmut's exit code for each mutant of a module, None for those that have not run."""
    path = folder_of(module) / "mutants" / "minilaplace" / f"{module}.py.meta"
    return json.loads(path.read_text("utf-8"))["exit_code_by_key"] if path.exists() else {}


def diff_of(module, name):
    """Return the lines that a mutant changes, as mutmut shows them."""
    command, folder = [sys.executable, "-m", "mutmut", "show", name], folder_of(module)
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment(folder)).stdout
    return "\n".join(line for line in shown.splitlines() if re.match(r"[-+](?![-+])", line))


def alike(diff):
    """Return why a mutant changes nothing, or None if that is not known."""
    before, after = (" ".join(line[1:].strip() for line in diff.splitlines() if line[0] == sign) for sign in "-+")
    for why, normal in ALIKE.items():
        if normal(before) == normal(after):
            return why
    return None


if __name__ == "__main__":
    main()
