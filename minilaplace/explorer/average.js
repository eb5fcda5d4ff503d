// The sigmoid, and its average over a Gaussian, f ~ N(m, v): what all pages compute.
"use strict";

const expit = (z) => 1 / (1 + Math.exp(-z));
const density = (z) => Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);

function Phi(z) { // the normal distribution function by its series, Marsaglia (2004)
  if (Math.abs(z) > 8) return z > 0 ? 1 : 0;
  let sum = z, before = 0, term = z;
  for (let i = 3; sum !== before; i += 2) [before, term, sum] = [sum, term * z * z / i, sum + term * z * z / i];
  return 0.5 + sum * density(z);
}

const F = Array.from({ length: 97 }, (_, k) => k / 2 - 24), Z = Array.from({ length: 33 }, (_, k) => k / 2 - 8);
const BEYOND = F.map((f) => expit(f) - Phi(f * Math.sqrt(Math.PI / 8))); // what the probit leaves of the sigmoid

// Return E[sigmoid(f)]: the trapezoidal rule over f = m + s z or, for a wide Gaussian, over what the probit leaves.
function average(m, v) {
  const s = Math.sqrt(v);
  if (s < 1) return Z.reduce((sum, z) => sum + expit(m + s * z) * density(z) / 2, 0);
  const rest = F.reduce((sum, f, k) => sum + BEYOND[k] * density((f - m) / s), 0) / (2 * s);
  return Math.min(Math.max(Phi(m / Math.sqrt(8 / Math.PI + v)) + rest, 0), 1);
}
