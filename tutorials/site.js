// Excerpts of the search show a formula as it is written if that can be read, and as "..." if it is TeX.
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return; // no page but that of the search has it
  const toText = Search.htmlToText;
  const formula = /<(span|div) class="math [^>]*>\s*\\[([]([\s\S]*?)\\[)\]]\s*<\/\1>/g;
  const readable = (_, tag, tex) => (/[\\{}]/.test(tex) ? "..." : tex);
  Search.htmlToText = (html, anchor) => toText(html.replace(formula, readable), anchor);
});

// A formula in a line that is wider than the page scrolls by itself.
const markWide = () => {
  for (const formula of document.querySelectorAll("mjx-container:not([display])")) {
    formula.classList.remove("wide");
    formula.classList.toggle("wide", formula.offsetWidth > formula.closest("p, li, td, dd, h1, h2, h3").clientWidth);
  }
};
window.addEventListener("load", () => window.MathJax?.startup?.promise.then(markWide));
window.addEventListener("resize", markWide);
