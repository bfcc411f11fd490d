"""The page in a real browser: what it shows, what a click and a key do, that nothing else runs."""

import dataclasses
import json
import re

import browser
import fakes
import numpy as np
import pytest

from jaxvid.report import page, page_data, runs

needs_chromium = pytest.mark.skipif(bool(browser.lacking()), reason=browser.lacking() or "-")
NAMES = fakes.class_names(7)
CLIPS = 90
TITLES = "return [...document.querySelectorAll('#dialog .card strong')].map(e => e.textContent)"


@pytest.fixture(scope="module")
def workdirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    first = fakes.evaluated(folder / "first <b>run", NAMES, CLIPS)
    return [first, fakes.evaluated(folder / "second", NAMES, CLIPS, seed=1, attention=False)]


@pytest.fixture(scope="module")
def written(workdirs, tmp_path_factory):
    rng = np.random.default_rng(0)
    pictures = [fakes.sprite(rng) if i % 5 else None for i in range(CLIPS)]
    return fakes.write_page(tmp_path_factory.mktemp("page") / "report.html", workdirs, pictures)


@pytest.fixture(scope="module")
def window(written):
    with browser.Browser() as opened:
        opened.open(written)
        yield opened


@pytest.fixture
def clean(window):
    """The window without an open dialog; afterwards nothing may have been complained of."""
    window.js("document.getElementById('dialog').close()")
    yield window
    assert window.said() == []


def embedded(text: str, name: str):
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.S)
    return json.loads(found.group(1))


def test_names_are_data_and_the_file_asks_for_nothing_else(written):
    text = written.read_text(encoding="utf-8")
    assert fakes.ODD[0] not in text
    assert "<b>run" not in text
    assert embedded(text, "data")["classes"] == list(NAMES)
    assert text.count("<script>") == 1  # its own
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", text)
    assert "{{" not in text.replace(json.dumps(embedded(text, "data")), "")


def test_names_of_any_bytes_can_be_written():
    assert "&#55423;" in page.render("a\ud87fb", {"name": "a\ud87fb"}, [])


def test_the_surest_errors_come_first_and_every_class_before_one_twice(workdirs):
    run = runs.read(workdirs[0])
    order = page_data.shown_order(run)
    assert sorted(order) == list(range(CLIPS))
    errors = [i for i in order if not run.correct[i]]
    assert order[: len(errors)] == errors
    scores = run.scored.probabilities.max(-1)
    assert all(a >= b for a, b in zip(scores[errors], scores[errors[1:]], strict=False))
    classes = run.scored.labels[order[len(errors) : len(errors) + len(NAMES)]]
    assert sorted(classes) == list(range(len(NAMES)))


@needs_chromium
def test_it_shows_the_run_and_no_name_is_run(clean, workdirs):
    results = json.loads((workdirs[0] / "results.json").read_text())
    assert clean.text("h1") == "first <b>run"
    assert f"{results['accuracy']:.1%}".replace("%", " %") in clean.text("#lead")
    assert "jaxvid report" in clean.js("return document.title")  # as the class's script would not
    shown = clean.js("return [...document.querySelectorAll('#nav a')].map(e => e.hash)")
    assert shown == [
        *("#comparison", "#curves", "#mistakes", "#confusion", "#classes", "#embedding"),
        *("#roc", "#config"),
    ]
    assert clean.js("return document.querySelectorAll('#comparison tbody tr').length") == 2
    assert clean.js("return document.documentElement.scrollWidth <= innerWidth")


@needs_chromium
def test_a_cell_opens_its_clips_by_click_and_by_keys(clean, workdirs):
    scored = runs.read(workdirs[0]).scored
    cells = clean.js(
        "return [...document.querySelectorAll('.cell')].map(e => [e.at[0], e.at[1], e.textContent])"
    )
    counts = {(truth, said): int(text) for truth, said, text in cells}
    pairs, expected = np.unique([scored.labels, scored.predicted], axis=1, return_counts=True)
    assert counts == {(a, b): n for (a, b), n in zip(pairs.T.tolist(), expected, strict=True)}

    truth, said = pairs.T[3].tolist()
    clean.click(".cell", 3)
    assert re.search(rf": {counts[truth, said]} clips?$", clean.text("#dialog-title"))
    assert set(clean.js(TITLES)) == {NAMES[truth]}
    assert clean.js("return document.activeElement.closest('dialog') !== null")
    clean.press("Escape")
    assert not clean.js("return document.getElementById('dialog').open")

    clean.js("document.querySelector('.cell').focus()")
    clean.press("ArrowDown")
    assert clean.js("return document.activeElement.at[0]") == 1
    reading = clean.text("#confusion .reading")
    assert " of " in reading
    clean.press("Enter")
    assert clean.js("return document.getElementById('dialog').open")
    assert clean.text("#dialog-title").split(":")[0] == reading.split(":")[0]


@needs_chromium
def test_the_classes_sort_and_can_be_found(clean):
    def column(number):
        cells = f"return [...document.querySelectorAll('#classes tbody tr > :nth-child({number})')]"
        return clean.js(f"{cells}.map(e => e.textContent)")

    shares = [float(text.removesuffix(" %")) for text in column(5)]
    assert shares == sorted(shares)  # by F1, the worst first
    clean.click("#classes thead button", 1)
    clips = [int(text) for text in column(2)]
    assert clips == sorted(clips, reverse=True)
    clean.click("#classes thead button", 1)
    assert [int(text) for text in column(2)] == clips[::-1]
    sort = "return document.querySelector('#classes [aria-sort]').getAttribute('aria-sort')"
    assert clean.js(sort) == "ascending"
    clean.click("#classes thead button", 0)
    assert sorted(column(1)) == sorted(NAMES)
    clean.click("#classes tbody .link")
    assert set(clean.js(TITLES)) == {column(1)[0]}


@needs_chromium
def test_clips_play_with_their_attention(clean):
    cards = clean.all("#mistakes .card")
    assert cards
    counts = (
        "return [...document.querySelectorAll('#mistakes .weights')].map(e => e.children.length)"
    )
    assert set(clean.js(counts)) <= {8, 9}  # bars, and the line that moves
    clean.js(
        "document.querySelector('#mistakes .moving.film')"
        ".scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    playing = (
        "return getComputedStyle(document.querySelector('#mistakes .moving.film'))"
        ".animationPlayState"
    )
    film = "document.querySelector('#mistakes .moving.film')"
    assert clean.wait_for(f"{film}.classList.contains('seen')")
    assert clean.js(playing) == "running"
    clean.click("#motion")
    assert clean.js(playing) == "paused"
    clean.click("#motion")
    assert clean.js(playing) == "running"


@needs_chromium
def test_a_point_shows_its_clip_in_every_map(clean):
    assert len(clean.all("#embedding canvas")) == 2
    canvas = "const c = document.querySelector('#embedding canvas');"
    clean.js(canvas + "c.scrollIntoView({block: 'center', behavior: 'instant'}); c.focus()")
    clean.press("ArrowRight")
    shown = clean.text("#tip strong")
    assert shown in NAMES
    box = clean.js(
        "const b = document.querySelector('#embedding canvas').getBoundingClientRect();"
        "return [b.left, b.top, b.width]"
    )
    first = clean.js(
        "const run = JSON.parse(document.getElementById('data').textContent).runs[0];"
        "const i = run.places.map((_, i) => i)"
        ".sort((a, b) => run.places[a][0] - run.places[b][0])[0]; return run.places[i]"
    )
    clean.press("Enter")
    assert clean.js("return document.getElementById('dialog').open")
    assert clean.js(TITLES) == [shown]
    clean.press("Escape")
    half = box[2] / 2
    clean.point(box[0] + 2, box[1] + 2)
    clean.point(box[0] + half + first[0] * (half - 14), box[1] + half - first[1] * (half - 14))
    assert clean.text("#tip strong") == shown
    clean.point(5, 5)
    assert clean.js("return document.getElementById('tip').hidden")
    clean.click("#embedding .chip", 2)
    pressed = "return document.querySelectorAll('#embedding .chip[aria-pressed=true]').length"
    assert clean.js(pressed) == 1


@needs_chromium
def test_curves_are_read_by_keys_and_classes_pointed_out(clean):
    clean.js("document.querySelector('#curves svg').focus()")
    clean.press("ArrowRight", "ArrowRight")
    assert clean.text("#curves .reading").startswith("epoch ")
    clean.js(
        "const s = document.getElementById('roc-class'); s.value = s.options[1].value;"
        "s.dispatchEvent(new Event('change'))"
    )
    assert clean.js("return document.querySelectorAll('#roc .chosen').length") == 2


@needs_chromium
def test_it_follows_the_system_s_theme_until_one_is_chosen(clean):
    theme = "return document.documentElement.dataset.theme"
    paper = "return getComputedStyle(document.body).backgroundColor"
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        clean.devtools("Emulation.setEmulatedMedia", features=features)
        assert clean.wait_for(f"document.documentElement.dataset.theme === '{scheme}'")
    dark = clean.js(paper)
    clean.click("#theme")
    assert clean.js(theme) == "light"
    assert clean.js(paper) != dark


@needs_chromium
def test_all_of_it_can_be_reached_with_the_tab_key(clean):
    clean.js("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = set()
    where = (
        "const e = document.activeElement; const s = e.closest('section');"
        "return s ? s.id : e.id || e.tagName"
    )
    for _ in range(120):
        clean.press("Tab")
        reached.add(clean.js(where))
    assert {"comparison", "curves", "confusion", "classes", "embedding", "roc"} <= reached
    assert {"motion", "theme", "config"} <= reached


@needs_chromium
def test_a_run_alone_without_clips_says_so(workdirs, tmp_path):
    run = dataclasses.replace(runs.read(workdirs[1]), embeddings=None)
    data = page_data.of([run], {"clips": "no clips: <i>gone</i>"})
    path = tmp_path / "alone.html"
    path.write_text(page.render(run.name, data, []), encoding="utf-8")
    with browser.Browser(width=400, arguments=("--force-prefers-reduced-motion",)) as window:
        window.open(path)
        assert "<i>gone</i>" in window.text("#lacks")
        assert window.js("return document.getElementById('comparison').hidden")
        assert window.js("return document.getElementById('embedding').hidden")
        assert window.js("return document.getElementById('motion').hidden")
        assert window.js("return document.documentElement.scrollWidth <= innerWidth")
        window.click(".cell")
        assert window.text("#dialog .blank") == "no picture"
        assert window.said() == []
