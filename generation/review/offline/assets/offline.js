"use strict";
// The offline desk: shows the covers of #data, collects decisions, keeps them in localStorage, saves them as a file.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const store = "coverlift-offline-" + data.export;
  const el = (id) => document.getElementById(id);
  let state = { place: 0, reviewer: data.reviewer, decisions: {}, order: [] };
  let chosen = 0;
  let flicker = false;

  function restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(store) || "null");
      if (kept && typeof kept === "object") state = Object.assign(state, kept);
    } catch {
      say("This browser keeps nothing between visits: save your decisions before you close the page.");
    }
    state.place = Math.min(Math.max(0, state.place | 0), data.covers.length - 1);
  }

  function keep() {
    try {
      localStorage.setItem(store, JSON.stringify(state));
    } catch {
      say("This browser keeps nothing between visits: save your decisions before you close the page.");
    }
  }

  function say(words) { el("message").textContent = words; }

  function make(name, options, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(options || {})) {
      if (key === "on") node.addEventListener("click", value);
      else if (key === "text") node.textContent = value;
      else node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  const cover = () => data.covers[state.place];
  const mine = () => state.decisions[cover().unit_id];

  function picture(sha, words) {
    const source = data.images[sha];
    return source ? make("img", { src: source, alt: words }) : make("p", { text: words + ": this picture is missing" });
  }

  function candidate(each, number) {
    const shown = flicker && number === chosen ? cover().original : each.cover;
    const name = "Candidate " + (number + 1) + (each.cover === cover().selected ? ", best by score" : "");
    const press = make("button", {
      type: "button", class: "pick", "aria-pressed": String(number === chosen), on: () => { chosen = number; show(); } },
    picture(shown, name + " of " + cover().title));
    const caption = make("figcaption", {}, make("kbd", { text: String(number + 1) }), " " + name);
    return make("figure", { class: number === chosen ? "chosen" : "" }, press, caption);
  }

  function rewards() {
    const rows = Object.entries(cover().candidates[chosen].rewards).map(([name, value]) =>
      make("tr", {}, make("th", { scope: "row", text: name }), make("td", { text: value.toFixed(3) })));
    return make("table", {}, make("caption", { text: "Rewards of the chosen picture" }), make("tbody", {}, ...rows));
  }

  function people() {
    const about = data.segments[cover().segment_id];
    const box = make("div", { class: "people" }, make("p", { text: "For segment " + cover().segment_id + (about
      ? ": " + about.size.toLocaleString() + " people; they like " + (about.top_categories || []).join(", ")
      : "") }));
    for (const sha of (about && about.exemplar_covers) || []) {
      if (data.images[sha]) box.append(make("img", { src: data.images[sha], alt: "A picture they clicked" }));
    }
    return box;
  }

  function words(decision) {
    if (!decision) return "Not decided";
    const kinds = { approve: "Approved", pick: "Approved another candidate", reject: "Rejected: " + decision.reason };
    return kinds[decision.kind];
  }

  function show() {
    const it = cover();
    const inside = el("cover").contains(document.activeElement);
    const note = make("textarea", { id: "note", maxlength: "2000" });
    note.value = (mine() && mine().note) || "";
    note.addEventListener("change", () => {
      if (mine()) { mine().note = note.value.trim() || null; keep(); }
    });
    el("cover").replaceChildren(
      make("h2", { id: "title", tabindex: "-1", text: it.title }),
      make("p", { text: it.category + " · " + it.method + " · “" + it.prompt + "”" }),
      make("p", { class: "state", id: "state", text: words(mine()) }),
      make("div", { class: "pictures" },
        make("figure", {}, picture(it.original, "Original of " + it.title), make("figcaption", { text: "Original" })),
        ...it.candidates.map(candidate)),
      make("div", { class: "actions" },
        make("button", { type: "button", class: "approve", id: "approve", on: approve }, "Approve ", make("kbd", { text: "A" })),
        make("button", { type: "button", class: "reject", id: "reject", on: askReason }, "Reject ", make("kbd", { text: "R" })),
        make("button", { type: "button", on: () => move(1) }, "Skip ", make("kbd", { text: "S" })),
        make("button", { type: "button", on: undo }, "Undo ", make("kbd", { text: "U" })),
        make("button", { type: "button", on: () => move(-1) }, "Previous ", make("kbd", { text: "K" })),
        make("button", { type: "button", on: () => el("help").showModal() }, "Help ", make("kbd", { text: "?" }))),
      make("label", {}, "Note ", note),
      people(),
      rewards(),
      make("p", { text: it.policy_reason ? "The policy says " + it.policy_reason : "The policy says nothing" }));
    const done = Object.keys(state.decisions).length;
    el("progress").textContent = "Cover " + (state.place + 1) + " of " + data.covers.length + "; " + done + " decided";
    el("bar").value = done / data.covers.length;
    if (inside) el("title").focus();
  }

  function move(step) {
    state.place = Math.min(Math.max(0, state.place + step), data.covers.length - 1);
    chosen = Math.max(0, cover().candidates.findIndex((each) => each.cover === cover().selected));
    flicker = false;
    keep();
    show();
  }

  function decide(kind, reason) {
    const it = cover();
    const note = el("note").value.trim() || null;
    const at = new Date().toISOString();
    const earlier = state.decisions[it.unit_id] || null;
    state.order.push({ unit: it.unit_id, place: state.place, earlier });
    state.decisions[it.unit_id] = { kind, cover: it.candidates[chosen].cover, reason: reason || null, note, at };
    say("");
    if (Object.keys(state.decisions).length === data.covers.length) say("All covers are decided. Save your decisions.");
    move(1);
  }

  function approve() {
    decide(cover().candidates[chosen].cover === cover().selected ? "approve" : "pick");
  }

  function askReason() { el("reasons").showModal(); }

  function undo() {
    const last = state.order.pop();
    if (!last) { say("There is nothing to undo."); return; }
    if (last.earlier) state.decisions[last.unit] = last.earlier; else delete state.decisions[last.unit];
    state.place = last.place;
    move(0);
    say("Undone: " + cover().title);
  }

  async function save() {
    const reviewer = el("reviewer").value.trim();
    const made = Object.entries(state.decisions);
    if (!reviewer) { say("Write your account's name first."); el("reviewer").focus(); return; }
    if (!made.length) { say("Nothing is decided yet."); return; }
    if (!(window.crypto && crypto.subtle)) { say("This browser cannot compute a SHA-256 here; open the file in another."); return; }
    const payload = JSON.stringify({
      export: data.export, ds: data.ds, reviewer, decisions: made.map(([unit, each]) => ({ unit, ...each })) });
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(payload));
    const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const text = JSON.stringify({ format: "coverlift-offline-1", payload, sha256 });
    const link = make("a", {
      href: URL.createObjectURL(new Blob([text], { type: "application/json" })),
      download: "decisions-" + data.ds + "-" + data.export.slice(0, 8) + ".json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(made.length + " decisions saved. Send the file to the desk: coverlift review import reads it.");
  }

  const keys = {
    a: approve, r: askReason, s: () => move(1), j: () => move(1), k: () => move(-1), u: undo,
    arrowright: () => move(1), arrowleft: () => move(-1),
    n: () => el("note").focus(), "?": () => el("help").showModal() };

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (typing) { if (event.key === "Escape") event.target.blur(); return; }
    const key = event.key.toLowerCase();
    const digit = /^[1-9]$/.test(key) ? Number(key) - 1 : -1;
    if (el("reasons").open) {
      if (digit >= 0 && digit < data.reasons.length) { event.preventDefault(); reject(data.reasons[digit]); }
      return;
    }
    if (el("help").open) return;
    if (key === "f") { if (!flicker) { flicker = true; show(); } return; }
    if (digit >= 0 && digit < cover().candidates.length) { chosen = digit; approve(); return; }
    if (keys[key]) { event.preventDefault(); keys[key](); }
  }

  function reject(reason) {
    el("reasons").close();
    decide("reject", reason);
  }

  restore();
  data.reasons.forEach((reason, number) => el("reason-list").append(
    make("button", { type: "button", on: () => reject(reason) }, make("kbd", { text: String(number + 1) }), " " + reason)));
  el("reviewer").value = state.reviewer;
  el("reviewer").addEventListener("input", () => { state.reviewer = el("reviewer").value.trim(); keep(); });
  el("save").addEventListener("click", save);
  el("reasons-close").addEventListener("click", () => el("reasons").close());
  el("help-close").addEventListener("click", () => el("help").close());
  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "f" && flicker) { flicker = false; show(); }
  });
  move(0);
})();
