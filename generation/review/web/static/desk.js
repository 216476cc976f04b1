// The desk's behaviour: the focus view, blind pairs, dialogs, numbers and times as the reader's language has them.
"use strict";

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

// ---------------------------------------------------------------- focus view

class Focus {
  constructor(root) {
    this.root = root;
    this.cards = $$("article.card", root);
    this.position = 0;
    this.decided = 0;
    this.mine = []; // decisions of this page that can be taken back, the newest last
    this.atEnd = root.dataset.single === "1";
    this.loading = null;
    this.failures = 0;
    if (!this.atEnd) this.leaveOut(outbox.cases());
    outbox.settled = (item, answer) => this.settled(item, answer);
    outbox.refused = (item, error) => this.refused(item, error);
    outbox.changed = () => this.tell();
    this.skipped = []; // shown again when everything else was
    this.show(0, { quiet: true });
    if (!this.atEnd) this.measure();
  }

  async measure() {
    const found = await ask(`/api/count?${this.root.dataset.query}`).catch(() => null);
    if (!found) return;
    this.total = new Intl.NumberFormat(navigator.language).format(found.count) + (found.more ? "+" : "");
    this.tell();
  }

  get card() { return this.cards[this.position]; }

  // Covers whose decision still waits to be sent are shown by the desk again; this person has seen them.
  leaveOut(cases) {
    for (const card of this.cards.filter((each) => cases.has(each.dataset.case))) card.remove();
    this.cards = this.cards.filter((each) => !cases.has(each.dataset.case));
  }

  find(id) { return this.cards.find((card) => card.dataset.case === String(id)); }

  show(position, { quiet = false } = {}) {
    this.position = Math.max(0, position);
    this.cards.forEach((card, place) => card.classList.toggle("current", place === this.position));
    const card = this.card;
    $("#empty").hidden = Boolean(card) || !this.atEnd;
    $("#loading").hidden = Boolean(card) || this.atEnd;
    if (card && !quiet) card.focus({ preventScroll: true });
    if (!quiet) scrollTo(0, 0);
    document.title = `${card ? $("h1", card).textContent : this.atEnd ? "Nothing left" : "Loading"} · Coverlift`;
    this.tell();
    this.ahead();
    this.again();
  }

  tell() {
    const waiting = outbox.waiting().length;
    const refused = outbox.all().length - waiting;
    const place = this.card && this.total ? `${this.position + 1} of ${this.total}` : "";
    $("#progress").textContent = [place, this.decided ? `${this.decided} decided` : ""].filter(Boolean).join(" · ");
    $("#saving").classList.toggle("bad", Boolean(outbox.trouble || refused));
    $("#saving").textContent = waiting ? (outbox.trouble ? `${waiting} not saved, trying` : `saving ${waiting}…`) : refused ? `${refused} not saved` : this.decided ? "all saved" : "";
  }

  ahead() {
    if (this.atEnd || this.loading || this.cards.length - this.position > 4) return this.loading;
    const last = this.cards.at(-1)?.dataset.place ?? this.last;
    const after = last ? `&after=${encodeURIComponent(last)}` : "";
    this.loading = ask(`/api/cards?${this.root.dataset.query}&limit=6${after}`).then((found) => {
      this.loading = null;
      this.failures = 0;
      if (!found.cards.length) { this.atEnd = true; this.again(); }
      else this.last = found.cards.at(-1).place;
      const known = new Set([...this.cards.map((card) => card.dataset.case), ...outbox.cases()]);
      for (const each of found.cards) if (!known.has(String(each.id))) this.cards.push(this.add(each.html));
      if (!this.card?.classList.contains("current")) this.show(this.position);
    }).catch(async (error) => {
      if (error.status === 401) await session.again();
      else if (!this.card) $("#loading-words").textContent = error.message;
      await pause(Math.min(500 * 2 ** this.failures, 5000));
      this.failures += 1;
      this.loading = null;
      this.ahead();
    });
    return this.loading;
  }

  // What was skipped comes back last, once more each time it is skipped.
  again() {
    if (!this.atEnd || this.cards.length - this.position > 1) return;
    for (const id of this.skipped.splice(0)) this.bring(id);
  }

  async bring(id) {
    const found = await ask(`/api/cards/${id}`).catch(() => null);
    if (!found) { this.skipped.push(id); return; }
    this.find(id)?.remove();
    const before = this.cards.findIndex((card) => card.dataset.case === String(id));
    if (before >= 0) { this.cards.splice(before, 1); if (before < this.position) this.position -= 1; }
    this.cards.push(this.add(found.html));
    this.show(this.position, { quiet: true });
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

  // Draws a cover anew; one that is not here comes before the one that is shown.
  async replace(id) {
    const found = await ask(`/api/cards/${id}`);
    const fresh = this.add(found.html);
    const place = this.cards.findIndex((card) => card.dataset.case === String(id));
    if (place < 0) { this.cards.splice(this.position, 0, fresh); this.show(this.position); return; }
    const focused = this.cards[place].contains(document.activeElement);
    this.cards[place].replaceWith(fresh);
    this.cards[place] = fresh;
    fresh.classList.toggle("current", place === this.position);
    if (focused) fresh.focus({ preventScroll: true });
  }

  // The screen goes on at once; the decision waits in the browser until the desk has it.
  decide(kind, more = {}) {
    const card = this.card;
    if (!card) return;
    performance.mark("decision");
    const stays = kind === "note";
    const body = { case: Number(card.dataset.case), seen: Number(card.dataset.seen), kind, key: makeKey(), ...more };
    this.put(card, "/api/decide", body, { kind, decides: !stays });
    if (stays) return;
    if (kind === "skip") this.skipped.push(card.dataset.case);
    else { this.decided += 1; this.mine.push({ key: body.key, case: card.dataset.case }); }
    this.show(this.position + 1);
    requestAnimationFrame(() => setTimeout(() => performance.measure("decision-to-picture", "decision")));
  }

  put(card, path, body, more) {
    outbox.add({ path, body, case: card?.dataset.case ?? null, title: card ? $("h1", card).textContent : "Undo", ...more });
  }

  settled(item, answer) {
    const card = this.find(item.case);
    if (item.kind === "undo") { if (answer.bulk) this.askBulk(answer.bulk); else this.takenBack(item, answer); return; }
    if (item.kind === "skip") return;
    if (item.kind === "note" || item.kind === "takedown") {
      say(item.kind === "note" ? "Note saved" : "Taken down");
      this.replace(item.case).catch((error) => say(error.message, { bad: true }));
    } else if (card) {
      card.dataset.seen = answer.entry;
      card.dataset.stale = "1";
      this.fresh();
    }
  }

  // Returns whether it is dealt with; else it stays on the page until somebody has read it.
  refused(item, error) {
    if (item.kind === "undo") { say(error.message, { bad: true }); return true; }
    if (item.decides && item.kind !== "skip" && item.kind !== "takedown") {
      this.decided = Math.max(0, this.decided - 1);
      this.mine = this.mine.filter((each) => each.key !== item.body.key);
    }
    return item.kind === "skip";
  }

  // What this page decided last is on the screen again at once; the desk takes it back when its turn comes.
  undo() {
    const last = this.mine.pop();
    const place = last ? this.cards.findIndex((card) => card.dataset.case === last.case) : -1;
    if (place >= 0) { this.show(place); this.decided = Math.max(0, this.decided - 1); }
    this.put(place >= 0 ? this.card : null, "/api/undo", { key: makeKey(), ...(last ? { of: last.key } : {}) }, { kind: "undo" });
  }

  async takenBack(item, answer) {
    try {
      if (answer.case) {
        await this.replace(answer.case);
        say(`Taken back: ${$("h1", this.find(answer.case)).textContent}`);
      } else {
        say(`A bulk step was taken back: ${answer.undone} decision${answer.undone === 1 ? "" : "s"}`);
      }
    } catch (error) { say(error.message, { bad: true }); }
  }

  askBulk(bulk) {
    const dialog = $("#bulk-undo");
    $("#bulk-undo-about").textContent = `Your last step ${bulk.kind === "approve" ? "approved" : "rejected"} ${bulk.count} cover${bulk.count === 1 ? "" : "s"} at once. ${bulk.free === bulk.count ? "All of them" : `${bulk.free} of them, those that nobody decided since,`} would be undecided again.`;
    $("#bulk-undo-do").textContent = `Take back ${bulk.free}`;
    dialog.returnValue = "";
    dialog.onclose = () => { if (dialog.returnValue === "ok") this.put(null, "/api/undo", { key: makeKey(), bulk: bulk.id }, { kind: "undo" }); };
    dialog.showModal();
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
    const what = card.classList.contains("of-title") ? ["title", "for every item and all readers"] : ["cover", "in every segment"];
    this.words(`Take this ${what[0]} down for good?`, `It leaves the feed at once, ${what[1]}, and never comes back. Say why, for the record.`, (reason) => {
      this.put(card, "/api/takedown", { case: Number(card.dataset.case), cover: card.dataset.cover, reason, key: makeKey() }, { kind: "takedown" });
    }, { ok: "Take down for good", grave: true });
  }

  // A cover over the safety limit needs a lead, and a reason in words.
  approveKnowing(kind, nsfw, more = {}) {
    const limit = this.card.dataset.limit;
    if (!this.card.dataset.lead) { say(`Over the safety limit (${nsfw} > ${limit}): a lead must decide it. You can reject it.`, { bad: true }); return; }
    this.words("Over the safety limit", `Its score is ${nsfw}; the limit is ${limit}. If it may go out all the same, say why, for the record.`, (reason) => this.decide(kind, { ...more, reason }), { ok: "Approve it all the same", grave: true });
  }

  // A digit shows that candidate large; what is shown is what A approves.
  look(cover) {
    const card = this.card;
    const button = card && $$('[data-do="look"]', card).find((each) => each.dataset.cover === cover);
    if (!button) return;
    for (const each of $$('[data-do="look"]', card)) each.setAttribute("aria-pressed", String(each === button));
    for (const image of $$("img.candidate", card)) image.src = `/img/${cover}`;
    for (const place of $$("[data-written]", card)) place.textContent = button.dataset.words;
    card.dataset.shown = cover;
    const others = $$('[data-do="look"]', card).length;
    card.dataset.caption = `Candidate ${button.dataset.number} of ${others}`;
    const which = $("[data-which]", card);
    if (which) which.textContent = button.classList.contains("chosen") ? "" : ` ${button.dataset.number}`;
    this.flicker(false);
  }

  number(digit) {
    const button = this.card && $(`[data-do="look"][data-number="${digit}"]`, this.card);
    if (button) this.look(button.dataset.cover);
  }

  approve() {
    const card = this.card;
    if (!card) return;
    const cover = card.dataset.shown ?? card.dataset.cover;
    const button = $$('[data-do="look"]', card).find((each) => each.dataset.cover === cover);
    const [kind, more] = cover === card.dataset.selected ? ["approve", {}] : ["pick", { cover }];
    const over = button ? button.dataset.over : card.dataset.over;
    if (over) this.approveKnowing(kind, over, more); else this.decide(kind, more);
  }

  flicker(on) {
    const card = this.card;
    if (!card) return;
    const caption = $("[data-caption]", card);
    card.dataset.caption ??= caption.textContent;
    const flipped = $(".flicker", card)?.classList.toggle("flipped", on);
    caption.textContent = flipped ? "Original, in the candidate's place" : card.dataset.caption;
  }

  // Every pixel of a picture as a whole number of the screen's; both sides move together.
  zoom() {
    const stage = this.card && $(".stage", this.card);
    if (!stage || !$(".frame", stage)) return;
    stage.classList.toggle("zoom");
    this.move(stage, 0, 0);
  }

  move(stage, x, y) {
    stage.dataset.x = x;
    stage.dataset.y = y;
    for (const image of $$(".frame img", stage)) {
      if (!stage.classList.contains("zoom")) { image.style.cssText = ""; continue; }
      const frame = image.closest(".frame").getBoundingClientRect();
      const { naturalWidth: wide, naturalHeight: high } = image;
      const scale = Math.max(1, Math.floor(Math.min(frame.width / wide, frame.height / high) * devicePixelRatio)) / devicePixelRatio;
      const [spareX, spareY] = [Math.max(0, (wide * scale - frame.width) / 2), Math.max(0, (high * scale - frame.height) / 2)];
      image.style.width = `${wide * scale}px`;
      image.style.height = `${high * scale}px`;
      image.style.left = `${Math.round((frame.width - wide * scale) / 2 + x * spareX)}px`;
      image.style.top = `${Math.round((frame.height - high * scale) / 2 + y * spareY)}px`;
      image.dataset.spareX = spareX;
      image.dataset.spareY = spareY;
    }
  }

  drag(event) {
    const stage = event.target.closest(".stage.zoom");
    const image = stage && $("img.candidate", stage);
    if (!image) return;
    event.preventDefault();
    const from = { x: event.clientX, y: event.clientY, left: Number(stage.dataset.x), top: Number(stage.dataset.y) };
    const part = (moved, spare) => (Number(spare) ? moved / Number(spare) : 0);
    const within = (value) => Math.max(-1, Math.min(1, value));
    const moving = (now) => this.move(stage, within(from.left + part(now.clientX - from.x, image.dataset.spareX)), within(from.top + part(now.clientY - from.y, image.dataset.spareY)));
    addEventListener("pointermove", moving);
    addEventListener("pointerup", () => removeEventListener("pointermove", moving), { once: true });
  }

  similar() { if (this.card && $(".similar", this.card)) showSimilar(this.card); }
  context() { $("[data-context]", this.card ?? document)?.click(); }
  item() { $("[data-item]", this.card ?? document)?.click(); }
  next() { if (this.card) this.show(this.position + 1); }
  // A cover that was decided since it was drawn is drawn again, with what was decided.
  fresh() {
    if (this.card?.dataset.stale) this.replace(this.card.dataset.case).catch((error) => say(error.message, { bad: true }));
  }
  previous() { this.show(this.position - 1); this.fresh(); }
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
const KEYS = { a: "approve", r: "reject", s: "skip", u: "undo", n: "note", j: "next", arrowright: "next", k: "previous", arrowleft: "previous", f: "flicker", z: "zoom", i: "item", m: "similar", v: "context", t: "takedown" };
const SIDES = { arrowleft: "left", arrowright: "right", arrowdown: "tie", "=": "tie" };

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  const what = button.dataset.do;
  if (what === "help") openHelp();
  else if (what === "theme") turnTheme();
  else if (focus && what === "look") focus.look(button.dataset.cover);
  else if (focus) focus[what]();
});

document.addEventListener("pointerdown", (event) => focus?.drag(event));

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

// What is live, and what the next publish changes; while one runs, how it ends.
async function tellFeed(place) {
  const found = await ask(`/api/feed?ds=${place.dataset.ds}&what=${place.dataset.what ?? ""}`).catch(() => null);
  if (!found) return;
  const change = found.comes || found.goes;
  const counted = (number) => new Intl.NumberFormat(navigator.language).format(number);
  const words = [`${counted(found.live)} ${place.dataset.what ?? "covers"} are live.`];
  if (found.busy) words.push("Publishing…");
  else if (change) words.push(`The next publish shows ${counted(found.comes)} more and takes ${counted(found.goes)} off.`);
  else if (found.live) words.push("The next publish changes nothing.");
  if (found.said && !found.busy) words.push(found.said);
  $("#feed-words").textContent = words.join(" ");
  const button = $("#feed-publish");
  if (button) { button.disabled = found.busy; button.classList.toggle("primary", Boolean(change)); }
  if (found.busy) setTimeout(() => tellFeed(place), 2000);
}
if ($("#feed")) tellFeed($("#feed"));

localise();

$("#sign-in form")?.addEventListener("submit", (event) => { event.preventDefault(); session.submit(event.target); });
$("#unsaved-sign-in")?.addEventListener("click", () => session.open());
if (user) { outbox.tell(); outbox.run(); }
