// A slider over the rungs of a ladder: those up to it are in use, and it tells of the last.
"use strict";

for (const ladder of document.querySelectorAll(".ladder")) {
  const slider = ladder.querySelector("input");
  const rungs = [...ladder.querySelectorAll(".rungs > li")];
  const climb = () => {
    const at = Number(slider.value);
    for (const [index, rung] of rungs.entries()) {
      rung.classList.toggle("ahead", index > at);
      rung.classList.toggle("now", index === at);
    }
    ladder.querySelector("output").replaceChildren(
      ...[...rungs[at].querySelector(".told").childNodes].map(node => node.cloneNode(true)));
    slider.setAttribute("aria-valuetext", rungs[at].querySelector(".name").textContent);
  };
  slider.addEventListener("input", climb);
  for (const [index, rung] of rungs.entries()) {
    rung.addEventListener("click", () => {
      slider.value = index;
      climb();
    });
  }
  climb();
}
