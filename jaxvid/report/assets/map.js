// t-SNE: the clips of each run as points; one under the pointer is shown, in every run at once.

function embedding() {
  const runs = DATA.runs.filter((run) => run.places);
  if (!runs.length) return;
  const section = open("embedding", "Embeddings",
    `t-SNE of what the classifier reads, perplexity ${runs[0].perplexity}, one seed. Neighbours are alike; distances between groups mean little. Rings are mistakes. A point shows its clip; the arrow keys go through the points, Enter opens one.`);
  const count = CLASSES.length;
  const chosen = new Set();
  const maps = runs.map((run) => scatter(run, chosen, (at) => maps.forEach((map) => map.point(at))));
  const redraw = () => maps.forEach((map) => map.draw());
  themed.push(redraw);
  const chips = CLASSES.map((name, k) => make("button", { type: "button", class: "chip", "aria-pressed": "false", title: name, onclick: (event) => {
    const on = !chosen.has(k);
    if (on) chosen.add(k);
    else chosen.delete(k);
    event.currentTarget.setAttribute("aria-pressed", String(on));
    redraw();
  } }, make("i", { class: "dot", style: { background: colour(k, count) } }), name));
  const none = make("button", { type: "button", class: "chip clear", onclick: () => {
    chosen.clear();
    chips.forEach((chip) => chip.setAttribute("aria-pressed", "false"));
    redraw();
  } }, "All classes");
  section.append(make("div", { class: "chips", role: "group", "aria-label": "classes to point out" }, none, chips),
    make("div", { class: `maps of-${Math.min(3, maps.length)}` }, maps.map((map) => map.figure)));
  new ResizeObserver(redraw).observe(section);
}

function scatter(run, chosen, tell) {
  const canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": `t-SNE of ${plural(run.places.length, "clip")}, ${run.name}; the arrow keys go through them` });
  const live = make("p", { class: "unseen", "aria-live": "polite" });
  const figure = make("figure", { class: "map" }, make("figcaption", {}, run.name, make("span", { class: "n" }, ` n = ${whole(run.places.length)}`)), canvas, live);
  const labels = run.labels || CLIPS.labels;
  // Along the first axis, so that the arrow keys go from neighbour to neighbour.
  const order = run.places.map((_, i) => i).sort((a, b) => run.places[a][0] - run.places[b][0]);
  let side = 0;
  let pointed = null;
  let hovered = false; // whether the pointer points, and not the keys
  const at = (i) => run.places[i].map((v, axis) => side / 2 + (axis ? -v : v) * (side / 2 - 14));
  const shownClass = (i) => !chosen.size || chosen.has(labels[i]);
  const draw = () => {
    side = canvas.clientWidth;
    if (!side) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(side * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const [ink, bad, faint] = ["--ink", "--bad", "--line"].map((name) => style.getPropertyValue(name));
    const radius = run.places.length > 1500 ? 2.4 : 3.6;
    const dot = (i, tint, size) => {
      const [x, y] = at(i);
      pen.fillStyle = tint;
      pen.beginPath();
      pen.arc(x, y, size, 0, 7);
      pen.fill();
    };
    order.forEach((i) => { if (!shownClass(i)) dot(i, faint, radius); });
    order.forEach((i) => { if (shownClass(i)) dot(i, colour(labels[i], CLASSES.length), radius); });
    pen.lineWidth = 1.5;
    const ring = (i, tint, size) => {
      pen.strokeStyle = tint;
      pen.beginPath();
      pen.arc(...at(i), size, 0, 7);
      pen.stroke();
    };
    order.forEach((i) => { if (run.predicted[i] !== labels[i] && shownClass(i)) ring(i, bad, radius + 2.2); });
    if (pointed !== null) {
      pen.lineWidth = 2.5;
      ring(pointed, ink, radius + 5);
    }
  };
  const say = (i) => {
    if (run.sameClips) return [i, null];
    return [null, `${CLASSES[labels[i]]}, ${run.ids[i]}`];
  };
  const show = (i) => {
    tell(run.sameClips ? i : null);
    if (!run.sameClips) { pointed = i; draw(); }
    const box = canvas.getBoundingClientRect();
    const [x, y] = at(i);
    const [clip, text] = say(i);
    if (clip !== null) showTip(box.left + x, box.top + y, clip);
    else { tip.replaceChildren(make("strong", {}, text)); placeTip(box.left + x, box.top + y); }
    live.textContent = `${CLASSES[labels[i]]}, ${labels[i] === run.predicted[i] ? "recognised" : `taken for ${CLASSES[run.predicted[i]]}`}`;
  };
  const leave = () => { tell(null); hideTip(); };
  const nearest = (event) => {
    const box = canvas.getBoundingClientRect();
    let best = null;
    let least = 14 ** 2;
    for (let i = 0; i < run.places.length; i += 1) {
      if (!shownClass(i)) continue;
      const [x, y] = at(i);
      const far = (x - event.clientX + box.left) ** 2 + (y - event.clientY + box.top) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    return best;
  };
  canvas.addEventListener("pointermove", (event) => {
    // Browsers also tell of a pointer that rests while the page moves under it.
    if (!event.movementX && !event.movementY) return;
    const i = nearest(event);
    hovered = true;
    if (i === pointed && i !== null) return;
    if (i === null) leave();
    else show(i);
  });
  canvas.addEventListener("pointerleave", () => { if (hovered) leave(); });
  canvas.addEventListener("blur", leave);
  const openClip = (i) => {
    if (i === null || !run.sameClips) return;
    hideTip();
    showClips(CLASSES[labels[i]], [i]);
  };
  canvas.addEventListener("click", (event) => openClip(nearest(event)));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (event.key === "Enter") {
      event.preventDefault(); // or it would go on to the dialog's own button
      openClip(pointed);
    }
    if (event.key === "Escape") leave();
    if (!step) return;
    event.preventDefault();
    hovered = false;
    const among = order.filter(shownClass);
    if (!among.length) return;
    show(among[(among.indexOf(pointed) + step + among.length) % among.length]);
  });
  return { figure, draw, point: (i) => { pointed = i; draw(); } };
}
