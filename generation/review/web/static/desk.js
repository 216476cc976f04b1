// The desk's behaviour: the focus view, blind pairs, dialogs, numbers and times as the reader's language has them.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const csrf = $('meta[name="csrf"]')?.content ?? "";
const store = { get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window */ } } };

const theme = store.get("theme");
if (theme) document.documentElement.dataset.theme = theme;

let saidTimer = 0;
function say(words, { bad = false, action = null } = {}) {
  const place = $("#said");
  clearTimeout(saidTimer);
  place.className = bad ? "said bad" : "said";
  place.textContent = words;
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.words;
    button.addEventListener("click", action.run);
    place.append(button);
  }
  saidTimer = setTimeout(() => { place.textContent = ""; }, bad ? 12000 : 2500);
}

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf }, body: JSON.stringify(body) };
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  if (answer.headers.get("content-type")?.includes("json")) {
    const found = await answer.json();
    if (answer.ok) return found;
    const words = found.error ?? (Array.isArray(found.detail) ? found.detail.map((each) => each.msg).join("; ") : found.detail);
    throw Object.assign(new Error(words ?? "The desk refused."), { status: answer.status });
  }
  if (!answer.ok) throw Object.assign(new Error("The desk does not answer."), { status: answer.status });
  return answer.text();
}

function localise(within = document) {
  for (const each of $$("data.number", within)) {
    const digits = Number(each.dataset.digits);
    each.textContent = new Intl.NumberFormat(navigator.language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(Number(each.value));
  }
  for (const each of $$("time[datetime]", within)) {
    const moment = new Date(each.dateTime);
    if (!Number.isNaN(moment.valueOf())) {
      each.title = each.dateTime;
      each.textContent = new Intl.DateTimeFormat(navigator.language, { dateStyle: "medium", timeStyle: "short", timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone }).format(moment);
    }
  }
}

function openHelp() {
  const dialog = $("#help");
  const box = $("#keys-on");
  box.checked = store.get("keys") !== "off";
  box.onchange = () => store.set("keys", box.checked ? "on" : "off");
  dialog.showModal();
}

function turnTheme() {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  store.set("theme", document.documentElement.dataset.theme);
}

function makeKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// ---------------------------------------------------------------- focus view

class Focus {
  constructor(root) {
    this.root = root;
    this.cards = $$("article.card", root);
    this.position = 0;
    this.decided = 0;
    this.unsaved = 0;
    this.saving = Promise.resolve();
    this.atEnd = root.dataset.single === "1";
    this.loading = null;
    this.show(0, { quiet: true });
    addEventListener("beforeunload", (event) => { if (this.unsaved) event.preventDefault(); });
  }

  get card() { return this.cards[this.position]; }

  show(position, { quiet = false } = {}) {
    this.position = Math.max(0, position);
    this.cards.forEach((card, place) => card.classList.toggle("current", place === this.position));
    const card = this.card;
    $("#empty").hidden = Boolean(card);
    if (card && !quiet) card.focus({ preventScroll: true });
    if (!quiet) scrollTo(0, 0);
    document.title = `${card ? $("h1", card).textContent : "Nothing left"} · Coverlift`;
    this.tell();
    this.ahead();
  }

  tell() {
    $("#progress").textContent = this.decided ? `${this.decided} decided` : "";
    $("#saving").textContent = this.unsaved ? `saving ${this.unsaved}…` : this.decided ? "all saved" : "";
  }

  ahead() {
    if (this.atEnd || this.loading || this.cards.length - this.position > 4) return this.loading;
    const last = this.cards.at(-1);
    const after = last ? `&after=${encodeURIComponent(last.dataset.place)}` : "";
    this.loading = ask(`/api/cards?${this.root.dataset.query}&limit=6${after}`).then((found) => {
      this.loading = null;
      if (!found.cards.length) this.atEnd = true;
      const known = new Set(this.cards.map((card) => card.dataset.case));
      for (const each of found.cards) if (!known.has(String(each.id))) this.cards.push(this.add(each.html));
      if (!this.card?.classList.contains("current")) this.show(this.position);
    }).catch((error) => { this.loading = null; say(error.message, { bad: true }); });
    return this.loading;
  }

  add(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const card = $("article", holder.content);
    $("#cards").append(card);
    localise(card);
    for (const image of $$("img", card)) image.decode?.().catch(() => {});
    return card;
  }

  async replace(id) {
    const found = await ask(`/api/cards/${id}`);
    const fresh = this.add(found.html);
    const place = this.cards.findIndex((card) => card.dataset.case === String(id));
    if (place >= 0) { this.cards[place].replaceWith(fresh); this.cards[place] = fresh; this.show(place); }
    else { this.cards.splice(this.position, 0, fresh); this.show(this.position); }
  }

  // The screen goes on at once; the decision is sent in order behind it, and sent again when the line breaks.
  decide(kind, more = {}) {
    const card = this.card;
    if (!card) return;
    performance.mark("decision");
    const body = { case: Number(card.dataset.case), seen: Number(card.dataset.seen), kind, key: makeKey(), ...more };
    const stays = kind === "note";
    if (!stays) {
      if (kind !== "skip") this.decided += 1;
      this.show(this.position + 1);
      requestAnimationFrame(() => setTimeout(() => performance.measure("decision-to-picture", "decision")));
    }
    this.unsaved += 1;
    this.tell();
    this.saving = this.saving.then(() => this.send(card, body, stays));
  }

  async send(card, body, stays) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await ask("/api/decide", body);
        this.unsaved -= 1;
        if (!stays && body.kind !== "skip") { card.dataset.seen = answer.entry; card.dataset.stale = "1"; }
        if (stays) { say("Note saved"); await this.replace(card.dataset.case); }
        this.tell();
        return;
      } catch (error) {
        if (attempt < 4 && (error.status === undefined || error.status >= 500)) {
          await new Promise((resume) => setTimeout(resume, 300 * 2 ** attempt));
          continue;
        }
        this.unsaved -= 1;
        if (!stays && body.kind !== "skip") this.decided -= 1;
        this.tell();
        say(`${$("h1", card).textContent}: not saved. ${error.message}`, { bad: true, action: { words: "Show it", run: () => this.replace(card.dataset.case) } });
        return;
      }
    }
  }

  async undo() {
    await this.saving;
    try {
      const answer = await ask("/api/undo", {});
      if (this.decided) this.decided -= 1;
      if (answer.case) {
        await this.replace(answer.case);
        say(`Taken back: ${$("h1", this.card).textContent}`);
      } else {
        say(answer.undone === 1 ? "A bulk step of one decision was taken back" : `A bulk step was taken back: ${answer.undone} decisions`);
      }
    } catch (error) { say(error.message, { bad: true }); }
  }

  reject() {
    if (!this.card) return;
    const dialog = $("#reject");
    dialog.showModal();
    $("button", dialog).focus();
  }

  words(title, about, run, { ok = "Save", grave = false } = {}) {
    const dialog = $("#words");
    const field = $("textarea", dialog);
    const button = $('button[value="ok"]', dialog);
    button.textContent = ok;
    button.className = grave ? "reject" : "primary";
    field.onkeydown = (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); button.click(); } };
    $("h2", dialog).textContent = title;
    $("#words-about").textContent = about;
    field.value = "";
    dialog.returnValue = "";
    dialog.onclose = () => { if (dialog.returnValue === "ok" && field.value.trim()) run(field.value.trim()); };
    dialog.showModal();
    field.focus();
  }

  note() { if (this.card) this.words("Note", "Everybody who opens this cover reads it.", (note) => this.decide("note", { note })); }

  takedown() {
    const card = this.card;
    if (!card) return;
    this.words("Take this cover down for good?", "It leaves the feed at once, in every segment, and never comes back. Say why, for the record.", async (reason) => {
      try {
        await this.saving;
        await ask("/api/takedown", { case: Number(card.dataset.case), cover: card.dataset.cover, reason });
        say("Taken down");
        await this.replace(card.dataset.case);
      } catch (error) { say(error.message, { bad: true }); }
    }, { ok: "Take down for good", grave: true });
  }

  pick(cover) {
    const chosen = $$('[data-do="pick"]', this.card).find((button) => button.dataset.cover === cover);
    if (!chosen) return;
    if (chosen.classList.contains("chosen")) this.decide("approve");
    else this.decide("pick", { cover });
  }

  number(digit) {
    const button = this.card && $(`[data-do="pick"][data-number="${digit}"]`, this.card);
    if (button) this.pick(button.dataset.cover);
  }

  flicker() { if (this.card) $(".flicker", this.card).classList.toggle("flipped"); }

  async similar() {
    const card = this.card;
    if (!card) return;
    const place = $(".similar", card);
    place.hidden = !place.hidden;
    if (place.hidden || place.dataset.full) return;
    place.textContent = "Looking…";
    try {
      place.innerHTML = await ask(`/api/similar/${card.dataset.cover}?ds=${card.dataset.ds}`);
      place.dataset.full = "1";
      localise(place);
    } catch (error) { place.textContent = error.message; }
  }

  next() { if (this.card) this.show(this.position + 1); }
  // A cover that was decided since it was drawn is drawn again, with what was decided.
  async previous() {
    this.show(this.position - 1);
    const card = this.card;
    if (!card?.dataset.stale) return;
    await this.saving;
    if (this.card === card) await this.replace(card.dataset.case).catch((error) => say(error.message, { bad: true }));
  }
  approve() { this.decide("approve"); }
  skip() { this.decide("skip"); }
}

// ---------------------------------------------------------------- blind pairs

class Pairs {
  constructor(root) {
    this.root = root;
    this.judged = 0;
    for (const button of $$("[data-choice]", root)) button.addEventListener("click", () => this.choose(button.dataset.choice));
  }

  async choose(choice) {
    const token = this.root.dataset.token;
    if (!token || this.busy) return;
    this.busy = true;
    try {
      await ask("/api/ab", { token, choice });
      this.judged += 1;
      const found = await ask(`/api/ab?ds=${this.root.dataset.ds}&contest=${encodeURIComponent(this.root.dataset.contest)}`);
      this.show(found.pair);
    } catch (error) { say(error.message, { bad: true }); }
    this.busy = false;
  }

  show(pair) {
    $("#pair").hidden = !pair;
    $("#ab-empty").hidden = Boolean(pair);
    this.root.dataset.token = pair?.token ?? "";
    $("#ab-count").textContent = `${this.judged} judged`;
    if (!pair) return;
    $("#ab-title").textContent = pair.title;
    $("#ab-left").src = `/img/${pair.left}`;
    $("#ab-right").src = `/img/${pair.right}`;
  }
}

// ---------------------------------------------------------------- start

const focus = $("#focus") && new Focus($("#focus"));
const pairs = $("#ab") && new Pairs($("#ab"));
const KEYS = { a: "approve", r: "reject", s: "skip", u: "undo", n: "note", j: "next", arrowright: "next", k: "previous", arrowleft: "previous", f: "flicker", m: "similar", t: "takedown" };
const SIDES = { arrowleft: "left", arrowright: "right", arrowdown: "tie", "=": "tie" };

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  const what = button.dataset.do;
  if (what === "help") openHelp();
  else if (what === "theme") turnTheme();
  else if (focus && what === "pick") focus.pick(button.dataset.cover);
  else if (focus) focus[what]();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const key = event.key.toLowerCase();
  const rejecting = $("#reject[open]");
  if (rejecting) {
    const button = /^[1-9]$/.test(key) && $$("[data-reason]", rejecting)[Number(key) - 1];
    if (button) { event.preventDefault(); button.click(); }
    return;
  }
  if ($("dialog[open]") || event.target.closest("input, select, textarea") || (event.repeat && "aru".includes(key))) return;
  if (key === "?") { if ($("#help")) { event.preventDefault(); openHelp(); } return; }
  if (store.get("keys") === "off") return;
  if (pairs && SIDES[key]) { event.preventDefault(); pairs.choose(SIDES[key]); return; }
  if (!focus) return;
  if (/^[1-9]$/.test(key)) { focus.number(key); return; }
  const decides = ["approve", "reject", "skip", "undo", "note", "takedown"].includes(KEYS[key]);
  if (KEYS[key] && (!decides || !focus.card || $(".actions", focus.card) || KEYS[key] === "undo")) { event.preventDefault(); focus[KEYS[key]](); }
});

for (const button of $$("#reject [data-reason]")) {
  button.addEventListener("click", () => { $("#reject").close(); focus.decide("reject", { reason: button.dataset.reason }); });
}

for (const place of $$("[data-count]")) {
  ask(`/api/count?${place.dataset.count}`).then((found) => {
    place.textContent = new Intl.NumberFormat(navigator.language).format(found.count) + (found.more ? "+" : "");
  }).catch(() => {});
}

localise();
