"use strict";
// What pages share: their data, elements, readable text, and piano rolls.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u061c\u180e\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
const codePoint = (character) => "\u27e8U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9";
const readable = (text) => text.replace(CONTROL, codePoint);
const visible = (text) => readable(text).replace(/ /g, "\u2423").replace(/\n/g, "\u21b5").replace(/\t/g, "\u21e5");

function element(tag, text, attributes = {}) {
  const created = document.createElement(tag);
  if (text !== undefined) created.textContent = text;
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  return created;
}
const SVG = "http://www.w3.org/2000/svg";
function shape(tag, attributes, text) {
  const created = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  if (text !== undefined) created.textContent = text;
  return created;
}

const QUARTER = 26, SEMITONE = 7, MARGIN = 34;
// Returns an element with a piano roll; `draw(rect, note)` completes the rectangle of each note.
function pianoRoll({ grid, start, bars, tracks, notes }, draw) {
  const pitches = notes.map((note) => note[3]);
  const lowest = Math.min(...pitches, 128) - 2, highest = Math.max(...pitches, lowest + 2) + 2;
  const x = (step) => MARGIN + ((step - start) / grid) * QUARTER, y = (pitch) => 16 + (highest - pitch) * SEMITONE;
  const end = Math.max(bars[bars.length - 1], ...notes.map((note) => note[1] + note[2]));
  const height = y(lowest) + SEMITONE;
  const svg = shape("svg", { width: x(end) + 8, height, role: "img" });
  svg.append(shape("title", {}, `Piano roll of ${tracks.join(", ")}`));
  for (let pitch = lowest; pitch <= highest; pitch++) {
    if (pitch % 12 === 0) {
      svg.append(shape("line", { class: "bar", x1: MARGIN, x2: x(end), y1: y(pitch) + SEMITONE / 2, y2: y(pitch) + SEMITONE / 2, "stroke-dasharray": "2 4" }));
      svg.append(shape("text", { x: 4, y: y(pitch) + SEMITONE }, `C${pitch / 12 - 1}`));
    }
  }
  bars.forEach((step, place) => {
    if (step < start) step = start;
    svg.append(shape("line", { class: "bar", x1: x(step), x2: x(step), y1: 14, y2: height }));
    const shown = place + (start > 0 ? 0 : 1); // a pickup has no number
    if (shown % 4 === 1 && place < bars.length - 1) svg.append(shape("text", { x: x(step) + 3, y: 11 }, shown));
  });
  for (const note of notes) {
    const [, onset, duration, pitch] = note;
    const rect = shape("rect", { x: x(onset), y: y(pitch), width: (duration / grid) * QUARTER - 1, height: SEMITONE });
    draw(rect, note);
    svg.append(rect);
  }
  const roll = element("div", undefined, { class: "roll", tabindex: 0, "aria-label": "Piano roll" });
  roll.append(svg);
  return { roll, svg, x, height };
}
