// The mathematics of the page: a Gaussian over the output, f ~ N(m, v), and what the links make of it.
//
//   z_l = W_l a_{l-1} + b_l,   a_l = act(z_l),   a_0 = x,   m = z_L     the network at theta
//   J = df / dtheta, a row of P numbers                                 by one pass backwards
//   Sigma = Q diag(1 / (scale lambda_i + prior)) Q^T                    lambda_i and Q are in the file
//   v = J Sigma J^T = sum_i (Q^T J)_i^2 / (scale lambda_i + prior)      a slider changes this sum alone

const data = JSON.parse(document.getElementById("data").textContent);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const numbers = (text) => new Float64Array(bytes(text));
const orthogonal = (text) => text && Float64Array.from(new Int32Array(bytes(text)), (q) => q / 2 ** 31);
const theta = numbers(data.theta), P = theta.length;

const ACTIVATIONS = { // a = act(z), and act'(z)
  tanh: [Math.tanh, (z, a) => 1 - a * a],
  sigmoid: [expit, (z, a) => a * (1 - a)],
  relu: [(z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)],
  softplus: [(z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))), expit],
  silu: [(z) => z * expit(z), (z) => expit(z) * (1 + z * expit(-z))],
  gelu: [(z) => z * Phi(z), (z) => Phi(z) + z * density(z)],
  identity: [(z) => z, () => 1],
};

// The layers, with room for one point: a, act'(z), and delta = dm / dz; theta holds W_1 row by row, b_1, W_2, ...
const LAYERS = [];
for (let l = 0, start = 0; l < data.sizes.length - 1; start += data.sizes[l + 1] * (data.sizes[l] + 1), l++) {
  const H = data.sizes[l + 1], [a, slopes, delta] = [1, 2, 3].map(() => new Float64Array(H));
  LAYERS.push({ I: data.sizes[l], H, start, a, slopes, delta, last: l === data.sizes.length - 2 });
}

// Return m, and write J into its place.
function linearise(x, J) {
  const [act, slope] = ACTIVATIONS[data.activation];
  let inputs = x;
  for (const { I, H, start, a, slopes, last } of LAYERS) {
    for (let h = 0; h < H; h++) {
      let z = theta[start + H * I + h];
      for (let i = 0; i < I; i++) z += theta[start + h * I + i] * inputs[i];
      a[h] = last ? z : act(z);
      slopes[h] = last ? 1 : slope(z, a[h]);
    }
    inputs = a;
  }
  for (let l = LAYERS.length - 1; l >= 0; l--) { // from the output to the inputs
    const { I, H, start, slopes, delta } = LAYERS[l], above = LAYERS[l + 1], below = l > 0 ? LAYERS[l - 1].a : x;
    for (let h = 0; h < H; h++) {
      let back = above ? 0 : 1;
      for (let k = 0; above && k < above.H; k++) back += theta[above.start + k * H + h] * above.delta[k];
      delta[h] = back * slopes[h];
      for (let i = 0; i < I; i++) J[start + h * I + i] = delta[h] * below[i];
      J[start + H * I + h] = delta[h];
    }
  }
  return inputs[0];
}

// Return the outputs m (n) and their gradients J (n, P) at points, an array of inputs.
function look(points) {
  const m = new Float64Array(points.length), J = new Float64Array(points.length * P);
  points.forEach((x, n) => { m[n] = linearise(x, J.subarray(n * P, (n + 1) * P)); });
  return { m, J };
}

// Return a posterior's eigenvalues and eigenvectors; Q has the blocks left (x) right,
// of sizes H and I, each with an eigenvector a row.
function decode(spectrum) {
  const padded = (Q, I) => { const rows = new Float64Array((I + PAD) * I); rows.set(Q); return rows; };
  const blocks = spectrum.blocks.map(({ H, I, left, right }) => (
    { H, I, left: orthogonal(left), right: right && padded(orthogonal(right), I) }));
  return { ...spectrum, blocks, values: numbers(spectrum.values), rounding: numbers(spectrum.rounding) };
}

const PAD = 3; // zeros at the end of a row, and below Q, so that four numbers at a time can be computed and written

// Write J Q to `to`, for I numbers of J at `from`, and again for those that are `step` further on: two rows and four
// eigenvectors at a time, which takes a quarter of the time of one by one.
function turn(J, from, step, rows, I, out, to, stride) {
  for (let k = 0; k < I; k += 4) {
    const r0 = k * I, r1 = r0 + I, r2 = r1 + I, r3 = r2 + I, a = to + k, b = a + stride;
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0, t0 = 0, t1 = 0, t2 = 0, t3 = 0;
    for (let i = 0; i < I; i++) {
      const s = J[from + i], t = J[from + step + i];
      const q0 = rows[r0 + i], q1 = rows[r1 + i], q2 = rows[r2 + i], q3 = rows[r3 + i];
      s0 += s * q0; s1 += s * q1; s2 += s * q2; s3 += s * q3;
      t0 += t * q0; t1 += t * q1; t2 += t * q2; t3 += t * q3;
    }
    out[a] = s0; out[a + 1] = s1; out[a + 2] = s2; out[a + 3] = s3;
    out[b] = t0; out[b + 1] = t1; out[b + 2] = t2; out[b + 3] = t3;
  }
}

// Return Q^T J for every point, (n, P_s + 3): block by block left^T J right, where a missing factor is the identity.
function project({ m, J }, { blocks, values, start }) {
  const width = values.length + PAD, all = new Float64Array(m.length * width);
  for (let n = 0; n < m.length; n += 2) {
    const two = n + 1 < m.length ? 1 : 0; // the last of an odd number of points is computed twice
    let from = n * P + start, to = n * width;
    for (const { H, I, left, right } of blocks) {
      const size = H * I + PAD, [turned, at, stride] = left ? [new Float64Array(2 * size), 0, size] : [all, to, width];
      for (let h = 0; right && h < H; h++) turn(J, from + h * I, two * P, right, I, turned, at + h * I, two * stride);
      for (const k of two ? [0, 1] : [0]) {
        if (!right) turned.set(J.subarray(from + k * P, from + k * P + H * I), at + k * stride);
        for (let g = 0; left && g < H; g++) for (let i = 0; i < I; i++) {
          let sum = 0;
          for (let h = 0; h < H; h++) sum += left[g * H + h] * turned[k * stride + h * I + i];
          all[to + k * width + g * I + i] = sum;
        }
      }
      from += H * I;
      to += H * I;
    }
  }
  return all;
}

// Return the posterior's variances 1 / (scale lambda_i + prior), or throw an Error that says why there are none.
function variances({ values, rounding, power }, { prior, temperature, noise }) {
  const scale = (data.noise ? (data.noise / noise) ** power : 1) / temperature;
  const precision = values.map((lambda) => scale * lambda + prior), least = Math.min(...precision);
  if (!(least > 0)) throw new Error(data.indefinite.replace("nan", least.toPrecision(4)));
  const lost = rounding.some((r, i) => scale * r > 10 ** -data.digits * (scale * Math.abs(values[i]) + prior));
  if (lost) throw new Error(data.unresolved);
  return precision.map((lambda) => 1 / lambda);
}

// Return v (n), one weighted sum of squares a point.
function spread(projections, variance) {
  const width = variance.length + PAD, v = new Float64Array(projections.length / width);
  for (let n = 0; n < v.length; n++)
    for (let i = 0, k = n * width; i < variance.length; i++, k++) v[n] += projections[k] * projections[k] * variance[i];
  return v;
}

// Return m + J (theta_s - theta) (n) for a theta_s of the posterior, made from white noise z.
function sample(m, projections, variance, z) {
  const width = variance.length + PAD, f = Float64Array.from(m), step = variance.map((s2, i) => Math.sqrt(s2) * z[i]);
  for (let n = 0; n < f.length; n++)
    for (let i = 0, k = n * width; i < step.length; i++, k++) f[n] += projections[k] * step[i];
  return f;
}

const LINKS = { // of classes: P(y = 1)
  plugin: (m) => expit(m),
  probit: (m, v) => expit(m / Math.sqrt(1 + Math.PI / 8 * v)),
  quadrature: average,
};
const FUNCTION = { exact: (v) => v, plugin: () => 0 }; // of a regression: the variance that is added to the noise's
