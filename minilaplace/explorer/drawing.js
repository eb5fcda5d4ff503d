// What all pages draw with.

const element = (name, more, ...children) => {
  const made = Object.assign(document.createElement(name), more);
  made.append(...children);
  return made;
};
const minus = (text) => text.replaceAll("-", "\u2212");

// Paint within a box alone.
function inside(pen, box, paint) {
  pen.save();
  pen.beginPath();
  pen.rect(box.left, box.top, box.width, box.height);
  pen.clip();
  paint();
  pen.restore();
}

// Draw the symbol of a label, a triangle of 1 and a disc of all others.
function symbol(pen, label, px, py, r, colours) {
  pen.beginPath();
  if (label === 1) for (const [a, b] of [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]]) pen.lineTo(px + a * r, py + b * r);
  else pen.arc(px, py, r, 0, 7);
  pen.closePath();
  Object.assign(pen, { lineWidth: 0.7, ...colours });
  pen.fill();
  pen.stroke();
}

// Return the two points at which the edges of a triangle [[x, y, value], ...] have the value 0, or none.
function crossings(triangle) {
  return triangle.flatMap(([x1, y1, v1], e) => {
    const [x2, y2, v2] = triangle[(e + 1) % 3], t = v1 / (v1 - v2);
    return v1 > 0 !== v2 > 0 ? [[x1 + t * (x2 - x1), y1 + t * (y2 - y1)]] : [];
  });
}
