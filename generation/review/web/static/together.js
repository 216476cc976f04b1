// Working together: assigning covers, mentioning people, what is new for you. Runs behind outbox.js and desk.js.
"use strict";

// ---------------------------------------------------------------- assigning

const people = { known: null, ask() { this.known ??= ask("/api/people").catch(() => { this.known = null; return { names: [], deciders: [] }; }); return this.known; } };

const assigning = {
  dialog: $("#assign"),
  // Opens at once and fills its names when they come: a slow line delays the names, not the dialog.
  async open(what, about) {
    const field = $("select", this.dialog), button = $("button.primary", this.dialog);
    const nobody = () => new Option("Nobody: whoever comes first", "");
    field.replaceChildren(nobody());
    $("#assign-about").textContent = about;
    this.dialog.returnValue = "";
    const closed = () => { if (this.dialog.returnValue === "ok") this.send(what, field.value); };
    this.dialog.onclose = closed;
    button.disabled = true;
    this.dialog.showModal();
    const { deciders } = await people.ask();
    if (this.dialog.onclose !== closed) return;  // opened anew for others
    button.disabled = false;
    field.replaceChildren(nobody(), ...deciders.map((name) => new Option(name === user ? `${name} (you)` : name, name)));
    if (deciders.includes(user)) field.value = user;
  },
  send(what, to) {
    const only = what.cases?.length === 1 ? what.cases[0] : null;
    outbox.add({ path: "/api/assign", body: { ...what, to, key: makeKey() }, kind: "assign", case: only, title: "Assignment" });
  },
  settled(item, answer) {
    say(`${answer.assigned} cover${answer.assigned === 1 ? "" : "s"} assigned to ${answer.to || "nobody"}`);
    news.look();
    if (focus) { if (item.case) focus.replace(item.case).catch(() => {}); }
    else if ($("#tiles")) setTimeout(() => location.reload(), 900);
  },
};

document.addEventListener("click", (event) => {
  const one = event.target.closest("[data-assign]");
  if (one) { assigning.open({ cases: [Number(one.dataset.assign)] }, "Who is to decide this cover?"); return; }
  const many = event.target.closest("#assign-many");
  if (!many) return;
  const chosen = $$("#tiles .tile input:checked").map((box) => Number(box.value));
  if (chosen.length) assigning.open({ cases: chosen }, `Who is to decide the ${chosen.length} selected?`);
  else if ("filter" in many.dataset) assigning.open({ filter: many.dataset.filter }, "Who is to decide everything that this queue shows, on all its pages?");
  else say("Select covers first: Space, or the box on a cover.", { bad: true });
});

const before = outbox.settled;
outbox.settled = (item, answer) => (item.kind === "assign" ? assigning.settled(item, answer) : before(item, answer));

// ---------------------------------------------------------------- comments: drafts, and names behind @

const draft = { name: () => `desk-draft:${user}:${focus?.card?.dataset.case ?? ""}` };

const mentioning = {
  field: $("#words textarea"),
  place: $("#mention-names"),
  word() {
    const text = this.field.value.slice(0, this.field.selectionStart);
    return /(?:^|[^\w@.-])@([\w.@-]*)$/u.exec(text)?.[1] ?? null;
  },
  async suggest() {
    const start = this.word();
    if (start === null || !this.place.dataset.on) { this.place.replaceChildren(); return; }
    const { names } = await people.ask();
    const found = names.filter((name) => name !== user && name.toLowerCase().startsWith(start.toLowerCase())).slice(0, 6);
    this.place.replaceChildren(...found.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `@${name}`;
      button.addEventListener("click", () => this.insert(name));
      return button;
    }));
  },
  insert(name) {
    const end = this.field.selectionStart;
    const from = end - (this.word() ?? "").length;
    this.field.setRangeText(`${name} `, from, end, "end");
    this.field.dispatchEvent(new Event("input"));
    this.field.focus();
  },
};

// Words that were typed stay in the browser until they are on their way.
function writeComment() {
  if (!focus?.card) return;
  const name = draft.name();
  focus.words("Comment", "Everybody who opens this cover reads it; behind @ you name somebody who is to see it.", (note) => { store.drop(name); focus.decide("note", { note }); }, { ok: "Comment" });
  mentioning.field.value = store.get(name) ?? "";
  mentioning.field.oninput = () => { if (mentioning.place.dataset.on) store.set(name, mentioning.field.value); mentioning.suggest(); };
  mentioning.place.dataset.on = "1";
}
$("#words")?.addEventListener("close", () => { delete mentioning.place.dataset.on; mentioning.place.replaceChildren(); });
if (focus) focus.note = writeComment;

// ---------------------------------------------------------------- what is new for you

const news = {
  place: $("#news"),
  async look() {
    const found = await ask("/api/inbox").catch(() => null);
    if (!found || !this.place) return;
    this.place.textContent = found.unread ? String(found.unread) : "";
    $("#news-words").textContent = found.unread ? `, ${found.unread} unread` : "";
  },
  // A comment that was on the screen is read.
  onScreen: new IntersectionObserver((lines) => { for (const line of lines) if (line.isIntersecting) news.read(line.target); }),
  watch() { for (const line of $$("#cards .unread")) this.onScreen.observe(line); },
  async read(line) {
    const card = line.closest("article");
    if (document.hidden || !line.classList.contains("unread")) return;
    const lines = $$(".unread", card);
    for (const each of lines) each.classList.replace("unread", "was-unread");
    const done = await ask("/api/seen", { case: Number(card.dataset.case) }).catch(() => null);
    if (done) this.look(); else for (const each of lines) each.classList.replace("was-unread", "unread");
  },
};

if (user) {
  news.look();
  setInterval(() => { if (!document.hidden) news.look(); }, 30000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) news.look(); });
  if ($("#cards")) new MutationObserver(() => news.watch()).observe($("#cards"), { childList: true });
  news.watch();
}
