// The page around the mathematics: two pictures, the sliders, and the numbers at the point that the reader moves.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const [plane, line, reading, numbers] = ["plane", "line", "reading", "numbers"].map(byId);
const fixed = (number, digits = 2) => minus((Math.abs(number) < 0.5 / 10 ** digits ? 0 : number).toFixed(digits));
const within = (value, [low, high]) => Math.min(Math.max(value, low), high);
const pair = (two) => `(${two.map((number) => fixed(number)).join(", ")})`;
const short = (number) => minus(String(Number(number.toPrecision(2))));
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
const NAMES = ["exact", "laplace", "plugin", "point"]; // in the order in which they are drawn
const LABELS = {
  exact: "exact posterior", laplace: "Laplace's Gaussian", plugin: "plugin: MAP estimate", point: "the point",
};
const LINES = { exact: [[], 2], laplace: [[7, 4], 2], plugin: [[2, 3], 2], point: [[], 3.5] }; // dashes, and width
const SHARES = [0.5, 0.95], STEP = 0.05, [LEFT, RIGHT] = data.line[0];
const XS = Array.from({ length: 121 }, (_, k) => LEFT + (RIGHT - LEFT) * k / 120);
const state = { ...data.start, shown: { exact: true, laplace: true, plugin: true, point: true } };
const theta = () => [state.w, state.b];
let inferred, levels, curves, stale = true, cursor = null, dragging = false, frame = null;

// ---- What follows from the data and the prior, and is kept while the point moves.
function inferAgain() {
  const N = data.counts[state.samples];
  inferred = infer({ x: data.x.slice(0, N), y: data.y.slice(0, N), prior: state.prior });
  levels = SHARES.map((share) => level(inferred.exact, share));
  curves = Object.fromEntries(NAMES.slice(0, 3).map((name) => [name, XS.map((x) => PREDICTIVES[name](x, inferred))]));
  stale = false;
}

// ---- Pictures: a canvas with two axes; `place` leads from numbers to pixels, and `back` from pixels to numbers.
function panel(canvas, ranges, labels, shape) {
  const pen = canvas.getContext("2d"), box = { left: 52, top: 6, right: 8, bottom: 38, width: 0, height: 0 };
  const start = (i) => (i === 0 ? box.left : box.top + box.height), length = (i) => (i === 0 ? box.width : -box.height);
  const span = (i) => ranges[i][1] - ranges[i][0];
  const place = (i, value) => start(i) + length(i) * (value - ranges[i][0]) / span(i);
  const back = (i, pixel) => ranges[i][0] + span(i) * (pixel - start(i)) / length(i);
  const resize = () => {
    const width = canvas.parentElement.clientWidth, ratio = window.devicePixelRatio;
    box.width = width - box.left - box.right;
    box.height = shape() * box.width;
    const height = box.height + box.top + box.bottom;
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    canvas.style.height = `${height}px`;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  };
  const axes = (ticks) => {
    Object.assign(pen, { strokeStyle: style("--line"), fillStyle: style("--ink") });
    Object.assign(pen, { lineWidth: 1, font: "13px system-ui" });
    pen.strokeRect(box.left, box.top, box.width, box.height);
    ticks.forEach((values, i) => values.forEach((value) => {
      pen.textAlign = i === 0 ? "center" : "right";
      const at = place(i, value);
      pen.fillText(minus(String(value)), i === 0 ? at : box.left - 6, i === 0 ? box.top + box.height + 16 : at + 4);
    }));
    pen.textAlign = "center";
    pen.fillText(labels[0], box.left + box.width / 2, box.top + box.height + 33);
    pen.save();
    pen.translate(12, box.top + box.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(labels[1], 0, 0);
    pen.restore();
  };
  const stroke = (name, path) => {
    const [dashes, lineWidth] = LINES[name];
    Object.assign(pen, { strokeStyle: style(`--${name}`), lineWidth });
    pen.setLineDash(dashes);
    pen.beginPath();
    path();
    pen.stroke();
    pen.setLineDash([]);
  };
  const from = (event) => {
    const at = canvas.getBoundingClientRect();
    return [back(0, event.clientX - at.left), back(1, event.clientY - at.top)];
  };
  return { pen, box, place, back, resize, axes, stroke, from };
}
const parameters = panel(plane, data.plane, ["slope w", "intercept b"], () => 0.92);
const inputs = panel(line, data.line, ["x", "P(y = 1)"], () => (innerWidth < 608 ? 0.55 : 0.92));

// Draw the curve on which the loss has this value: in each half of a cell of the grid, one straight line.
function contour({ n, at, losses }, value) {
  for (let i = 0; i < n - 1; i++) for (let j = 0; j < n - 1; j++) {
    const square = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]].map(([a, b]) => [a, b, losses[a * n + b] - value]);
    if (square.every((c) => c[2] > 0) || square.every((c) => c[2] <= 0)) continue;
    for (const triangle of [[square[0], square[1], square[2]], [square[0], square[2], square[3]]]) {
      const { pen, place } = parameters, ends = crossings(triangle).map(([i_0, j_0]) => at(i_0, j_0));
      ends.forEach(([w, b], e) => pen[e ? "lineTo" : "moveTo"](place(0, w), place(1, b)));
    }
  }
}

function ellipse(share) {
  const { pen, place } = parameters;
  for (let k = 0; k <= 120; k++) {
    const [w, b] = onEllipse(inferred, share, k * Math.PI / 60);
    pen.lineTo(place(0, w), place(1, b));
  }
}

function dotAt([w, b], name, radius) {
  const { pen, place } = parameters;
  pen.beginPath();
  pen.arc(place(0, w), place(1, b), radius, 0, 7);
  Object.assign(pen, { fillStyle: style(`--${name}`), strokeStyle: style("--ground"), lineWidth: 1.5 });
  pen.fill();
  pen.stroke();
}

function crossAt([w, b], name) {
  const { stroke, pen, place } = parameters, [px, py] = [place(0, w), place(1, b)];
  stroke(name, () => [[-5, 0, 5, 0], [0, -5, 0, 5]].forEach(([a, c, d, e]) => {
    pen.moveTo(px + a, py + c); pen.lineTo(px + d, py + e);
  }));
}

function draw() {
  const { shown } = state;
  if (stale) inferAgain();
  for (const { pen, box } of [parameters, inputs]) pen.clearRect(0, 0, 2 * box.width + 99, 2 * box.height + 99);
  parameters.axes([[-2, 0, 2, 4, 6, 8], [-4, -2, 0, 2, 4]]);
  inside(parameters.pen, parameters.box, () => {
    if (shown.exact) levels.forEach((value) => parameters.stroke("exact", () => contour(inferred.exact, value)));
    if (shown.laplace) SHARES.forEach((share) => parameters.stroke("laplace", () => ellipse(share)));
    if (shown.exact) crossAt(inferred.exact.mean, "exact");
    dotAt(inferred.mode, "plugin", 5);
    dotAt(theta(), "point", 8);
  });
  inputs.axes([[-6, -4, -2, 0, 2, 4, 6], [0, 0.25, 0.5, 0.75, 1]]);
  inside(inputs.pen, inputs.box, () => {
    const { pen, place } = inputs, { x, y } = inferred.problem;
    const drawn = { ...curves, point: XS.map((x_k) => probability("point", x_k)) };
    for (const name of NAMES) if (shown[name]) {
      inputs.stroke(name, () => drawn[name].forEach((p, k) => pen.lineTo(place(0, XS[k]), place(1, p))));
    }
    const r = x.length > 80 ? 2.5 : 4, strokeStyle = style("--ink");
    x.forEach((x_n, n) => (
      symbol(pen, y[n], place(0, x_n), place(1, y[n]), r, { fillStyle: data.colours[y[n]], strokeStyle })));
    if (cursor !== null) { pen.fillStyle = style("--soft"); pen.fillRect(place(0, cursor), 0, 1, 2000); }
  });
  read();
}

const probability = (name, x) => PREDICTIVES[name](x, inferred, theta());

// Write the numbers at the point, and the probabilities at the input under the pointer.
function read() {
  const { problem, least, mode, H } = inferred, at = theta();
  const total = loss(at, problem), quadratic = expansion(at, inferred);
  const parts = [nll(at, problem), penalty(at, problem), total].map((part) => fixed(part, 3));
  reading.textContent = `At the point ${pair(at)}: nll ${parts[0]} + penalty ${parts[1]} = loss ${parts[2]}`;
  if (cursor !== null) {
    const shown = NAMES.filter((name) => state.shown[name]).reverse();
    const told = shown.map((name) => `${LABELS[name]} ${fixed(probability(name, cursor), 3)}`);
    reading.textContent = `P(y = 1) at x = ${fixed(cursor)}: ${told.join(", ")}`;
  }
  const rows = [
    ["", "exact", "Laplace"],
    ["loss", fixed(total, 3), fixed(quadratic, 3)],
    ["more than at the mode", fixed(total - least, 3), fixed(quadratic - least, 3)],
    ["density, the mode's being 1", short(Math.exp(least - total)), short(Math.exp(least - quadratic))],
    ["gradient", pair(gradient(at, problem)), pair(times(H, difference(at, mode)))],
  ];
  numbers.replaceChildren(...rows.map((row, r) => element("tr", {}, ...row.map((text, c) => (
    element(r && c ? "td" : "th", { textContent: text, scope: r ? "row" : "col" }))))));
}

// ---- Controls.
const later = () => { frame ??= requestAnimationFrame(() => { frame = null; draw(); }); };

const SLIDERS = [ // what is said of a number, and how the slider's number is that of the state
  { key: "w", label: "slope w", range: data.plane[0], step: 0.01, words: (v) => fixed(v) },
  { key: "b", label: "intercept b", range: data.plane[1], step: 0.01, words: (v) => fixed(v) },
  {
    key: "samples", label: "number of samples", range: [0, data.counts.length - 1], step: 1,
    words: (k) => String(data.counts[k]),
  },
  {
    key: "prior", label: "prior precision", range: data.priors, step: "any", words: short,
    value: (v) => 10 ** v, back: Math.log10,
  },
];

function slider({ key, label, range: [min, max], step, words, value = Number, back = Number }) {
  const input = element("input", { type: "range", id: key, min, max, step, value: back(state[key]) });
  const shown = element("output", { htmlFor: key });
  const say = () => {
    shown.textContent = words(state[key]);
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  say();
  input.addEventListener("input", () => {
    state[key] = value(input.valueAsNumber);
    stale ||= key === "samples" || key === "prior";
    say();
    later();
  });
  input.addEventListener("moved", () => { input.value = back(state[key]); say(); });
  return element("div", { className: "control" }, element("label", { htmlFor: key, textContent: label }), shown, input);
}

function move(to) {
  [state.w, state.b] = to.map((v, i) => within(v, data.plane[i]));
  for (const key of ["w", "b"]) byId(key).dispatchEvent(new Event("moved"));
  later();
}

const button = (textContent, target) => {
  const made = element("button", { type: "button", textContent });
  made.addEventListener("click", () => move(target()));
  return made;
};

function key(name) {
  const icon = element("canvas", { width: 52, height: 24, className: "icon" }), on = icon.getContext("2d");
  const input = element("input", { type: "checkbox", id: `show-${name}`, checked: state.shown[name] });
  const paint = () => {
    on.setTransform(2, 0, 0, 2, 0, 0);
    on.clearRect(0, 0, 26, 12);
    Object.assign(on, { strokeStyle: style(`--${name}`), lineWidth: LINES[name][1] });
    on.setLineDash(LINES[name][0]);
    on.beginPath();
    on.moveTo(1, 6); on.lineTo(25, 6);
    on.stroke();
  };
  paint();
  dark.addEventListener("change", paint);
  input.addEventListener("change", () => { state.shown[name] = input.checked; later(); });
  return element("li", {}, element("label", {}, input, icon, LABELS[name]));
}

// What a page that embeds this one, or links to it, may start from: slope.html#w=6.8&b=1&samples=20&prior=0.1
function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1)), number = (key) => Number(asked.get(key) || NaN);
  ["w", "b"].forEach((key, i) => { if (!isNaN(number(key))) state[key] = within(number(key), data.plane[i]); });
  if (data.counts.includes(number("samples"))) state.samples = data.counts.indexOf(number("samples"));
  if (number("prior") > 0) state.prior = 10 ** within(Math.log10(number("prior")), data.priors);
}

// A finger on the point moves it, and elsewhere scrolls the page; a tap, or the mouse, moves the point to its place.
const near = ({ clientX, clientY }) => {
  const at = plane.getBoundingClientRect(), [px, py] = theta().map((v, i) => parameters.place(i, v));
  return Math.hypot(clientX - at.left - px, clientY - at.top - py) < 36;
};
const hold = (event) => { if (near(event.touches[0])) event.preventDefault(); };
plane.addEventListener("touchstart", hold, { passive: false });
plane.addEventListener("pointerdown", (event) => {
  dragging = event.pointerType === "mouse" || near(event);
  if (dragging) { plane.setPointerCapture(event.pointerId); move(parameters.from(event)); }
});
plane.addEventListener("pointermove", (event) => { if (dragging) move(parameters.from(event)); });
for (const kind of ["pointerup", "pointercancel"]) plane.addEventListener(kind, () => { dragging = false; });
plane.addEventListener("click", (event) => move(parameters.from(event)));
plane.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
  if (!step) return;
  event.preventDefault();
  move(theta().map((v, i) => v + STEP * step[i]));
});
const look = (event) => {
  const [x, p] = inputs.from(event);
  cursor = [x, p].every((v, i) => v === within(v, data.line[i])) ? x : null;
  later();
};
for (const kind of ["pointermove", "pointerdown"]) line.addEventListener(kind, look);
line.addEventListener("pointerleave", () => { cursor = null; later(); });
line.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.1, ArrowRight: 0.1 }[event.key];
  if (!step) return;
  event.preventDefault();
  cursor = within((cursor ?? 0) + step, data.line[0]);
  later();
});

const dark = matchMedia("(prefers-color-scheme: dark)");
fromAddress();
document.querySelector("main").hidden = false;
byId("keys").append(...[...NAMES].reverse().map(key));
byId("controls").append(
  ...SLIDERS.map(slider), button("to the mode", () => inferred.mode), " ",
  button("to the exact mean", () => inferred.exact.mean));
dark.addEventListener("change", later);
new ResizeObserver(() => { parameters.resize(); inputs.resize(); draw(); }).observe(document.querySelector("main"));
