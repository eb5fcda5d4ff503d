"""Run a tutorial's cells in one namespace, then its exercises with their solutions in the same.

Reads a list of (name, code) from stdin, and writes for each cell what it printed, how many pictures it made, and what
the checks of exercises say that it made. Run with `-W error`, so a warning ends it, one about a picture as well.
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
    return {"printed": printed.getvalue(), "pictures": len(pictures), "checks": checks}


if __name__ == "__main__":
    namespace = {"__name__": "__main__"}
    json.dump([run(name, code, namespace) for name, code in json.load(sys.stdin)], sys.stdout)
