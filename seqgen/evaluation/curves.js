// The curves of all runs, with the values at the pointer.

const AXES = [["step", "steps"], ["epoch", "epochs"], ["seconds", "time"], ["tokens", "tokens"]];
const FIGURES = [["train_nats", "training", "train"], ["valid_nats", "validation", "valid"]];
const LEFT = 56, RIGHT = 26, TOP = 10, LOSSES = 300, GAP = 16, RATES = 90, BELOW = 40;

function ticksOf(low, high, count) {
  const rough = (high - low || 1) / count, power = 10 ** Math.floor(Math.log10(rough));
  const distance = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough));
  const found = [];
  for (let place = Math.ceil(low / distance - 1e-9); place * distance <= high + 1e-9 * distance; place++) found.push(place * distance);
  return found;
}
const plain = (value) => Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });

// Returns the unit of the x axis, what its values are divided by, and its label.
function axisOf(name, highest) {
  if (name !== "seconds") return { by: 1, label: AXES.find(([each]) => each === name)[1] };
  const [by, label] = highest < 180 ? [1, "seconds"] : highest < 3 * 3600 ? [60, "minutes"] : [3600, "hours"];
  return { by, label };
}

function drawCurves(host, runs) {
  const logged = runs.filter((run) => run.log.step.length);
  for (const run of runs) if (!logged.includes(run)) missing(host, `${run.name}: no curves`, run.missing.curves);
  if (!logged.length) return;
  const units = Object.keys(logged[0].units).filter((unit) => unit !== "nats per token" && logged.every((run) => unit in run.units));
  const axis = chooser("x axis", AXES), unit = chooser("loss in", ["nats per token", ...units].map((each) => [each, each]));
  const controls = element("div", undefined, { class: "controls" }), chart = element("div");
  controls.append(axis.label, unit.label, ...logged.map((run) => named(run, "span")), element("span", "thin: training; thick: validation", { class: "dim" }));
  const readout = element("div", undefined, { class: "readout", "aria-live": "polite" });
  if (new Set(logged.map((run) => run.level)).size > 1) {
    host.append(element("p", "The runs have tokens of different kinds: losses per token cannot be compared.", { class: "dim" }));
    if (units.length) unit.choice.value = units[0];
  }
  host.append(controls, chart, readout);
  const redraw = () => chart.replaceChildren(curves(logged, axis.choice.value, unit.choice.value, chart.clientWidth || 1000, readout));
  for (const each of [axis, unit]) each.choice.addEventListener("change", redraw);
  addEventListener("resize", redraw);
  redraw();
}
function chooser(title, options) {
  const label = element("label", `${title} `), choice = element("select");
  choice.append(...options.map(([value, text]) => new Option(text, value)));
  label.append(choice);
  return { label, choice };
}

function curves(runs, axis, unit, width, readout) {
  const factor = (run) => unit === "nats per token" ? 1 : run.units[unit];
  const points = (run, name, by = 1) => run.log[axis].map((at, place) => [at, run.log[name][place]]).filter(([, value]) => value !== null).map(([at, value]) => [at, value * by]);
  const losses = runs.flatMap((run) => FIGURES.flatMap(([name]) => points(run, name, factor(run)).map(([, value]) => value)));
  const rates = runs.flatMap((run) => points(run, "learning_rate").map(([, value]) => value));
  const last = Math.max(...runs.map((run) => run.log[axis].at(-1))) || 1;
  const lowest = Math.min(...losses), highest = Math.max(...losses), margin = 0.04 * (highest - lowest) || 0.1;
  const height = TOP + LOSSES + GAP + RATES + BELOW, right = width - RIGHT;
  const x = (value) => LEFT + (value / last) * (right - LEFT);
  const y = (value) => TOP + LOSSES * (highest + margin - value) / (highest - lowest + 2 * margin);
  const bottom = TOP + LOSSES + GAP + RATES, rate = (value) => bottom - RATES * 0.95 * value / (Math.max(...rates) || 1);
  const svg = shape("svg", { class: "chart curves", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0 });
  svg.append(shape("title", {}, "Losses and learning rates of the runs"));
  for (const [top, size] of [[TOP, LOSSES], [TOP + LOSSES + GAP, RATES]]) svg.append(shape("rect", { class: "frame", x: LEFT, y: top, width: right - LEFT, height: size }));
  const rule = (from, to) => shape("line", { class: "axis", x1: from[0], y1: from[1], x2: to[0], y2: to[1] });
  for (const value of ticksOf(lowest, highest, 6)) svg.append(rule([LEFT, y(value)], [right, y(value)]), shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, plain(value)));
  const { by, label } = axisOf(axis, last);
  for (const value of ticksOf(0, last / by, Math.max(2, width / 120))) svg.append(rule([x(value * by), TOP], [x(value * by), bottom]), shape("text", { x: x(value * by), y: bottom + 16, "text-anchor": "middle" }, plain(value)));
  svg.append(shape("text", { x: (LEFT + right) / 2, y: bottom + 34, "text-anchor": "middle" }, label));
  svg.append(shape("text", { transform: `translate(13 ${TOP + LOSSES / 2}) rotate(-90)`, "text-anchor": "middle" }, unit));
  svg.append(shape("text", { transform: `translate(13 ${bottom - RATES / 2}) rotate(-90)`, "text-anchor": "middle" }, "learning rate"));
  if (rates.length) svg.append(shape("text", { x: LEFT - 6, y: rate(Math.max(...rates)) + 8, "text-anchor": "end" }, Number(Math.max(...rates).toPrecision(2))));
  const line = (found, height, kind, colour) => found.length && svg.append(shape("polyline", { class: `curve ${kind}`, stroke: colour, points: found.map(([at, value]) => `${x(at).toFixed(1)},${height(value).toFixed(1)}`).join(" ") }));
  for (const run of runs) {
    for (const [name, , kind] of FIGURES) line(points(run, name, factor(run)), y, kind, run.colour);
    for (const [at, value] of points(run, "valid_nats", factor(run))) svg.append(shape("circle", { cx: x(at), cy: y(value), r: 3, fill: run.colour }));
    line(points(run, "learning_rate"), rate, "rate", run.colour);
  }
  const cursor = shape("line", { class: "cursor", y1: TOP, y2: bottom, visibility: "hidden" });
  svg.append(cursor);
  follow(svg, cursor, runs, axis, { x, at: (place) => ((place - LEFT) / (right - LEFT)) * last, factor, unit, readout });
  return svg;
}

// Shows the values at the pointer, or those that the arrow keys select.
function follow(svg, cursor, runs, axis, { x, at, factor, unit, readout }) {
  const stops = [...new Set(runs.flatMap((run) => run.log[axis]))].sort((one, other) => one - other);
  let current = stops.length - 1;
  const nearest = (values, wanted, name, log) => values.reduce((best, value, place) =>
    log[name][place] !== null && (best < 0 || Math.abs(value - wanted) < Math.abs(values[best] - wanted)) ? place : best, -1);
  const show = (wanted) => {
    current = nearest(stops, wanted, "all", { all: stops });
    cursor.setAttribute("x1", x(stops[current]));
    cursor.setAttribute("x2", x(stops[current]));
    cursor.setAttribute("visibility", "visible");
    readout.replaceChildren(table(["", "step", "epoch", "training", "validation", "learning rate"], runs.map((run) => {
      const cell = (text) => element("td", text, { class: "number" });
      const place = nearest(run.log[axis], stops[current], "step", run.log);
      const value = (name, by) => {
        const found = nearest(run.log[axis], stops[current], name, run.log);
        if (found < 0) return "";
        const where = found === place ? "" : ` (step ${number(run.log.step[found])})`;
        return plain(by * run.log[name][found]) + where;
      };
      return [named(run, "td"), cell(number(run.log.step[place])), cell(run.log.epoch[place].toFixed(2)),
        cell(value("train_nats", factor(run))), cell(value("valid_nats", factor(run)) + ` ${unit}`), cell(value("learning_rate", 1))];
    })));
  };
  svg.addEventListener("pointermove", (event) => show(at(event.clientX - svg.getBoundingClientRect().left)));
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    show(stops[Math.max(0, Math.min(stops.length - 1, current + by))]);
  });
  show(stops[current]);
}
