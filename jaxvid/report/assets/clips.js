// Clips: moving pictures from strips of frames, their attention, the dialog that shows many.

const PICTURES = JSON.parse(byId("pictures").textContent);
const FEW = 24; // clips that are shown before one asks for more

const watched = new IntersectionObserver((entries) => {
  for (const entry of entries) entry.target.classList.toggle("seen", entry.isIntersecting);
});

// The film of a clip, or null where the page has none of it.
function film(clip, height = 108) {
  const picture = PICTURES[clip];
  if (!picture) return null;
  const [uri, frames, w, h, span] = picture;
  const width = Math.min((height * w) / h, 240);
  const element = make("div", {
    class: frames > 1 ? "film moving" : "film",
    role: "img",
    "aria-label": frames > 1 ? `clip of ${span} seconds` : "frame of the clip",
    style: {
      "background-image": `url("${uri}")`,
      "background-size": `${frames * 100}% 100%`,
      width: `${width}px`,
      "aspect-ratio": `${w} / ${h}`,
      "--span": `${Math.max(0.4, span)}s`,
      "--steps": `steps(${frames}, jump-none)`,
    },
  });
  watched.observe(element);
  return element;
}

// The weights of a clip's steps as bars under its film; a line moves with the film.
function weights(clip) {
  const all = CLIPS.attention;
  if (!all) return null;
  const row = all[clip];
  const highest = Math.max(...row);
  const at = row.indexOf(highest) + 1;
  const picture = PICTURES[clip];
  const bars = row.map((weight, step) =>
    make("span", {
      title: `step ${step + 1} of ${row.length}: ${weight.toFixed(3)}`,
      style: { height: `${Math.max(3, (100 * weight) / highest)}%` },
    }));
  const element = make("div", {
    class: "weights",
    role: "img",
    "aria-label": `attention: highest at step ${at} of ${row.length}, ${highest.toFixed(2)}`,
  }, bars);
  if (picture && picture[1] > 1) {
    set(element, { style: { "--span": `${Math.max(0.4, picture[4])}s`, "--steps": `steps(${picture[1]}, jump-none)` } });
    element.append(make("i", { class: "now" }));
    element.classList.add("moving");
    watched.observe(element);
  }
  return element;
}

// A card: the film, what it is, what was said of it.
function card(clip) {
  const label = CLIPS.labels[clip];
  const right = label === CLIPS.predicted[clip];
  const said = CLIPS.top[clip].map((k, place) => {
    const share = CLIPS.shares[clip][place];
    return make("li", { class: k === label ? "true" : "other" },
      make("span", { class: "meter", style: { "--share": `${share * 100}%` } }),
      make("span", { class: "what" }, CLASSES[k]),
      make("span", { class: "share" }, percent(share, share > 0.9995 ? 0 : 1)));
  });
  const shown = film(clip);
  const id = CLIPS.ids[clip];
  return make("figure", { class: `card ${right ? "right" : "wrong"}` },
    make("div", { class: "screen" }, shown || make("p", { class: "blank" }, "no picture")),
    weights(clip),
    make("figcaption", {},
      make("strong", {}, CLASSES[label]),
      make("span", { class: "verdict" }, right ? "recognised" : `taken for ${CLASSES[CLIPS.predicted[clip]]}`),
      make("ol", { class: "said", "aria-label": "highest scores" }, said),
      make("span", { class: "id", title: id }, id)));
}

// Cards of clips, a few at first.
function cards(clips, few = FEW) {
  const grid = make("div", { class: "cards" }, clips.slice(0, few).map(card));
  if (clips.length <= few) return [grid];
  let shown = few;
  const more = make("button", { type: "button", class: "more", onclick: () => {
    const first = grid.children.length;
    grid.append(...clips.slice(shown, shown + 2 * FEW).map(card));
    shown += 2 * FEW;
    if (shown >= clips.length) more.remove();
    else more.textContent = `Show more of ${whole(clips.length)}`;
    grid.children[first].tabIndex = -1;
    grid.children[first].focus();
  } }, `Show more of ${whole(clips.length)}`);
  return [grid, more];
}

function showClips(title, clips) {
  byId("dialog-title").textContent = `${title}: ${plural(clips.length, "clip")}`;
  byId("dialog-body").replaceChildren(...cards(clips));
  byId("dialog").showModal();
  byId("dialog").scrollTop = 0;
}

byId("dialog-close").addEventListener("click", () => byId("dialog").close());
byId("dialog").addEventListener("click", (event) => {
  if (event.target === byId("dialog")) byId("dialog").close();
});
byId("dialog").addEventListener("close", () => byId("dialog-body").replaceChildren());

// The clips of a cell of the confusion matrix, the surest first.
const clipsOf = (test) => CLIPS.order.filter((i) => test(CLIPS.labels[i], CLIPS.predicted[i]));

const tip = byId("tip");

// Shows a clip beside a point of the window.
function showTip(x, y, clip, extra) {
  const right = CLIPS.labels[clip] === CLIPS.predicted[clip];
  tip.replaceChildren(
    ...[film(clip, 96)].filter(Boolean),
    make("strong", {}, CLASSES[CLIPS.labels[clip]]),
    make("span", { class: right ? "verdict" : "verdict wrong" }, right ? "recognised" : `taken for ${CLASSES[CLIPS.predicted[clip]]}`),
    make("span", { class: "id" }, extra || CLIPS.ids[clip]));
  placeTip(x, y);
}

function placeTip(x, y) {
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = x + 16 + box.width > innerWidth ? x - 16 - box.width : x + 16;
  const top = Math.min(Math.max(8, y - box.height / 2), innerHeight - box.height - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${top}px`;
}

const hideTip = () => { tip.hidden = true; };
