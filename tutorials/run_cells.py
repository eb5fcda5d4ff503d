"""Run the cells of a tutorial in one namespace, and answers to its exercises in copies of it.

Reads a list of [name, code, apart] from stdin, and writes for each cell what it printed, how many pictures it made, and
what the checks of exercises say that it made. A cell that is `apart` leaves nothing behind, and an error there is what
it says. Run with `-W error`, so a warning in any other cell ends it, one about a picture as well.
"""

import contextlib
import io
import json
import linecache
import sys

import matplotlib.pyplot as plt


def run(name, code, namespace):
    """Run one cell; its pictures are drawn and closed, as in a notebook."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)  # for tracebacks
    known = dict(namespace)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, name, "exec"), namespace)
    pictures = plt.get_fignums()
    for number in pictures:
        plt.figure(number).canvas.draw()
    plt.close("all")
    exercises = {key for key in namespace if key.startswith("exercise_") and namespace[key] is not known.get(key)}
    checks = {key: [namespace[key].passed, str(namespace[key])] for key in exercises}
    return {"printed": printed.getvalue(), "pictures": len(pictures), "checks": checks, "error": ""}


def run_apart(name, code, namespace):
    """Run one cell in a copy of the namespace, whatever it raises."""
    try:
        return run(name, code, dict(namespace))
    except (Exception, SystemExit) as error:
        plt.close("all")
        return {"printed": "", "pictures": 0, "checks": {}, "error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    namespace = {"__name__": "__main__"}
    cells = json.load(sys.stdin)
    json.dump([(run_apart if apart else run)(name, code, namespace) for name, code, apart in cells], sys.stdout)
