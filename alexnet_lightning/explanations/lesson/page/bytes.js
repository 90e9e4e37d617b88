// Bytes that the scripts of this folder hold as text. A page that is opened from a folder may not
// read files, but it may run scripts.
"use strict";

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function unzipped(base64) {
  const unzipping = new Blob([bytesOf(base64)]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unzipping).arrayBuffer());
}
