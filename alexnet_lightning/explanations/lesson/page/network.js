// The network: an ONNX graph that ONNX Runtime runs in this page, see graph.py.
"use strict";

async function openNetwork() {
  const loader = new Blob([bytesOf(RUNTIME.loader)], { type: "text/javascript" });
  ort.env.wasm.numThreads = 1; // more would need headers that a folder cannot send
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(loader) };
  ort.env.wasm.wasmBinary = await unzipped(RUNTIME.wasm);
  const graph = await unzipped(GRAPH);
  return ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
}

// What the network sees in an image file: for each output of the graph, whose names begin with
// "seen.", its numbers and their shape.
async function seenIn(blob, session) {
  const { size, pillow } = CONTENT;
  const rgb = fitted(await pixelsOf(blob), size, pillow);
  const outputs = await session.run({ pixels: new ort.Tensor("uint8", rgb, [size, size, 3]) });
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data, dims }]) => [name.slice("seen.".length), { data, dims }]));
}
