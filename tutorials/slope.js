// The mathematics of the page: logistic regression on one input, f = w x + b, and its posterior, exact and by Laplace.
//
//   L = nll + penalty = sum_n log(1 + e^(s_n f_n)) + delta / 2 (w^2 + b^2),   s_n = 1 - 2 y_n      the loss
//   g = sum_n (p_n - y_n) (x_n, 1) + delta (w, b)                                                  its gradient
//   H = sum_n p_n (1 - p_n) (x_n, 1)^T (x_n, 1) + delta I                                          its Hessian
//   N(mode, H^-1)                                                                                  Laplace's Gaussian
//   e^-L / sum of e^-L, over the points of a grid                                                  the exact posterior
//
// Symmetric matrices are written [ww, wb, bb]. Grids are those of `minilaplace.model_average.exact_posterior`.

const softplus = (f) => Math.max(f, 0) + Math.log1p(Math.exp(-Math.abs(f))); // log(1 + e^f)
const dot = (a, b) => a[0] * b[0] + a[1] * b[1];
const times = ([ww, wb, bb], [w, b]) => [ww * w + wb * b, wb * w + bb * b];
const inverse = ([ww, wb, bb]) => [bb, -wb, ww].map((entry) => entry / (ww * bb - wb * wb));
const difference = (a, b) => [a[0] - b[0], a[1] - b[1]];

function nll([w, b], { x, y }) {
  let sum = 0;
  for (let n = 0; n < x.length; n++) sum += softplus((1 - 2 * y[n]) * (w * x[n] + b));
  return sum;
}
const penalty = (theta, { prior }) => prior / 2 * dot(theta, theta);
const loss = (theta, problem) => nll(theta, problem) + penalty(theta, problem);

function gradient([w, b], { x, y, prior }) {
  const g = [prior * w, prior * b];
  x.forEach((x_n, n) => { const r = expit(w * x_n + b) - y[n]; g[0] += r * x_n; g[1] += r; });
  return g;
}

function hessian([w, b], { x, prior }) {
  const H = [prior, 0, prior];
  x.forEach((x_n) => {
    const f = w * x_n + b, curvature = expit(f) * expit(-f);
    [x_n * x_n, x_n, 1].forEach((product, i) => { H[i] += curvature * product; });
  });
  return H;
}

// Return the MAP estimate by Newton's method: theta - H^-1 g, or half of that step while it does not lower the loss.
function mode(problem) {
  let theta = [0, 0];
  for (let k = 0; k < 50; k++) {
    let step = times(inverse(hessian(theta, problem)), gradient(theta, problem));
    const before = loss(theta, problem);
    while (dot(step, step) > 1e-20 && loss(difference(theta, step), problem) > before) step = step.map((s) => s / 2);
    theta = difference(theta, step);
    if (dot(step, step) < 1e-24) break;
  }
  return theta;
}

// Return the columns of the lower L with L L^T = covariance.
function root([ww, wb, bb]) {
  const l = Math.sqrt(ww);
  return [[l, wb / l], [0, Math.sqrt(bb - wb * wb / ww)]];
}

// Return the losses at the points corner + i edges[0] + j edges[1], i and j below n, and the posterior on these points.
function grid(problem, corner, edges, n) {
  const at = (i, j) => [0, 1].map((k) => corner[k] + i * edges[0][k] + j * edges[1][k]);
  const losses = new Float64Array(n * n), NEGLIGIBLE = 25;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) losses[i * n + j] = loss(at(i, j), problem);
  const least = losses.reduce((a, b) => Math.min(a, b)), w = [], b = [], weights = [], low = [n, n], high = [0, 0];
  losses.forEach((value, k) => {
    if (value >= least + NEGLIGIBLE) return;
    const index = [Math.floor(k / n), k % n], theta = at(...index);
    w.push(theta[0]); b.push(theta[1]); weights.push(Math.exp(least - value));
    [0, 1].forEach((i) => { low[i] = Math.min(low[i], index[i]); high[i] = Math.max(high[i], index[i]); });
  });
  const total = weights.reduce((sum, weight) => sum + weight), mass = Float64Array.from(weights, (v) => v / total);
  const expected = (of) => mass.reduce((sum, m, k) => sum + m * of(w[k], b[k]), 0);
  const mean = [expected((w_k) => w_k), expected((_, b_k) => b_k)];
  const product = (i, j) => expected((...theta) => (theta[i] - mean[i]) * (theta[j] - mean[j]));
  const covariance = () => [product(0, 0), product(0, 1), product(1, 1)];
  return { n, at, losses, w: Float64Array.from(w), b: Float64Array.from(b), mass, mean, covariance, low, high };
}

// Return the exact posterior on a grid that is regular where the posterior has mean 0 and covariance I.
function exact(problem, centre, covariance) {
  const REACH = 10, COARSE = 31, FINE = problem.x.length > 40 ? 101 : 201;
  let corner, edges, seen;
  for (let k = 0; k < 4; k++) {
    const L = root(covariance);
    corner = centre.map((c, i) => c - REACH * (L[0][i] + L[1][i]));
    edges = L.map((column) => column.map((l) => 2 * REACH / (COARSE - 1) * l));
    seen = grid(problem, corner, edges, COARSE);
    [centre, covariance] = [seen.mean, seen.covariance()];
  }
  for (const n of [COARSE, FINE]) { // each time in the smallest box around what was not negligible
    corner = seen.at(seen.low[0] - 1, seen.low[1] - 1);
    edges = edges.map((edge, i) => edge.map((e) => e * (seen.high[i] - seen.low[i] + 2) / (n - 1)));
    seen = grid(problem, corner, edges, n);
  }
  return seen;
}

// Return the loss on the curve of equal density that encloses a share of the mass.
function level({ losses }, share) {
  const sorted = losses.slice().sort(), weights = sorted.map((value) => Math.exp(sorted[0] - value));
  let rest = share * weights.reduce((sum, weight) => sum + weight), k = 0;
  while ((rest -= weights[k]) > 0) k++;
  return sorted[k];
}

// Return the point in this direction on the ellipse of equal density that encloses a share of Laplace's Gaussian.
function onEllipse({ mode, covariance }, share, angle) {
  const [first, second] = root(covariance), r = Math.sqrt(-2 * Math.log(1 - share));
  return mode.map((m, i) => m + r * (Math.cos(angle) * first[i] + Math.sin(angle) * second[i]));
}

// Return all that follows from the data x, y and the prior precision: the mode, and the posterior in both forms.
function infer(problem) {
  const at = mode(problem), H = hessian(at, problem), covariance = inverse(H), least = loss(at, problem);
  return { problem, mode: at, H, covariance, least, exact: exact(problem, at, covariance) };
}

// Return the second-order expansion of the loss around the mode.
function expansion(theta, { mode, H, least }) {
  const d = difference(theta, mode);
  return least + dot(d, times(H, d)) / 2;
}

const PREDICTIVES = { // P(y = 1) at an input x, of one sigmoid or as an average
  point: (x, _, theta) => expit(dot(theta, [x, 1])),
  plugin: (x, { mode }) => expit(dot(mode, [x, 1])),
  laplace: (x, { mode, covariance }) => average(dot(mode, [x, 1]), dot([x, 1], times(covariance, [x, 1]))),
  exact: (x, { exact: { w, b, mass } }) => {
    let sum = 0;
    for (let k = 0; k < mass.length; k++) sum += mass[k] * expit(w[k] * x + b[k]);
    return sum;
  },
};
