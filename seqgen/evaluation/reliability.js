// The reliability diagram: how often the most likely token occurs, by its probability.

const SIDE = 300, SHARES = 60, EDGE = 46, FEW = 30;

function drawCalibration(host, run) {
  const shown = section(host, "Calibration");
  const found = run.calibration;
  if (!found) { missing(shown, "No calibration", run.missing.calibration); return; }
  const difference = found.confidence - found.accuracy;
  const verdict = Math.abs(difference) < 0.005 ? "about as confident as it is accurate" : difference > 0 ? "overconfident" : "underconfident";
  const about = element("div");
  about.append(
    element("p", `Expected calibration error: ${percent(found.error)}`),
    element("p", `At each of ${number(found.tokens)} tokens of the validation set, the model gives its most likely token a probability, ` +
      "its confidence. If it is well calibrated, tokens with a confidence of 70 % occur in 70 % of the cases, and all points are on the " +
      "diagonal; below it, the model is too confident. The error is the mean distance from the diagonal, weighted by the number of " +
      `tokens, with ${found.bins.length} intervals of confidence (Guo et al. 2017).`),
    element("p", `Mean confidence ${percent(found.confidence)}, accuracy ${percent(found.accuracy)}: on these tokens, the model is ${verdict}.`),
    element("p", `Hollow points stand for fewer than ${FEW} tokens.` +
      (found.tokens < run.numValidationTokens ? ` The validation set has ${number(run.numValidationTokens)} tokens, of which evenly spaced ones were read.` : ""), { class: "dim" }),
  );
  const beside = element("div", undefined, { class: "beside" });
  beside.append(diagram(found, run.colour), about);
  shown.append(beside);
}

function diagram({ bins, tokens }, colour) {
  const width = EDGE + SIDE + 10, bottom = 10 + SIDE, low = bottom + 10 + SHARES, height = low + 36;
  const x = (share) => EDGE + share * SIDE, y = (share) => bottom - share * SIDE;
  const svg = shape("svg", { class: "chart reliability", width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  svg.append(shape("title", {}, "Reliability diagram"), shape("rect", { class: "frame", x: EDGE, y: 10, width: SIDE, height: SIDE }));
  for (const share of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    svg.append(shape("line", { class: "axis", x1: x(0), x2: x(1), y1: y(share), y2: y(share) }), shape("line", { class: "axis", x1: x(share), x2: x(share), y1: 10, y2: bottom }));
    svg.append(shape("text", { x: EDGE - 6, y: y(share) + 4, "text-anchor": "end" }, plain(share)), shape("text", { x: x(share), y: low + 15, "text-anchor": "middle" }, plain(share)));
  }
  svg.append(shape("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), stroke: "currentColor", "stroke-dasharray": "5 4" }));
  svg.append(shape("text", { x: x(0.5), y: low + 31, "text-anchor": "middle" }, "confidence"));
  svg.append(shape("text", { transform: `translate(12 ${y(0.5)}) rotate(-90)`, "text-anchor": "middle" }, "accuracy"));
  svg.append(shape("text", { transform: `translate(12 ${low - SHARES / 2}) rotate(-90)`, "text-anchor": "middle" }, "tokens"));
  const most = Math.max(...bins.map((bin) => bin.num_tokens)), used = bins.filter((bin) => bin.num_tokens);
  svg.append(shape("polyline", { class: "curve", stroke: colour, "stroke-width": 1.5, opacity: 0.6, points: used.map((bin) => `${x(bin.confidence)},${y(bin.accuracy)}`).join(" ") }));
  bins.forEach((bin, place) => {
    if (!bin.num_tokens) return;
    const size = SHARES * bin.num_tokens / most, few = bin.num_tokens < FEW;
    const bar = shape("rect", { x: x(place / bins.length) + 1, y: low - size, width: SIDE / bins.length - 2, height: size, fill: colour, opacity: 0.6 });
    const gap = shape("line", { x1: x(bin.confidence), x2: x(bin.confidence), y1: y(bin.accuracy), y2: y(bin.confidence), stroke: colour });
    const point = shape("circle", { cx: x(bin.confidence), cy: y(bin.accuracy), r: 4.5, fill: few ? "var(--back)" : colour, stroke: colour, "stroke-width": 1.5 });
    const facts = `confidence ${percent(bin.confidence)}, accuracy ${percent(bin.accuracy)}, ${number(bin.num_tokens)} of ${number(tokens)} tokens`;
    for (const each of [bar, point]) each.append(shape("title", {}, facts));
    svg.append(bar, gap, point);
  });
  return svg;
}
