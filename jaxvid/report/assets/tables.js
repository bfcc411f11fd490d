// Tables: the classes, which sort; the runs side by side; the config.

// columns: [{name, value(row), show(row), text: whether it sorts as text, first: "ascending"}].
function sortable(caption, columns, rows, start) {
  const body = make("tbody", {});
  const heads = columns.map((column, index) => {
    const button = make("button", { type: "button", onclick: () => sort(index) }, column.name);
    return make("th", { scope: "col", class: column.text ? "" : "number" }, button);
  });
  const table = make("table", {}, make("caption", {}, caption), make("thead", {}, make("tr", {}, heads)), body);
  // Rows are made once and moved: a thousand of them are sorted at once.
  const made = rows.map((row) => {
    const cells = columns.map((column, index) => make(index ? "td" : "th",
      { scope: index ? null : "row", class: column.text ? "" : "number" }, column.show(row)));
    return [row, make("tr", {}, cells)];
  });
  let sorted = null;
  let ascending = true;
  const sort = (index, keep) => {
    const column = columns[index];
    ascending = sorted === index && !keep ? !ascending : column.first === "ascending";
    sorted = index;
    const sign = ascending ? 1 : -1;
    const known = (value) => value !== null && value !== undefined;
    const keyed = made.map(([row, element]) => [column.value(row), element]);
    keyed.sort(([a], [b]) => {
      if (!known(a) || !known(b)) return known(b) - known(a);
      return sign * (column.text ? collator.compare(a, b) : a - b);
    });
    body.replaceChildren(...keyed.map(([, element]) => element));
    heads.forEach((head, at) => {
      if (at === index) head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  };
  sort(start, true);
  return [table, made];
}

const collator = new Intl.Collator(undefined, { numeric: true });

const meter = (share) => make("span", { class: "value" },
  make("span", { class: "meter", style: { "--share": `${(share || 0) * 100}%` } }), make("span", { class: "share" }, percent(share)));

function classes() {
  const section = open("classes", "Classes", "A heading sorts; a name opens the class's clips.");
  const rows = DATA.perClass.map((row, k) => ({ ...row, k, name: CLASSES[k] }));
  const columns = [
    { name: "Class", text: true, first: "ascending", value: (row) => row.name, show: (row) =>
      make("button", { type: "button", class: "link", title: row.name, onclick: () => showClips(row.name, clipsOf((a) => a === row.k)) }, row.name) },
    { name: "Clips", value: (row) => row.clips, show: (row) => String(row.clips) },
    ...["Precision", "Recall", "F1"].map((name) => ({ name, first: "ascending", value: (row) => row[name.toLowerCase()],
      show: (row) => meter(row[name.toLowerCase()]) })),
    { name: "AUC", first: "ascending", value: (row) => row.auc, show: (row) => (row.auc === null ? "–" : row.auc.toFixed(4)) },
    { name: "Most often taken for", text: true, first: "ascending", value: (row) => (row.takenFor === null ? null : CLASSES[row.takenFor]), show: (row) =>
      (row.takenFor === null ? "–" : `${CLASSES[row.takenFor]} (${row.takenTimes})`) },
  ];
  const [table, made] = sortable(`${plural(rows.length, "class", "classes")}`, columns, rows, 4);
  if (rows.length > 15) {
    const field = make("input", { type: "search", id: "class-filter", oninput: () => {
      const wanted = field.value.trim().toLowerCase();
      for (const [row, element] of made) element.hidden = !row.name.toLowerCase().includes(wanted);
    } });
    section.append(make("p", { class: "controls" }, make("label", { for: "class-filter" }, "Find a class "), field));
  }
  section.append(make("div", { class: "scroll tall" }, table));
}

function interval(run, from) {
  const [low, high] = run.interval;
  const at = (share) => `${((share - from) / (1 - from)) * 100}%`;
  return make("span", { class: "interval", role: "img", "aria-label": `95 % interval ${percent(low)} to ${percent(high)}` },
    make("i", { style: { left: at(low), width: `${((high - low) / (1 - from)) * 100}%` } }),
    make("b", { style: { left: at(run.results.accuracy) } }));
}

function comparison() {
  if (DATA.runs.length < 2) return;
  const others = DATA.runs.filter((run) => !run.sameClips).length;
  const least = Math.min(...DATA.runs.map((run) => run.interval[0]));
  const from = Math.min(0.95, Math.floor(least * 20) / 20);
  const section = open("comparison", "Runs",
    `Top-1 accuracy with its 95 % interval over the clips, drawn from ${percent(from, 0)} to 100 %; one training run each, whose own spread the interval does not cover.`,
    others ? ` ${plural(others, "run")} marked * ${others === 1 ? "was" : "were"} evaluated on other clips: compare with care.` : "");
  const number = (name, show) => ({ name, value: (run) => run.results[name.toLowerCase()] ?? null, show: (run) => show(run.results[name.toLowerCase()]) });
  const columns = [
    { name: "Run", text: true, first: "ascending", value: (run) => run.name, show: (run) => make("span", { class: "run" },
      make("i", { class: "dot", style: { background: runColour(DATA.runs.indexOf(run)) } }), run.name + (run.sameClips ? "" : " *")) },
    { name: "Top-1", value: (run) => run.results.accuracy, show: (run) => make("span", { class: "value wide" }, interval(run, from), make("span", { class: "share" }, percent(run.results.accuracy))) },
    number("Precision", percent), number("Recall", percent), number("F1", percent),
    { name: "AUC", value: (run) => run.results.auc ?? null, show: (run) => (run.results.auc ?? null) === null ? "–" : run.results.auc.toFixed(4) },
    { name: "Parameters", value: (run) => run.results.parameters, show: (run) => millions(run.results.parameters) },
    { name: "FLOPs a clip", value: (run) => run.results.flops_per_clip ?? null, show: (run) => flops(run.results.flops_per_clip) },
    { name: "Time a clip", value: (run) => run.results.seconds_per_clip, show: (run) => seconds(run.results.seconds_per_clip) },
    { name: "Clips", value: (run) => run.results.num_clips, show: (run) => whole(run.results.num_clips) },
  ];
  const [table] = sortable(`${DATA.runs.length} runs`, columns, DATA.runs, 1);
  section.append(make("div", { class: "scroll" }, table));
}

function config() {
  if (!DATA.config.length) return;
  const section = open("config", "Config",
    "The fields that differ from the defaults in jaxvid/config/fields.py; all of them below.");
  const rows = (fields) => make("dl", { class: "fields" }, fields.map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value === "" ? "(empty)" : value))));
  section.append(rows(DATA.config.filter((field) => field[2])),
    make("details", {}, make("summary", {}, `All ${DATA.config.length} fields`), rows(DATA.config)));
}
