// The page around the mathematics: controls, the picture on a canvas, and what is under the pointer.

const GRID = 50, CURVE = 240, DRAWS = 8;
const D = data.sizes[0], X = new Float32Array(bytes(data.X)), y = new Float32Array(bytes(data.y));
const viridis = new Uint8Array(bytes(data.viridis));
const short = (number) => String(Number(number.toPrecision(3)));
const canvas = element("canvas", { tabIndex: 0 });
const refused = element("div", { id: "refused" });
const [figure, reading] = ["figure", "reading"].map((id) => document.getElementById(id));
const state = { samples: false };
const decoded = {}; // posteriors by structure and curvature, decoded on first use
let view, projections, looked, cursor = null, frame = null, took = 0;

// ---- White noise that is the same at every visit: Mulberry32, and Box and Muller's normals.
let seed = 1;
function uniform() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
}
const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
const NOISE = Array.from({ length: DRAWS }, () => Float64Array.from(theta, normal));

// ---- The posterior predictive under the present state.
function posterior() {
  const spectrum = data.spectra[state.structure][state.curvature];
  if (spectrum.refused) throw new Error(spectrum.refused);
  return (decoded[`${state.structure} ${state.curvature}`] ??= decode(spectrum));
}

// Return mean m and variance v of the output at points, and P(y = 1), or the deviations of function and of all.
function predict(points) {
  const chosen = posterior(), variance = variances(chosen, state), seen = look(points);
  return { m: seen.m, ...linked(seen.m, spread(project(seen, chosen), variance)) };
}

function linked(m, v) {
  if (data.classes) return { v, p: m.map((m_n, n) => LINKS[state.link](m_n, v[n])) };
  const of_function = v.map(FUNCTION[state.link]);
  return { v: of_function, total: of_function.map((v_n) => v_n + state.noise ** 2) };
}

function points() {
  const [a, b] = data.centre, at = (k, n, middle) => middle + state.view * (2 * k / (n - 1) - 1);
  if (D === 1) return Array.from({ length: CURVE }, (_, k) => [at(k, CURVE, a)]);
  return Array.from({ length: GRID ** 2 }, (_, k) => [at(k % GRID, GRID, a), at(Math.floor(k / GRID), GRID, b)]);
}

// Return the prediction over the whole view; what does not depend on the sliders is kept.
function grid() {
  const chosen = posterior(), variance = variances(chosen, state);
  if (looked !== state.view) [view, looked, projections] = [look(points()), state.view, null];
  if (projections?.of !== chosen) projections = { of: chosen, rows: project(view, chosen) };
  const drawn = NOISE.slice(0, state.samples ? DRAWS : 0);
  const samples = drawn.map((z) => sample(view.m, projections.rows, variance, z));
  return { m: view.m, samples, ...linked(view.m, spread(projections.rows, variance)) };
}

// ---- The picture.
const pen = canvas.getContext("2d");
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
const box = { left: 46, top: 8, right: data.classes ? 62 : 10, bottom: 40, width: 0, height: 0 };
const reach = (() => { // of the axis y of a regression: the data, and as much above and below
  const low = y.reduce((a, b) => Math.min(a, b)), high = y.reduce((a, b) => Math.max(a, b));
  return [(low + high) / 2, 1.3 * (high - low || 1)];
})();
const axis = (i) => (i === 0 || data.classes ? [data.centre[i], state.view] : reach);
const place = (i, value) => {
  const [middle, half] = axis(i), share = ((value - middle) / half + 1) / 2;
  return i === 0 ? box.left + share * box.width : box.top + (1 - share) * box.height;
};

function resize() {
  const width = figure.clientWidth, ratio = window.devicePixelRatio;
  if (width === box.left + box.width + box.right) return; // the height alone has changed, which follows the width
  box.width = width - box.left - box.right;
  box.height = data.classes ? box.width : Math.max(200, 0.75 * box.width);
  const height = box.height + box.top + box.bottom;
  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  canvas.style.height = `${height}px`;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw();
}

// Draw lines at a level of values over the grid: in each triangle of four neighbours and their middle, one straight line.
function contour(values, level, colour, lineWidth) {
  const step = box.width / (GRID - 1), X0 = box.left, Y0 = box.top + box.height;
  pen.beginPath();
  for (let j = 0; j < GRID - 1; j++) for (let i = 0; i < GRID - 1; i++) {
    const k = j * GRID + i;
    const four = [[i, j, k], [i + 1, j, k + 1], [i + 1, j + 1, k + GRID + 1], [i, j + 1, k + GRID]]
      .map(([a, b, at]) => [a, b, values[at] - level]);
    if (four.every((c) => c[2] > 0) || four.every((c) => c[2] <= 0)) continue;
    const middle = [i + 0.5, j + 0.5, four.reduce((sum, c) => sum + c[2], 0) / 4];
    four.forEach((corner, n) => {
      const ends = crossings([corner, four[(n + 1) % 4], middle]);
      ends.forEach(([x, y], e) => pen[e ? "lineTo" : "moveTo"](X0 + step * x, Y0 - step * y));
    });
  }
  Object.assign(pen, { strokeStyle: colour, lineWidth });
  pen.stroke();
}

const colour = (p) => 3 * Math.min(255, Math.floor(256 * p));
function image(p, width, height) {
  const made = element("canvas", { width, height }), pixels = new ImageData(width, height);
  for (let j = 0; j < height; j++) for (let i = 0; i < width; i++) {
    const to = 4 * ((height - 1 - j) * width + i), from = colour(p[j * width + i]);
    pixels.data.set([viridis[from], viridis[from + 1], viridis[from + 2], 255], to);
  }
  made.getContext("2d").putImageData(pixels, 0, 0);
  return made;
}

function drawClasses({ p, samples }) {
  const cell = box.width / (GRID - 1);
  pen.drawImage(image(p, GRID, GRID), box.left - cell / 2, box.top - cell / 2, cell * GRID, cell * GRID);
  samples.forEach((f) => contour(f, 0, data.samples, 1.2));
  data.labelled.forEach((level) => contour(p, level, "#fff", level === 0.5 ? 2.4 : 1));
}

function line(f, colour, width = 1) {
  pen.beginPath();
  f.forEach((value, k) => pen.lineTo(box.left + box.width * k / (CURVE - 1), place(1, value)));
  Object.assign(pen, { strokeStyle: colour, lineWidth: width });
  pen.stroke();
}

function drawRegression({ m, v, total, samples }) {
  const band = (widths, colour) => {
    pen.beginPath();
    const edge = (n, sign) => pen.lineTo(box.left + box.width * n / (CURVE - 1), place(1, m[n] + sign * 2 * widths[n]));
    for (let n = 0; n < CURVE; n++) edge(n, 1);
    for (let n = CURVE - 1; n >= 0; n--) edge(n, -1);
    pen.fillStyle = colour;
    pen.fill();
  };
  band(total.map(Math.sqrt), `${data.curves.function}cc`);
  band(total.map(() => state.noise), data.curves.noise);
  samples.forEach((f) => line(f, data.samples));
  line(m, data.curves.mean, 2.5);
}

function drawData() {
  const extent = X.reduce((a, x, k) => Math.max(a, Math.abs(x - data.centre[k % D])), 0);
  const r = Math.min(Math.max(4.5 * extent / state.view, 1.6), data.classes ? 4.5 : 3);
  y.forEach((y_n, n) => {
    const px = place(0, X[n * D]), py = place(1, data.classes ? X[n * D + 1] : y_n);
    if (data.classes) mark(pen, y_n, px, py, r);
    else symbol(pen, 0, px, py, r, { fillStyle: "#000", strokeStyle: "#fff" });
  });
}

const mark = (on, c, px, py, r) => symbol(on, c, px, py, r, { fillStyle: data.colours[c], strokeStyle: "#000" });

function drawAxes() {
  Object.assign(pen, { strokeStyle: style("--line"), fillStyle: style("--ink"), lineWidth: 1, font: "13px system-ui" });
  pen.strokeRect(box.left, box.top, box.width, box.height);
  for (const i of [0, 1]) {
    const [middle, half] = axis(i), rough = half / 2.8, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((s) => s * power >= rough);
    for (let k = Math.ceil((middle - half) / step); k * step <= middle + half; k++) {
      const text = minus(short(k * step)), at = place(i, k * step);
      pen.textAlign = i === 0 ? "center" : "right";
      pen.fillText(text, i === 0 ? at : box.left - 6, i === 0 ? box.top + box.height + 16 : at + 4);
    }
  }
  pen.textAlign = "center";
  pen.fillText(data.classes ? "x\u2081" : "x", box.left + box.width / 2, box.top + box.height + 34);
  pen.save();
  pen.translate(12, box.top + box.height / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(data.classes ? "x\u2082" : "y", 0, 0);
  pen.restore();
  if (data.classes) drawBar();
}

function drawBar() {
  const left = box.left + box.width + 12, shades = Array.from({ length: 256 }, (_, k) => k / 255);
  pen.drawImage(image(shades, 1, 256), left, box.top, 14, box.height);
  pen.fillText("P(y = 1)", left + 20, box.top + box.height + 24);
  for (const p of [0, ...data.labelled, 1]) {
    const at = box.top + (1 - p) * box.height;
    pen.textAlign = "left";
    pen.fillText(String(p), left + 18, Math.min(Math.max(at + 4, box.top + 10), box.top + box.height));
    if (p > 0 && p < 1) { pen.fillStyle = "#fff"; pen.fillRect(left, at - 1, 14, p === 0.5 ? 2.4 : 1); pen.fillStyle = style("--ink"); }
  }
}

function draw() {
  const begun = performance.now();
  let seen = null;
  refused.textContent = "";
  try {
    seen = grid();
  } catch (error) {
    refused.textContent = error.message;
  }
  pen.clearRect(0, 0, canvas.width, canvas.height);
  inside(pen, box, () => {
    if (seen) (data.classes ? drawClasses : drawRegression)(seen);
    drawData();
    if (cursor) drawCursor();
  });
  drawAxes();
  read();
  took = performance.now() - begun;
}

function drawCursor() {
  pen.beginPath();
  const [px, py] = [place(0, cursor[0]), data.classes ? place(1, cursor[1]) : null];
  pen.moveTo(px, box.top); pen.lineTo(px, box.top + box.height);
  if (data.classes) { pen.moveTo(box.left, py); pen.lineTo(box.left + box.width, py); }
  Object.assign(pen, { strokeStyle: data.classes ? "#ffffffb0" : style("--soft"), lineWidth: 1 });
  pen.stroke();
}

// Write what is predicted under the cursor.
function read() {
  reading.textContent = "Point at the picture, or move over it with the arrow keys, to read its numbers.";
  if (!cursor || refused.textContent) return;
  const { m, v, p, total } = predict([cursor]), deviation = short(Math.sqrt(v[0]));
  reading.textContent = data.classes
    ? `x = (${cursor.map(short).join(", ")}): P(y = 1) = ${p[0].toFixed(3)}; logit: mean ${short(m[0])}, standard deviation ${deviation}`
    : `x = ${short(cursor[0])}: mean ${short(m[0])}; standard deviation: function ${deviation}, with noise ${short(Math.sqrt(total[0]))}`;
}

// ---- Controls.
const later = () => { frame ??= requestAnimationFrame(() => { frame = null; draw(); }); };

function control(id, label, input, ...more) {
  return element("div", { className: "control" }, element("label", { htmlFor: id, textContent: label }), ...more, input);
}

function slider({ key, label, value, low, high }) {
  const input = element("input", { type: "range", id: key, min: low, max: high, step: "any", value });
  const shown = element("output", { htmlFor: key });
  const set = () => {
    state[key] = 10 ** input.valueAsNumber;
    shown.textContent = key === "view" ? `\u00b1${short(state[key])}` : short(state[key]);
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  set();
  input.addEventListener("input", () => { set(); later(); });
  return control(key, label, input, shown);
}

function choice({ key, options, value }) {
  const input = element("select", { id: key }, ...options.map((text) => element("option", { value: text }, text)));
  input.value = state[key] = value;
  input.addEventListener("change", () => { state[key] = input.value; later(); });
  return control(key, key, input);
}

function samplesSwitch() {
  const input = element("input", { type: "checkbox", id: "samples" });
  input.addEventListener("change", () => { state.samples = input.checked; later(); });
  return control("samples", data.classes ? `${DRAWS} samples' boundaries` : `${DRAWS} sampled functions`, input);
}

// What a page that embeds this one, or links to it, may start from: page.html#prior=0.01&link=plugin
function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const s of data.sliders) {
    const value = Number(asked.get(s.key));
    if (value > 0) s.value = Math.min(Math.max(Math.log10(value), s.low), s.high);
  }
  for (const c of data.choices) if (c.options.includes(asked.get(c.key))) c.value = asked.get(c.key);
}

function point(event) {
  const at = canvas.getBoundingClientRect();
  const shares = [(event.clientX - at.left - box.left) / box.width, 1 - (event.clientY - at.top - box.top) / box.height];
  const within = shares.every((s) => s >= 0 && s <= 1);
  cursor = within ? shares.slice(0, D).map((s, i) => data.centre[i] + state.view * (2 * s - 1)) : null;
  later();
}

function arrow(event) {
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
  if (!move || (D === 1 && !move[0])) return;
  event.preventDefault();
  const from = cursor ?? data.centre;
  cursor = from.map((x, i) => {
    const to = x + move[i] * state.view / 25;
    return Math.min(Math.max(to, data.centre[i] - state.view), data.centre[i] + state.view);
  });
  later();
}

function legend() {
  const key = (text, paint) => {
    const icon = element("canvas", { width: 36, height: 24 }), on = icon.getContext("2d");
    icon.style.cssText = "display: inline-block; width: 18px; height: 12px; cursor: auto; margin-right: .3rem";
    on.scale(2, 2);
    paint(on);
    return element("li", {}, icon, text);
  };
  const bar = (colour) => (on) => { on.fillStyle = colour; on.fillRect(0, 3, 18, 6); };
  if (data.classes) return [0, 1].map((c) => key(`y = ${c}`, (on) => mark(on, c, 9, 6, 4.5)));
  const { mean, function: margin, noise } = data.curves;
  return [key("mean", bar(mean)), key("noise alone", bar(noise)), key("noise and function", bar(`${margin}cc`))];
}

fromAddress();
figure.classList.toggle("classes", data.classes);
figure.append(canvas, refused);
canvas.setAttribute("role", "img");
canvas.setAttribute("aria-label", "The posterior predictive; the arrow keys move the point that is read out below.");
document.getElementById("controls").append(
  ...data.sliders.map(slider), ...data.choices.map(choice), samplesSwitch());
document.getElementById("keys").append(...legend());
canvas.addEventListener("pointermove", point);
canvas.addEventListener("pointerdown", point);
canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") { cursor = null; later(); } });
canvas.addEventListener("keydown", arrow);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", later);
new ResizeObserver(resize).observe(figure);
window.minilaplace = { state, predict, draw: () => { draw(); return took; } };
