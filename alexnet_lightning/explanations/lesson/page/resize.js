// Pillow's ImageOps.fit(image, (side, side), BILINEAR), to the bit: the largest centered square,
// resized bilinearly with antialiasing, in whole numbers of 22 bits.
// Source: Pillow, src/libImaging/Resample.c. Its release 13 begins with the columns of images whose
// height shrinks by far more than their width; the sums are rounded after each of both passes.
"use strict";

const BITS = 22;

function fitted({ width, height, rgb }, side, release) {
  const square = Math.min(width, height);
  const across = weights(width, square, side);
  const down = weights(height, square, side);
  const shrinks = height - side;
  if (release >= 13 && shrinks > 0 && shrinks > 2 * (width - side)) {
    return weighted(weighted(rgb, 1, 3 * width, down), side, 3, across);
  }
  return weighted(weighted(rgb, height, 3, across), 1, 3 * side, down);
}

// For each of `side` pixels: the first of the `length` pixels that it reads, and their weights.
// null if the pixels stay as they are.
function weights(length, square, side) {
  if (length === side && square === side) return null;
  const start = (length - square) / 2;
  const step = square / side;
  const reach = Math.max(step, 1);
  return Array.from({ length: side }, (_, index) => {
    const center = start + (index + 0.5) * step;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(length, Math.trunc(center + reach + 0.5));
    const parts = [];
    for (let at = first; at < end; at++) {
      parts.push(Math.max(0, 1 - Math.abs((at - center + 0.5) * (1 / reach))));
    }
    const sum = parts.reduce((total, part) => total + part, 0);
    return { first, parts: parts.map(part => Math.trunc(0.5 + (part / sum) * 2 ** BITS)) };
  });
}

// Weighted sums along one axis: `values` are blocks of pixels along it, each of `depth` values.
function weighted(values, blocks, depth, axis) {
  if (axis === null) return values;
  const result = new Uint8Array(blocks * axis.length * depth);
  const size = values.length / blocks;
  let to = 0;
  for (let block = 0; block < blocks; block++) {
    for (const { first, parts } of axis) {
      for (let value = 0; value < depth; value++) {
        let sum = 1 << (BITS - 1);
        let from = block * size + first * depth + value;
        for (const part of parts) {
          sum += values[from] * part;
          from += depth;
        }
        result[to++] = Math.min(255, sum >> BITS);
      }
    }
  }
  return result;
}
