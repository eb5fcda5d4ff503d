"""What the site makes links of by itself: names of the library's code, and references by author and year.

In a page of the course `fit_map`, `Laplace.fit` and `la.predict(X)` lead to their entries in the module reference, and
`curvature.py`, `network/`, `network/mlp.py` and the rooms that stand behind "Modules:" to their pages there. "Martens
and Grosse (2015)" leads to its entry in the references. In code, the modules of import statements are links.
"""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

from minilaplace import MLP, BayesianModel, Laplace

REFERENCES = "references"
VARIABLES = {"la": Laplace, "model": BayesianModel, "network": MLP}  # what they are called throughout the course
KINDS = ("class", "function", "exception", "method", "property")
MODULE = re.compile(r'<span class="nn">minilaplace\.(\w+)</span>')


def connect(app: Sphinx) -> None:
    """Make these links in every page."""
    app.add_transform(NamedReferences)
    app.add_post_transform(LinkedNames)
    app.add_post_transform(LinkedReferences)
    app.connect("html-page-context", link_modules)


# --- code


def entry_of(name: str, env: BuildEnvironment) -> tuple[str, str] | None:
    """Return the document and the anchor of what code in backticks names, or None where that is not one thing.

    A method is named with its class, or with a variable of the course, unless its name is two words and no other's; and
    `ggn` alone is that of the library, not the textbook's line.
    """
    called = re.fullmatch(r"([A-Za-z_][\w.]*)(?:\(.*\))?", name, re.DOTALL)
    if called is None:
        return None
    first, *rest = called[1].removeprefix("minilaplace.").split(".")
    for owner in [each.__name__ for each in VARIABLES[first].__mro__] if rest and first in VARIABLES else [first]:
        ends = "." + ".".join([owner, *rest])
        found = [
            entry
            for full, entry in env.domains.python_domain.objects.items()
            if full.endswith(ends) and entry.objtype in KINDS and (rest or entry.docname != "reference/one_page")
        ]
        places = {(entry.docname, entry.node_id) for entry in found}
        is_plain = rest or "_" in first or all(entry.objtype in ("class", "function") for entry in found)
        if len(places) == 1 and is_plain:
            return places.pop()
    return None


def page_of(name: str, env: BuildEnvironment) -> tuple[str, str] | None:
    """Return the document and the anchor of a room or of a module in it, by the name of its file, or None."""
    room, _, module = name.removeprefix("minilaplace/").removesuffix(".py").rstrip("/").partition("/")
    document = f"reference/{room}"
    if document not in env.all_docs:
        return None
    label = f"{room}-{module}"
    if module:
        return env.domains.standard_domain.anonlabels.get(label)
    return document, ""


class LinkedNames(SphinxPostTransform):
    """Makes links of code in backticks that names something of the module reference."""

    default_priority = 400

    def run(self, **_: Any) -> None:
        """Replace the names in a page of the course."""
        if self.env.docname.startswith("reference/"):
            return
        for literal in list(self.document.findall(nodes.literal)):
            if any(isinstance(above, (nodes.reference, nodes.title)) for above in parents(literal)):
                continue
            name = literal.astext()
            room = re.fullmatch(r"minilaplace\.(\w+)", name)
            is_room = room or name.endswith((".py", "/")) or in_list_of_modules(literal)
            target = (is_room and page_of(room[1] if room else name, self.env)) or entry_of(name, self.env)
            if target:
                literal.replace_self(link(self.env, self.app, *target[:2], literal))


def parents(node: nodes.Node) -> list[nodes.Node]:
    """Return all nodes around this one."""
    above = []
    while (node := node.parent) is not None:
        above.append(node)
    return above


def in_list_of_modules(literal: nodes.Node) -> bool:
    """Return whether a name stands in the line of a tutorial's head that says which rooms it is about."""
    return literal.parent.astext().startswith("Modules: ")


def link(env: BuildEnvironment, app: Sphinx, document: str, anchor: str, *children: nodes.Node) -> nodes.reference:
    """Return a link from the present page to a place in another one."""
    address = app.builder.get_relative_uri(env.docname, document) + (f"#{anchor}" if anchor else "")
    return nodes.reference("", "", *[child.deepcopy() for child in children], internal=True, refuri=address)


def link_modules(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Make links of the modules that the code of a page imports."""

    def linked(found: re.Match[str]) -> str:
        document = f"reference/{found[1]}"
        if document not in app.env.all_docs:
            return found[0]
        return f'<a class="module" href="{context["pathto"](document)}">{found[0]}</a>'

    if page.startswith("_modules/"):
        context["body"] = back_to_the_docs(context["body"], page.removeprefix("_modules/").replace("/", "."), app.env)
    elif "body" in context:
        context["body"] = MODULE.sub(linked, context["body"])


def back_to_the_docs(body: str, module: str, env: BuildEnvironment) -> str:
    """Return a page of source whose links lead to where a name is documented: in its room, or in its module.

    Sphinx takes the one of the two that it has met first for all names of a module.
    """
    known = {entry.node_id for entry in env.domains.python_domain.objects.values()}
    homes = [module, module.rpartition(".")[0]]

    def mended(found: re.Match[str]) -> str:
        name = next(found[2].removeprefix(f"{home}.") for home in homes if found[2].startswith(f"{home}."))
        return found[1] + next(f"{home}.{name}" for home in homes if f"{home}.{name}" in known)

    return re.sub(r'(<a class="viewcode-back" href="[^"#]*#)([\w.]+)', mended, body)


# --- references


def key_of(entry: str) -> tuple[str, str] | None:
    """Return the first author and the year of an entry of the references: ("MacKay", "1992a")."""
    found = re.match(r"([\w-]+),.*?\((\d{4}[a-z]?)\)", entry, re.DOTALL)
    return (found[1], found[2]) if found else None


def anchor_of(key: tuple[str, str]) -> str:
    """Return the anchor of an entry."""
    return f"{key[0]}-{key[1]}".lower()


def known_references(env: BuildEnvironment) -> set[tuple[str, str]]:
    """Return the first authors and years of all entries."""
    text = Path(env.doc2path(REFERENCES)).read_text(encoding="utf-8")
    return {key for entry in re.split(r"^- ", text, flags=re.MULTILINE) if (key := key_of(entry))}


class NamedReferences(SphinxTransform):
    """Gives every entry of the references an anchor."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        """Name the entries, if this is their page."""
        if self.env.docname == REFERENCES:
            for item in self.document.findall(nodes.list_item):
                if key := key_of(item.astext()):
                    item["ids"].append(anchor_of(key))


class LinkedReferences(SphinxPostTransform):
    """Makes links of what is cited by author and year."""

    default_priority = 401

    def run(self, **_: Any) -> None:
        """Replace what a page cites."""
        known = known_references(self.env)
        names, years = ("|".join({re.escape(key[part]) for key in known}) for part in (0, 1))
        cited = re.compile(rf"\b({names})((?:,?\s+(?:and|et al\.|[A-Z][\w-]*)|,)*)\s+\(?({years})(?![\w])\)?")
        for text in list(self.document.findall(nodes.Text)):
            if not isinstance(text.parent, (nodes.paragraph, nodes.emphasis, nodes.entry)):
                continue
            if self.env.docname == REFERENCES or any(isinstance(above, nodes.reference) for above in parents(text)):
                continue
            pieces, end = [], 0
            for found in cited.finditer(text):
                if (key := (found[1], found[3])) in known:
                    shown = nodes.Text(found[0].rstrip(")") if "(" not in found[0] else found[0])
                    pieces += [nodes.Text(text[end : found.start()])]
                    pieces += [link(self.env, self.app, REFERENCES, anchor_of(key), shown)]
                    end = found.start() + len(shown)
            if pieces:
                text.parent.replace(text, [*pieces, nodes.Text(text[end:])])
