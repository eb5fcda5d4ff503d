"""`tutorials/build.py slides` makes slides of the notebooks that are read without a network."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"
SCRIPT = TUTORIALS / "build.py"
of_the_slides = pytest.mark.needs(
    "jupytext", "nbclient", "nbformat", "nbconvert", "sphinx_revealjs", "sphinx-mathjax-offline"
)


@pytest.fixture(scope="module")
def deck(tmp_path_factory):
    """Return the slides of tutorial 2, and what the command has printed."""
    target = tmp_path_factory.mktemp("deck")
    command = [sys.executable, SCRIPT, "slides", "02", "--target", target]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    path = target / "02_logistic_regression.html"
    assert (run.returncode, run.stdout, run.stderr) == (0, f"written: open {path} in a browser\n", "")
    assert sorted(entry.name for entry in target.iterdir()) == [path.name, "mathjax", "reveal"]
    return path


@of_the_slides
def test_every_heading_opens_a_slide_and_every_picture_has_one(deck):
    import nbformat

    notebook = nbformat.read(TUTORIALS / "02_logistic_regression.ipynb", as_version=4)
    page = deck.read_text(encoding="utf-8")
    sections = [part.split("</section>")[0] for part in page.split("<section")[1:]]
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    headings = re.findall(r"^#{1,3} .*$", "\n".join(texts), flags=re.MULTILINE)
    assert [len(re.findall("<h[123] ", section)) for section in sections].count(1) == len(headings) > 10
    assert max(len(re.findall("<h[123] ", section)) for section in sections) == 1
    pictures = [section.count("<img") for section in sections]
    drawn = [o for cell in notebook.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    assert max(pictures) == 1
    assert sum(pictures) == len(drawn) > 2


@of_the_slides
def test_code_that_is_long_or_draws_is_folded_and_the_cells_for_answers_are_left_out(deck):
    import nbformat

    notebook = nbformat.read(TUTORIALS / "02_logistic_regression.ipynb", as_version=4)
    page = deck.read_text(encoding="utf-8")
    shown = runpy.run_path(str(TUTORIALS / "slides.py"))["SHORT"]
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    drawn = [any("image/png" in output.get("data", {}) for output in cell.outputs) for cell in codes]
    folded = [draws or len(cell.source.splitlines()) > shown for cell, draws in zip(codes, drawn, strict=True)]
    assert 0 < sum(folded) < len(codes)
    assert page.count('<summary class="code">') == sum(folded)
    assert "Your answer" not in page
    assert "references.md" not in page


@of_the_slides
def test_slides_ask_no_other_host_for_anything(deck):
    page = deck.read_text(encoding="utf-8")
    loaded = [
        url
        for pair in re.findall(r'<(?:script|img|iframe)[^>]* src="([^"]*)"|<link[^>]* href="([^"]*)"', page)
        for url in pair
        if url and not url.startswith("data:")
    ]
    assert "reveal/dist/reveal.js" in loaded
    assert "mathjax/tex-chtml.js" in loaded
    for url in loaded:
        assert (deck.parent / url).is_file(), url
        if url.endswith(".css"):
            assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//", (deck.parent / url).read_text("utf-8")) == []


@of_the_slides
@pytest.mark.browser
def test_a_browser_shows_the_slides_and_their_formulas_without_a_network(deck, tmp_path):
    from browser import Browser

    browser = Browser(tmp_path)
    try:
        browser.open(deck.as_uri())
        browser.run("MathJax.startup.promise")
        assert browser.run("Reveal.isReady()")
        assert browser.run("Reveal.getTotalSlides()") > 20
        assert browser.run("document.querySelectorAll('mjx-container').length") > 30
        assert browser.run("document.querySelectorAll('mjx-merror').length") == 0
        asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert browser.failures() == []
    finally:
        browser.close()


@of_the_slides
@pytest.mark.browser
def test_a_slide_that_is_too_long_is_set_in_smaller_type_and_none_scrolls(deck, tmp_path):
    from browser import Browser

    browser = Browser(tmp_path)
    browser.resize(1280, 800)
    try:
        browser.open(deck.as_uri())
        browser.run("MathJax.startup.promise")
        browser.run("""(() => {
            const lines = Array.from({ length: 20 }, (_, k) => `line ${k}`).join("\\n");
            const added = Object.assign(document.createElement("pre"), { textContent: lines });
            Reveal.getSlides()[3].append(added);
        })()""")
        slides = browser.run("""(async () => {
            const seen = [];
            for (const slide of Reveal.getSlides()) {
                const { h, v } = Reveal.getIndices(slide);
                Reveal.slide(h, v);
                await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
                seen.push([Number(slide.style.zoom || 1), slide.scrollHeight, slide.clientHeight]);
            }
            return seen;
        })()""")
        assert len(slides) > 20
        assert [slide for slide in slides if slide[1] > slide[2]] == []
        assert 0.6 < slides[3][0] < 1
        assert max(zoom for zoom, *_ in slides) == 1
    finally:
        browser.close()


@of_the_slides
def test_what_prints_many_lines_has_a_slide_to_itself():
    import nbformat

    module = runpy.run_path(str(TUTORIALS / "slides.py"))
    text = nbformat.v4.new_markdown_cell("text")
    for lines, kind in [(module["LONG"], "-"), (module["LONG"] + 1, "subslide")]:
        output = nbformat.v4.new_output("stream", text="a line\n" * lines)
        assert module["place"](nbformat.v4.new_code_cell("code", outputs=[output]), text) == kind


@of_the_slides
def test_slides_of_a_number_that_no_tutorial_has_are_refused(tmp_path):
    command = [sys.executable, SCRIPT, "slides", "99", "--target", tmp_path / "none"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "no tutorial '99'; there are 01, 02" in run.stderr
    assert not (tmp_path / "none").exists()
