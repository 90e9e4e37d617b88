// An image that is dropped, chosen or a sample: what the network sees in it.
"use strict";

const element = id => document.getElementById(id);
let seen = null; // the outputs for the image that is shown
let asked = 0; // images so far; an answer that is late is not shown
const network = openNetwork();

network.then(
  () => say("The network is ready."),
  error => say(`The network does not run in this browser: ${error.message}`));

function say(words) {
  element("status").textContent = words;
}

async function look(blob, name) {
  const number = ++asked;
  say(`Looking at ${name} …`);
  try {
    const found = await seenIn(blob, await network);
    if (number === asked) show(found, name);
  } catch (error) {
    if (number === asked) say(`${name} cannot be read as an image here: ${error.message}`);
  }
}

function show(found, name) {
  seen = found;
  element("seen").hidden = false;
  paintView(element("view"), found.view);
  const [first] = showClasses(found);
  showHeat(0, first);
  for (const [index, stage] of CONTENT.stages.entries()) {
    showMaps(element(`maps-${index}`), found[stage.layer]);
  }
  say(`${name}: predicted ${first}, ${percent(found.probabilities.data[0])}.`);
}

const percent = probability => `${(100 * probability).toFixed(1)} %`;

// Show the classes as a choice of whose Grad-CAM is shown; return their names.
function showClasses({ classes, probabilities }) {
  const names = Array.from(classes.data, index => CONTENT.names[index]);
  const rows = names.map((name, rank) => {
    const row = element("class-row").content.cloneNode(true);
    const probability = probabilities.data[rank];
    const radio = row.querySelector("input");
    radio.checked = rank === 0;
    radio.addEventListener("change", () => showHeat(rank, name));
    row.querySelector(".name").textContent = name;
    row.querySelector("meter").value = probability;
    row.querySelector(".figure").textContent = percent(probability);
    return row;
  });
  element("classes").replaceChildren(...rows);
  return names;
}

function showHeat(rank, name) {
  paintHeat(element("heat"), seen.view, seen.heat, rank);
  element("heat").setAttribute("aria-label", `Grad-CAM of ${name} over the image`);
  element("heat-of").textContent = name;
}

function showMaps(row, maps) {
  const canvases = Array.from({ length: maps.dims[0] }, (_, which) => {
    const canvas = document.createElement("canvas");
    paintMap(canvas, maps, which);
    return canvas;
  });
  row.replaceChildren(...canvases);
}

element("kernels").replaceChildren(...kernelCanvases(CONTENT.kernels));

element("file").addEventListener("change", event => {
  const [file] = event.target.files;
  if (file) look(file, file.name);
  event.target.value = ""; // so that the same file can be chosen again
});

for (const [index, button] of document.querySelectorAll("#samples button").entries()) {
  const { png, title } = CONTENT.samples[index];
  const file = new Blob([bytesOf(png)], { type: "image/png" });
  createImageBitmap(file).then(image =>
    button.querySelector("canvas").getContext("2d").drawImage(image, 0, 0));
  button.addEventListener("click", () => look(file, `Test image of the class ${title}`));
}

// Anywhere on the page: a browser would leave it for an image that misses the box.
addEventListener("dragover", event => {
  event.preventDefault();
  element("drop").classList.add("over");
});
addEventListener("dragleave", () => element("drop").classList.remove("over"));
addEventListener("drop", event => {
  event.preventDefault();
  element("drop").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) look(file, file.name);
});
