// The confusion matrix: only cells with clips are elements, so that hundreds of classes are quick.

function matrix() {
  const count = CLASSES.length;
  const counts = new Map();
  const totals = new Array(count).fill(0);
  CLIPS.labels.forEach((truth, i) => {
    const key = truth * count + CLIPS.predicted[i];
    counts.set(key, (counts.get(key) || 0) + 1);
    totals[truth] += 1;
  });
  const section = open("confusion", "Confusions",
    "Rows are what a clip shows, columns what the model said. Blue is right, red is wrong; the stronger, the larger the share of the row. A cell opens its clips; the arrow keys go from cell to cell.");
  const named = count <= 60;
  const size = count <= 12 ? 46 : count <= 30 ? 26 : count <= 60 ? 17 : Math.max(3, Math.min(9, 760 / count));
  const grid = make("div", { class: `matrix ${named ? "named" : ""}`, role: "group", "aria-label": "confusion matrix",
    style: { "--n": count, "--size": `${size}px` } });
  if (named) {
    CLASSES.forEach((name, k) => grid.append(
      make("span", { class: "row-name", title: name, style: { "grid-row": k + 1 } }, name),
      make("span", { class: "column-name", title: name, style: { "grid-column": k + 2 } }, make("span", {}, name))));
  }
  grid.append(make("div", { class: "lattice", style: { "grid-area": `1 / 2 / span ${count} / span ${count}` } }));
  const reading = make("p", { class: "reading", "aria-live": "polite" }, "\u00a0");
  const cells = [...counts].sort((a, b) => a[0] - b[0]).map(([key, times]) => {
    const truth = Math.floor(key / count);
    const said = key % count;
    const share = times / totals[truth];
    const name = `${cellName(truth, said)}: ${times} of ${plural(totals[truth], "clip")}`;
    const tell = () => { reading.textContent = name; };
    const cell = make("button", {
      type: "button",
      class: `cell ${truth === said ? "right" : "wrong"} ${share > 0.55 ? "full" : ""}`,
      "aria-label": name,
      style: { "grid-row": truth + 1, "grid-column": said + 2, "--share": share.toFixed(3) },
      onclick: () => showClips(cellName(truth, said), clipsOf((a, b) => a === truth && b === said)),
      onfocus: tell,
      onpointerenter: tell,
    }, count <= 30 ? String(times) : null);
    cell.at = [truth, said];
    return cell;
  });
  grid.append(...cells);
  const rows = cells.reduce((all, cell) => (all[cell.at[0]] = [...(all[cell.at[0]] || []), cell], all), []);
  rove(cells, (cell, key) => {
    const [truth, said] = cell.at;
    const row = rows[truth];
    if (key === "ArrowRight") return row[row.indexOf(cell) + 1] || null;
    if (key === "ArrowLeft") return row[row.indexOf(cell) - 1] || null;
    if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
    const step = key === "ArrowUp" ? -1 : 1;
    for (let at = truth + step; at >= 0 && at < count; at += step) {
      if (rows[at]) return rows[at].reduce((a, b) => (Math.abs(b.at[1] - said) < Math.abs(a.at[1] - said) ? b : a));
    }
    return null;
  });
  const pairs = [...counts].filter(([key]) => Math.floor(key / count) !== key % count)
    .sort((a, b) => b[1] - a[1]).slice(0, 8);
  const most = make("div", { class: "most" }, make("h3", {}, "Most often confused"),
    pairs.length ? make("ol", {}, pairs.map(([key, times]) => {
      const truth = Math.floor(key / count);
      const said = key % count;
      return make("li", {}, make("button", { type: "button", class: "link",
        onclick: () => showClips(cellName(truth, said), clipsOf((a, b) => a === truth && b === said)) },
      make("b", { title: CLASSES[truth] }, CLASSES[truth]), " taken for ", make("b", { title: CLASSES[said] }, CLASSES[said])),
      make("span", { class: "share" }, `${times} of ${totals[truth]}`));
    })) : make("p", {}, "Nothing: every clip was recognised."));
  section.append(make("div", { class: "matrix-side" }, make("div", { class: "scroll", tabindex: -1 }, grid, reading), most));
}
