"""The pages of the module reference, one for each room, in Markdown from the docstrings and the README."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

from formulas import is_formula, latex

README = Path(__file__).resolve().parents[1] / "README.md"


def reference() -> dict[str, str]:
    """Return a page for each room, `index`, the README's map, whose order is the reader's, and `quantities`."""
    readme = README.read_text(encoding="utf-8")
    start, around = readme.index("## What is where\n"), readme.index("\nAround the post: ") + 1
    overview = readme[start : readme.index("\n\n", around)].removeprefix("## What is where\n")
    rows = re.findall(r"^\| `(\w+(?:/|\.py))` \|", overview, flags=re.MULTILINE)
    others = re.findall(r"`(\w+(?:/|\.py))`", readme[around : readme.index("\n", around)])
    pages = {room: room.rstrip("/").removesuffix(".py") for room in rows + others}
    linked = re.sub(r"^###", "##", links(overview, {room: f"{name}.md" for room, name in pages.items()}), flags=re.M)
    contents = "\n".join(["```{toctree}", ":hidden:", "", "quantities", *pages.values(), "```"])
    table = "[Where each quantity is computed](quantities.md) leads from a formula into the source."
    index = f"# Module reference\n{linked}\n\n{table}\n\n{contents}\n"
    return {"index": index, "quantities": quantities()} | {name: page(name) for name in pages.values()}


def links(markdown: str, targets: dict[str, str]) -> str:
    """Make links of the names in backticks that are keys of `targets`."""
    return re.sub(
        r"`([^`\n]+)`", lambda name: f"[{name[0]}]({targets[name[1]]})" if name[1] in targets else name[0], markdown
    )


def page(name: str) -> str:
    """Return a room's docstring, which is Markdown, and what the room defines; of a package, module by module."""
    room = importlib.import_module(f"minilaplace.{name}")
    if not hasattr(room, "__path__"):
        return "\n".join([f"# `{name}.py`", "", written(room), *directives(room, room)])
    found = [module.name for module in pkgutil.iter_modules(room.__path__)]
    named = re.findall(r"`(\w+)\.py`", room.__doc__)
    anchors = {f"{module}.py": f"#{name}-{module}" for module in dict.fromkeys(named + found) if module in found}
    lines = [f"# `{name}/`", "", links(written(room), anchors)]
    for file, anchor in anchors.items():
        module = importlib.import_module(f"{room.__name__}.{file.removesuffix('.py')}")
        lines += [f"({anchor[1:]})=", f"## `{file}`", "", links(written(module), anchors), *directives(module, room)]
    return "\n".join(lines)


def written(module: ModuleType) -> str:
    """Return a module's docstring, with its formulas as mathematics."""
    blocks = module.__doc__.split("\n\n")
    return "\n\n".join(f"$$\n{latex(block)}\n$$" if is_formula(block) else block for block in blocks)


def directives(module: ModuleType, room: ModuleType) -> list[str]:
    """Return what documents a module's classes and functions: by their names in its room, from where users import."""
    lines = ["```{eval-rst}"]
    for key, value in vars(module).items():
        kind = "class" if inspect.isclass(value) else "function" if inspect.isfunction(value) else ""
        if kind and value.__module__ == module.__name__ and not key.startswith("_"):
            home = room if key in getattr(room, "__all__", []) else module
            lines += [f".. auto{kind}:: {home.__name__}.{key}", "   :members:" * (kind == "class"), ""]
    return [*lines, "```", ""]


def quantities() -> str:
    """Return the README's table of where each quantity is computed, whose names are links into the source."""
    readme = README.read_text(encoding="utf-8")
    title = "### Where each quantity is computed\n"
    start = readme.index(title) + len(title)
    text = readme[start : readme.index("\n#", start)]
    return "# Where each quantity is computed\n" + re.sub(r"`((?:\w+\.)+\w+)`", link_to_source, text)


def link_to_source(name: re.Match[str]) -> str:
    """Return a name in backticks as a link."""
    return f'<a href="{source_of(name[1])}"><code class="docutils literal">{name[1]}</code></a>'


def source_of(name: str) -> str:
    """Return the address, from a page of the reference, of the source of a name in a room: "network.MLP.trace".

    What has no line of its own there leads to what it is in: a constant to its module, a property to its class.
    """
    room, *path = name.split(".")
    value = importlib.import_module(f"minilaplace.{room}")
    home, anchor = value.__name__, ""
    for part in path:
        if isinstance(value, ModuleType) and part not in vars(value):
            importlib.import_module(f"{value.__name__}.{part}")
        owner, value = value, inspect.unwrap(inspect.getattr_static(value, part))
        if isinstance(value, ModuleType):
            home = value.__name__
        elif inspect.isclass(value) or inspect.isroutine(value):
            home, anchor = value.__module__, f"#{value.__qualname__}"
        elif isinstance(owner, ModuleType):
            home = defining_module(home, part)
    return f"../_modules/{home.replace('.', '/')}.html{anchor}"


def defining_module(home: str, constant: str) -> str:
    """Return the name of the module, in this room, in which a constant is assigned."""
    room = importlib.import_module(home)
    for module in pkgutil.iter_modules(getattr(room, "__path__", [])):
        source = inspect.getsource(importlib.import_module(f"{home}.{module.name}"))
        if re.search(rf"^{constant}\b.* = ", source, flags=re.MULTILINE):
            return f"{home}.{module.name}"
    return home
