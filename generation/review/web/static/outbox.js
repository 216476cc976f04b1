// The line to the desk, and what waits to be sent over it. A decision is put into the browser's own storage first and
// leaves it when the desk has answered: an outage, a reload or the end of a session loses nothing.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const store = { get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(name, value); return true; } catch { return false; } },
  drop: (name) => { try { localStorage.removeItem(name); } catch { /* there is none */ } } };
const user = $('meta[name="user"]')?.content ?? "";
let csrf = $('meta[name="csrf"]')?.content ?? "";

const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

function makeKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Only an answer that the desk itself wrote is final: `answered` says so. A proxy's page, a broken line or a server
// that is starting are not.
async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf }, body: JSON.stringify(body) };
  const answer = await fetch(path, { credentials: "same-origin", signal: AbortSignal.timeout(30000), ...options })
    .catch((error) => { throw Object.assign(new Error("The desk cannot be reached."), { answered: false, cause: error }); });
  const json = answer.headers.get("content-type")?.includes("json");
  const found = await (json ? answer.json() : answer.text())
    .catch((error) => { throw Object.assign(new Error("The desk's answer broke off."), { answered: false, cause: error }); });
  if (answer.ok) return found;
  const words = json ? found.error ?? found.detail : null;
  throw Object.assign(new Error(typeof words === "string" ? words : "The desk does not answer."), { status: answer.status, answered: Boolean(json && found.error), more: found });
}

// ---------------------------------------------------------------- signing in again, in place

const session = {
  waiting: null,
  // The session's token anew: after a restart of the desk, or when somebody signed in in another tab.
  async renew() {
    const me = await ask("/api/me");
    if (me.name !== user) { location.reload(); await new Promise(() => {}); }
    const fresh = me.csrf !== csrf;
    csrf = me.csrf;
    for (const field of $$('input[name="csrf"]')) field.value = csrf;
    return fresh;
  },
  // Ends when this person is signed in again, here or in another tab.
  again() {
    this.waiting ??= this.watch().finally(() => { this.waiting = null; $("#sign-in")?.close(); });
    return this.waiting;
  },
  async watch() {
    this.open();
    for (;;) {
      await new Promise((resume) => { this.wake = resume; setTimeout(resume, 3000); });
      try { await this.renew(); return; } catch { /* not yet */ }
    }
  },
  open() {
    const dialog = $("#sign-in");
    if (!dialog || dialog.open) return;
    const other = $("dialog[open]");
    if (other) other.addEventListener("close", () => { if (this.waiting) this.open(); }, { once: true });
    else dialog.showModal();
  },
  async submit(form) {
    const problem = $("[role=alert]", form);
    problem.textContent = "";
    try {
      const answer = await fetch("/sign-in", { method: "POST", credentials: "same-origin", body: new URLSearchParams(new FormData(form)) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.ok) this.wake?.();
      else problem.textContent = $(".note.bad", page)?.textContent ?? "That did not work.";
      form.elements.password.value = "";
    } catch { problem.textContent = "The desk cannot be reached; try again in a moment."; }
  },
};

// ---------------------------------------------------------------- what waits

class Outbox {
  constructor() {
    this.prefix = `desk:${user}:`;
    this.memory = new Map(); // what the browser would not keep
    this.latest = new Map(); // case -> number of the newest entry about what may go out that came of this page
    this.number = 0;
    this.trouble = null;
    this.settled = () => {};
    this.refused = () => false;
    this.changed = () => {};
    this.running = null;
    addEventListener("storage", () => this.tell());
    addEventListener("online", () => this.wake?.());
    addEventListener("beforeunload", (event) => { if (this.waiting().length) event.preventDefault(); });
  }

  all() {
    const found = [...this.memory.entries()];
    try {
      for (let place = 0; place < localStorage.length; place += 1) {
        const name = localStorage.key(place);
        if (name.startsWith(this.prefix)) found.push([name, JSON.parse(localStorage.getItem(name))]);
      }
    } catch { /* no storage in this window */ }
    return found.filter(([, item]) => item).sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, item]) => ({ ...item, name }));
  }

  waiting() { return this.all().filter((item) => !item.error); }
  cases() { return new Set(this.waiting().filter((item) => item.decides).map((item) => String(item.case))); }

  add(item) {
    this.number += 1;
    const name = `${this.prefix}${String(Date.now()).padStart(15, "0")}-${String(this.number).padStart(6, "0")}-${item.body.key}`;
    if (!store.set(name, JSON.stringify(item))) this.memory.set(name, item);
    this.tell();
    this.run();
  }

  drop(name) { store.drop(name); this.memory.delete(name); this.tell(); }

  keep(item, error) {
    const { name, ...rest } = item;
    const kept = { ...rest, error };
    if (this.memory.has(name) || !store.set(name, JSON.stringify(kept))) this.memory.set(name, kept);
    this.tell();
  }

  // One tab sends at a time, where the browser can tell; if two do, the key makes it one decision.
  run() {
    const send = () => this.send();
    this.running ??= (navigator.locks ? navigator.locks.request(`${this.prefix}send`, send) : send()).finally(() => {
      this.running = null;
      if (this.waiting().length) this.run();
    });
    return this.running;
  }

  async send() {
    for (let tries = 0, item; (item = this.waiting()[0]);) {
      try {
        // What this page itself did to the cover in between is no conflict.
        const seen = this.latest.get(String(item.case));
        if (item.body.seen < seen) item.body.seen = seen;
        const answer = await ask(item.path, item.body);
        if (answer.entry && item.kind !== "skip" && item.kind !== "note") this.latest.set(String(answer.case ?? item.case), answer.entry);
        tries = 0;
        this.trouble = null;
        this.drop(item.name);
        this.settled(item, answer);
      } catch (error) {
        if (error.status === 401) { this.trouble = "sign in"; this.tell(); await session.again(); continue; }
        // A form token of before a restart; anything else that is forbidden is final.
        const renewed = error.status === 403 ? await session.renew().catch(() => null) : false;
        if (renewed) { await pause(200); continue; }
        if (renewed === false && error.answered && error.status < 500 && error.status !== 429) {
          this.trouble = null;
          if (this.refused(item, error)) this.drop(item.name); else this.keep(item, error.message);
          continue;
        }
        this.trouble = "trying";
        this.tell();
        await new Promise((resume) => { this.wake = resume; setTimeout(resume, Math.min(300 * 2 ** tries, 5000)); });
        tries += 1;
      }
    }
    this.trouble = null;
    this.tell();
  }

  tell() {
    const waiting = this.waiting().length;
    const refused = this.all().filter((item) => item.error);
    const bar = $("#unsaved");
    if (bar) {
      bar.hidden = !(waiting && this.trouble) && !refused.length;
      $("#unsaved-words").textContent = waiting && this.trouble ? `${waiting} not saved, ${this.trouble === "sign in" ? "sign in again" : "trying"}. Nothing is lost: ${waiting === 1 ? "it waits" : "they wait"} in this browser.` : "";
      $("#unsaved-sign-in").hidden = this.trouble !== "sign in";
      $("#refused").replaceChildren(...refused.map((item) => this.line(item)));
    }
    this.changed(waiting, refused.length);
  }

  line(item) {
    const line = document.createElement("li");
    const link = document.createElement("a");
    link.href = `/case/${item.case}`;
    link.textContent = "Show it";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Forget it";
    button.addEventListener("click", () => this.drop(item.name));
    line.append(`${item.title}: not saved. ${item.error} `, ...(item.case ? [link, " "] : []), button);
    return line;
  }
}

const outbox = new Outbox();
