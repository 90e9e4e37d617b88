// Numbers as colors on a canvas.
"use strict";

const VIRIDIS = bytesOf(CONTENT.colours.viridis);
const INFERNO = bytesOf(CONTENT.colours.inferno);
const OPACITY = 0.6; // of Grad-CAM over the image

// Paint width × height pixels; colourAt gives [red, green, blue] of the pixel of an index.
function paint(canvas, width, height, colourAt) {
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  for (let index = 0; index < width * height; index++) {
    image.data.set([...colourAt(index), 255], 4 * index);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// The color of a number from 0 to 1.
function colourOf(value, table) {
  const at = 3 * Math.min(255, Math.floor(256 * value));
  return [table[at], table[at + 1], table[at + 2]];
}

// Planes of 0-255, [channels, height, width], gray if there is one.
function paintView(canvas, { data, dims: [channels, height, width] }) {
  paint(canvas, width, height, index => viewColour(data, channels, width * height, index));
}

function viewColour(data, channels, area, index) {
  return [0, 1, 2].map(channel => data[(channel % channels) * area + index]);
}

// One map of [maps, height, width], 0 to 1.
function paintMap(canvas, { data, dims: [, height, width] }, which) {
  const start = which * height * width;
  paint(canvas, width, height, index => colourOf(data[start + index], VIRIDIS));
}

// The same over the image that it is of.
function paintHeat(canvas, view, { data, dims: [, height, width] }, which) {
  const area = height * width;
  paint(canvas, width, height, index => {
    const under = viewColour(view.data, view.dims[0], area, index);
    const over = colourOf(data[which * area + index], INFERNO);
    return under.map((value, channel) => (1 - OPACITY) * value + OPACITY * over[channel]);
  });
}

// Kernels side by side: pixels of 0-255, [kernels, height, width, 3].
function kernelCanvases({ count, side, pixels }) {
  const values = bytesOf(pixels);
  return Array.from({ length: count }, (_, which) => {
    const canvas = document.createElement("canvas");
    const start = which * side * side;
    paint(canvas, side, side, index =>
      values.subarray(3 * (start + index), 3 * (start + index) + 3));
    return canvas;
  });
}
