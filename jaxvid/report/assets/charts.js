// Line charts as SVG, with a reading under the pointer or the arrow keys.

const SIZE = { width: 520, height: 300, left: 46, right: 12, top: 12, bottom: 38 };
let charts = 0;

function ticks(low, high, about) {
  const rough = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) found.push(at);
  return found.map((at) => Number(at.toPrecision(6)));
}

// series: [{name, colour, points, kind: "line" | "faint" | "dots"}]; x and y: {label, low, high}.
function chart(title, series, x, y) {
  const { width, height, left, right, top, bottom } = SIZE;
  const px = (v) => left + ((v - x.low) / (x.high - x.low || 1)) * (width - left - right);
  const py = (v) => height - bottom - ((v - y.low) / (y.high - y.low || 1)) * (height - top - bottom);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", tabindex: 0,
    "aria-label": `${title}: ${y.label} over ${x.label}; the arrow keys read it` });
  for (const at of ticks(y.low, y.high, 5)) {
    svg.append(draw("line", { x1: left, x2: width - right, y1: py(at), y2: py(at), class: "grid" }),
      draw("text", { x: left - 7, y: py(at) + 3.5, class: "tick end" }, String(at)));
  }
  for (const at of ticks(x.low, x.high, 7)) {
    svg.append(draw("text", { x: px(at), y: height - bottom + 16, class: "tick middle" }, String(at)));
  }
  svg.append(draw("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, class: "axis" }),
    draw("text", { x: (left + width - right) / 2, y: height - 5, class: "label middle" }, x.label));
  // A line that leaves the axes is cut there, a dot on an axis is whole.
  const clip = `clip-${(charts += 1)}`;
  svg.append(draw("clipPath", { id: clip }, draw("rect", { x: left, y: top - 2, width: width - left - right + 2, height: height - top - bottom + 4 })));
  for (const line of series) {
    const path = line.points.map(([u, v], i) => `${i ? "L" : "M"}${px(u).toFixed(1)} ${py(v).toFixed(1)}`).join("");
    const element = draw("path", { d: path, class: `series ${line.kind}`, "clip-path": `url(#${clip})`, style: { stroke: line.colour } });
    line.element = element;
    svg.append(element);
    if (line.kind === "dots") {
      for (const [u, v] of line.points) svg.append(draw("circle", { cx: px(u), cy: py(v), r: 3.2, style: { fill: line.colour } }));
    }
  }
  const cursor = draw("line", { y1: top, y2: height - bottom, class: "cursor", visibility: "hidden" });
  svg.append(cursor);
  const reading = make("p", { class: "reading", "aria-live": "polite" }, "\u00a0");
  let at = null;
  const read = (value) => {
    at = Math.max(x.low, Math.min(x.high, value));
    set(cursor, { x1: px(at), x2: px(at), visibility: "visible" });
    const parts = series.filter((line) => line.name && line.points.length).map((line) => {
      const near = line.points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a));
      return make("span", {}, make("i", { class: "dot", style: { background: line.colour } }), `${line.name} ${near[1].toFixed(3)}`);
    });
    reading.replaceChildren(`${x.label} ${Number(at.toPrecision(3))}: `, ...parts);
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const u = ((event.clientX - box.left) / box.width) * width;
    read(x.low + ((u - left) / (width - left - right)) * (x.high - x.low));
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    read((at ?? x.low) + (step * (x.high - x.low)) / 40);
  });
  return make("figure", { class: "plot" }, make("figcaption", {}, title), svg, reading);
}

function legend(entries) {
  return make("ul", { class: "legend" }, entries.map(([name, tint, kind]) =>
    make("li", {}, make("i", { class: `key ${kind || ""}`, style: { "--tint": tint } }), name)));
}

function curves() {
  const trained = DATA.runs.filter((run) => run.curves.loss.length || run.curves.accuracy.length);
  if (!trained.length) return;
  const many = trained.length > 1;
  const section = open("curves", "Training",
    "Lines are training batches (a running mean; the loss with label smoothing, if any), dots are evaluations while training. ",
    many ? "One run each." : "One run.");
  const panel = (name, title, unit) => {
    const series = trained.flatMap((run) => run.curves[name].map((curve) => ({
      name: many ? `${run.name}, ${curve.kind}` : curve.kind,
      colour: runColour(many ? DATA.runs.indexOf(run) : curve.kind === "training" ? 9 : 0),
      points: curve.points,
      kind: curve.kind === "training" ? "faint" : "dots",
    })));
    const all = series.flatMap((line) => line.points);
    if (!all.length) return null;
    const high = name === "accuracy" ? 1 : Math.max(...all.map((p) => p[1])) * 1.03;
    return chart(title, series, { label: "epoch", low: 0, high: Math.max(...all.map((p) => p[0])) }, { label: unit, low: 0, high });
  };
  section.append(make("div", { class: "pair" },
    panel("accuracy", "Top-1 accuracy", "top-1 accuracy"), panel("loss", "Cross-entropy, nats", "cross-entropy")));
  section.append(legend(many
    ? trained.map((run) => [run.name, runColour(DATA.runs.indexOf(run))])
    : [["training batches", runColour(9)], ["evaluations", runColour(0), "dots"]]));
}

function rocs() {
  if (!DATA.roc) return;
  const section = open("roc", "ROC",
    `Each class against the rest; the dashed line is the mean of ${DATA.roc.classes.length} classes, its area ${DATA.roc.auc.toFixed(4)}.`);
  const build = (title, x, y) => {
    const faint = DATA.roc.classes.map((each) => ({ points: each.points, kind: "hair", colour: "var(--accent)", of: each }));
    const mean = { name: "mean", points: DATA.roc.mean, kind: "line", colour: "var(--ink)" };
    return [faint, chart(title, [...faint, mean], x, y)];
  };
  const rates = ["false positive rate", "true positive rate"];
  const [lines, left] = build("All of it", { label: rates[0], low: 0, high: 1 }, { label: rates[1], low: 0, high: 1 });
  const [corner, right] = build("Its corner", { label: rates[0], low: 0, high: 0.1 }, { label: rates[1], low: 0.5, high: 1 });
  const sorted = [...DATA.roc.classes].sort((a, b) => a.auc - b.auc);
  const choice = make("select", { id: "roc-class", onchange: () => {
    for (const line of [...lines, ...corner]) line.element.classList.toggle("chosen", String(line.of.class) === choice.value);
  } }, make("option", { value: "" }, "none"),
  sorted.map((each) => make("option", { value: each.class }, `${CLASSES[each.class]}, area ${each.auc.toFixed(4)}`)));
  section.append(make("p", { class: "controls" }, make("label", { for: "roc-class" }, "Class to point out "), choice),
    make("div", { class: "pair" }, left, right));
}
