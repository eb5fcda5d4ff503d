r"""The formulas of docstrings, which are plain text there, as LaTeX.

    E[sigmoid(f)] = exp(m + s^2/2) E[sigmoid(f')],   f' ~ N(-(m + s^2), s^2)

is one: an indented block in which `=`, `~` or `+` stands. Letters keep what is behind `_` and `^`; `sum_n`, `1/2`,
`sqrt(...)` and the Greek names become what they are called; (x) is the Kronecker product; the rest is words.
"""

import re

GREEK = {
    "alpha",
    "delta",
    "gamma",
    "lambda",
    "mu",
    "pi",
    "rho",
    "sigma",
    "tau",
    "theta",
    "phi",
    "Lambda",
    "Phi",
    "Sigma",
}
FUNCTIONS = {"det", "exp", "log", "sinh", "sin", "tanh"}
WORDS = {
    *(
        "of",
        "over",
        "to",
        "the",
        "these",
        "at",
        "one",
        "grid",
        "average",
        "integral",
        "proportional",
        "hidden",
        "layers",
    ),
    *("weight", "point", "Jacobian", "logit", "input"),
}
SIGNS = {"~": r"\sim ", "<=": r"\le ", ">=": r"\ge ", "->": r"\to ", "...": r"\dots ", "*": "* ", "(x)": r"\otimes "}
ALONE = {"~": r"\approx"}  # a sign with room on both sides
SCRIPT = r"\{[^{}]*\}|-?\w+|\([^()]*\)"
TOKEN = re.compile(
    rf"(?P<scripts>[_^](?:{SCRIPT}))|(?P<word>[A-Za-z]+(?:_[A-Za-z]{{3,}})*)|(?P<number>\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<sign>(?<= )\(x\)(?=\s)|\.\.\.|<=|>=|->|[~*])|(?P<gap> {2,})|(?P<space> )|(?P<other>.)"
)


def is_formula(block: str) -> bool:
    """Return whether an indented block of a docstring is a formula, and not code, a sketch or a table."""
    lines = block.splitlines()
    return bool(re.search(r"[=~+]", block)) and all(line.startswith("    ") for line in lines) and ">>>" not in block


def latex(block: str) -> str:
    """Return a formula of one line or more as LaTeX, without the dollars around it."""
    lines = [line.strip() for line in block.strip("\n").splitlines()]
    if len(lines) == 1:
        return line_of(lines[0])
    return r"\begin{aligned} " + r" \\ ".join(aligned(line) for line in lines) + r" \end{aligned}"


def aligned(line: str) -> str:
    """Return a line of several, which are aligned at their first equality sign, or behind a word that stands first."""
    left, sign, right = line.partition(" = ")
    if sign and not re.search(" {2,}", left.strip()):
        return f"{line_of(left.strip())} &= {line_of(right.strip())}"
    left, right = re.split(" {2,}", line, maxsplit=1) if re.search(" {2,}", line) else ("", line)
    return rf"{line_of(left)} & \quad {line_of(right)}"


def line_of(line: str) -> str:
    """Return one line as LaTeX: parts that are two blanks or more apart are formulas or remarks, each by itself."""
    parts = re.split(r" {2,}", line)
    written = [rf"\text{{{part}}}" if is_remark(part) else ALONE.get(part) or formula(part) for part in parts]
    return re.sub(r" \\quad (=|\+|\\approx) \\quad ", r" \1 ", r" \quad ".join(written))


def is_remark(part: str) -> bool:
    """Return whether a part of a line is a sentence, in which no sign of a formula stands."""
    return len(re.findall(r"[a-z]{2,}", part)) >= 3 and not re.search(r"[=^_+*/()]|\blog\b", part)


def formula(text: str) -> str:
    """Return a formula as LaTeX."""
    text = roots(text).replace("R-hat", r"\hat{R}")
    text = re.sub(r"\bd2 ", r"d^2 ", re.sub(r"\bd theta2\b", r"d theta^2", text))
    text = re.sub(r"\b([A-Za-z]+)(\d)_(\w+)", r"\1_{\2,\3}", text)  # mu0_p
    text = re.sub(r"\b([A-Za-z]+)(\d)\b", r"\1_\2", text)  # mu0
    text = re.sub(r"(?<![\w)}^_])([A-Za-z0-9]+)/(\d|[a-z]+)(?![\w(^_])", r"\\tfrac{\1}{\2}", text)
    return "".join(token(found, text) for found in TOKEN.finditer(text)).replace(r" }\ \text{ ", " ").strip()


def roots(text: str) -> str:
    """Put what is under a root in braces."""
    while found := re.search(r"\bsqrt\(", text):
        depth, end = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = rf"{text[: found.start()]}\sqrt{{{text[found.end() : end - 1]}}}{text[end:]}"
    return text


def token(found: re.Match[str], text: str) -> str:
    """Return one token of a formula as LaTeX."""
    kind, piece = found.lastgroup, found[0]
    if kind == "scripts":
        return piece[0] + "{" + inner(piece[1:]) + "}"
    if kind == "word":
        return word(piece, text[: found.start()], text[found.end() :])
    if kind == "space":
        return r"\ " if is_between_words(text[: found.start()], text[found.end() :]) else " "
    if kind == "sign":
        return SIGNS[piece]
    if kind == "other" and piece == "|" and text[: found.start()].endswith(" ") and text[found.end() :].startswith(" "):
        return r"\mid "
    return piece


def inner(script: str) -> str:
    """Return what stands behind `_` or `^`, without its braces: `T` on top is a transpose."""
    bare = script[1:-1] if script[0] in "{(" else script
    return re.sub(r"(?<![A-Za-z])T\b", r"\\top", formula(bare) if bare != script else letters(bare))


def letters(script: str) -> str:
    """Return a script of one word: a Greek name, or letters that each mean something."""
    sign, name = ("-", script[1:]) if script.startswith("-") else ("", script)
    return sign + ("\\" + name if name in GREEK else name)


def is_between_words(before: str, after: str) -> bool:
    """Return whether a blank stands between two factors of which one at least is a word, so that it has to be seen."""
    left, right = re.search(r"[_^]?[A-Za-z0-9]*[)\]}]?$", before)[0], re.match(r"[(\[]?[A-Za-z]*", after)[0]
    long = {name for name in (left, right) if len(name) > 1 and name.isalpha()}
    return bool(left and right and long - GREEK - FUNCTIONS - {"sum", "sqrt", "tfrac"})


def word(name: str, before: str, after: str) -> str:
    """Return a name as LaTeX."""
    if before.endswith("\\"):  # a command that is already there
        return name
    if name == "sum":
        return r"\text{sum}" if re.match(" o(f|ver) ", after) else r"\sum "
    if name in GREEK:
        return rf"\{name} "
    if name in FUNCTIONS:
        return rf"\{name} "
    if re.fullmatch("d[WbtU]", name):
        return rf"\mathrm{{d}}{name[1:]}"
    if name == "d" and re.match(r"(\^2)? [A-Za-z\\]", after):
        return r"\mathrm{d}"
    if name in WORDS or (name == "a" and re.match(" [a-z]{2,}", after)):
        return rf"\text{{ {name} }}"
    return r"\mathrm{" + name.replace("_", r"\_") + "}" if len(name) > 1 else name
