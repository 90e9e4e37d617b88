// Standard deviations of activations, layer by layer: lines that grow from the first layer to the
// last, at one step of the training after the other.
"use strict";

const SECONDS = 0.8; // per layer
const ROOM = { left: 62, right: 12, top: 12, bottom: 52 };
const HEIGHT = 330;
const LETTER = 7; // width

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

class Chart {
  constructor(root, facts) {
    Object.assign(this, { root, facts, step: 0, at: 0, playing: null });
    this.slider = root.querySelector("input[type=range]");
    this.button = root.querySelector("button");
    this.steps = [...root.querySelectorAll("input[type=radio]")];
    const all = facts.variants.flatMap(({ lines }) => lines.flat(2)).filter(value => value > 0);
    this.low = Math.floor(Math.log10(Math.min(...all)));
    this.high = Math.ceil(Math.log10(Math.max(...all)));
    this.slider.addEventListener("input", () => this.stop() || this.move(Number(this.slider.value)));
    this.button.addEventListener("click", () => this.playing ? this.stop() : this.play());
    for (const [index, radio] of this.steps.entries()) {
      radio.addEventListener("change", () => this.stop() || this.move(this.at, index));
    }
    new ResizeObserver(() => this.draw()).observe(root.querySelector(".chart"));
    this.move(facts.layers.length - 1);
  }

  move(at, step = this.step) {
    Object.assign(this, { at, step });
    const layer = this.facts.layers[Math.round(at)];
    this.slider.value = Math.round(at);
    this.slider.setAttribute("aria-valuetext", layer);
    this.steps[step].checked = true;
    for (const [index, cell] of this.root.querySelectorAll(".reaches").entries()) {
      const [mean, low, high] = this.facts.variants[index].lines[step][Math.round(at)];
      cell.textContent = `${mean.toExponential(1)} (${low.toExponential(1)} to ${high.toExponential(1)})`;
    }
    this.root.querySelector(".layer").textContent = layer;
    this.draw();
  }

  // From where it stands, or from the start if that is the end.
  play() {
    const last = this.facts.layers.length - 1;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let [step, start] = this.at >= last ? [0, 0] : [this.step, this.at];
    let began = null;
    const frame = now => {
      began ??= now;
      const passed = start + (now - began) / 1000 / SECONDS;
      this.move(Math.min(last, still ? Math.floor(passed) : passed), step);
      if (passed >= last + 1) { // the end stays for the time of a layer
        if (step === this.steps.length - 1) return this.stop();
        [step, start, began] = [step + 1, 0, now];
      }
      this.playing = requestAnimationFrame(frame);
    };
    this.button.textContent = "Pause";
    this.playing = requestAnimationFrame(frame);
  }

  stop() {
    cancelAnimationFrame(this.playing);
    this.playing = null;
    this.button.textContent = "Play";
  }

  x(layer) {
    const inner = this.width - ROOM.left - ROOM.right;
    return ROOM.left + (inner * (layer + 0.5)) / this.facts.layers.length;
  }

  y(value) {
    const inner = HEIGHT - ROOM.top - ROOM.bottom;
    const log = Math.max(this.low, Math.log10(value));
    return ROOM.top + (inner * (this.high - log)) / (this.high - this.low);
  }

  draw() {
    const place = this.root.querySelector(".chart");
    this.width = place.clientWidth;
    if (!this.width) return;
    place.replaceChildren(svg("svg",
      { width: this.width, height: HEIGHT, role: "img", "aria-label": place.dataset.label },
      ...this.axes(), ...this.facts.variants.flatMap((variant, index) => this.line(variant, index))));
  }

  axes() {
    const drawn = [];
    const { layers } = this.facts;
    const slanted = this.x(1) - this.x(0) < LETTER * Math.max(...layers.map(name => name.length + 1));
    for (let power = this.low; power <= this.high; power++) {
      const y = this.y(10 ** power);
      drawn.push(svg("line", { class: "grid", x1: ROOM.left, x2: this.width - ROOM.right, y1: y, y2: y }));
      drawn.push(svg("text", { x: ROOM.left - 6, y: y + 4, "text-anchor": "end" }, "10",
        svg("tspan", { dy: -5, "font-size": 9 }, String(power).replace("-", "−"))));
    }
    for (const [index, layer] of layers.entries()) {
      const now = index === Math.round(this.at);
      const place = `translate(${this.x(index)} ${HEIGHT - ROOM.bottom + 16})`;
      drawn.push(svg("text", slanted
        ? { class: now ? "now" : "", transform: `${place} rotate(-35)`, "text-anchor": "end" }
        : { class: now ? "now" : "", transform: place, "text-anchor": "middle" }, layer));
    }
    drawn.push(svg("text", { x: this.width / 2, y: HEIGHT - 6, "text-anchor": "middle" }, "layer"));
    drawn.push(svg("text", { "text-anchor": "middle",
      transform: `translate(13 ${(HEIGHT - ROOM.bottom) / 2}) rotate(-90)` }, "standard deviation"));
    return drawn;
  }

  line({ lines, at_chance: atChance }, index) {
    const values = lines[this.step];
    const whole = Math.floor(this.at);
    const points = values.slice(0, whole + 1).map(([mean], layer) => [this.x(layer), this.y(mean)]);
    if (whole < values.length - 1 && this.at > whole) {
      const [from, to] = [this.y(values[whole][0]), this.y(values[whole + 1][0])];
      const part = this.at - whole;
      points.push([this.x(this.at), from + part * (to - from)]);
    }
    const [x, y] = points.at(-1);
    const bars = values.slice(0, whole + 1).map(([, low, high], layer) =>
      svg("line", { class: `range of-${index}`, x1: this.x(layer), x2: this.x(layer),
        y1: this.y(low), y2: this.y(high) }));
    return [...bars,
      svg("polyline", { class: `line of-${index} ${atChance ? "chance" : ""}`, points: points.join(" ") }),
      svg("circle", { class: `head of-${index}`, cx: x, cy: y, r: 5 })];
  }
}

for (const [index, root] of document.querySelectorAll(".activations").entries()) {
  new Chart(root, CONTENT.activations[index]);
}
