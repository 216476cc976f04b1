// Several covers side by side: each is decided by itself, or all that are undecided at once; each is a decision of
// its own, and waits in the outbox like any other.
"use strict";

(() => {
  const sections = $$("#several .one");
  const find = (id) => sections.find((each) => each.dataset.case === String(id));

  const tell = () => {
    const waiting = outbox.waiting().length;
    $("#saving").classList.toggle("bad", Boolean(outbox.trouble));
    $("#saving").textContent = waiting ? (outbox.trouble ? `${waiting} not saved, trying` : `saving ${waiting}…`) : sections.some((each) => each.dataset.done) ? "all saved" : "";
    const all = $("[data-all]");
    if (all) all.disabled = !sections.some(open);
  };

  // What this person may still decide by "all": undecided, not answered before, not over the limit.
  const open = (section) => !section.dataset.settled && !section.dataset.mine && !shown(section).dataset.over;
  const shown = (section) => $('.candidate[aria-pressed="true"]', section);

  const look = (section, button) => {
    for (const each of $$(".candidate", section)) each.setAttribute("aria-pressed", String(each === button));
  };

  const decide = (section, kind, more = {}) => {
    section.dataset.settled = kind;
    section.dataset.done = "1";
    const body = { case: Number(section.dataset.case), seen: Number(section.dataset.seen), kind, key: makeKey(), ...more };
    outbox.add({ path: "/api/decide", body, case: section.dataset.case, title: section.getAttribute("aria-label"), kind, decides: true });
  };

  const approve = (section) => {
    const button = shown(section);
    if (button.dataset.over) { say("Over the safety limit: open this cover; a lead may approve it there, with a reason.", { bad: true }); return; }
    if (button.dataset.look === section.dataset.selected) decide(section, "approve");
    else decide(section, "pick", { cover: button.dataset.look });
  };

  const reject = (section) => decide(section, "reject", { reason: $("select", section).value });
  const all = () => { for (const section of sections.filter(open)) approve(section); };

  const draw = async (section) => {
    const found = await ask(`/api/cards/${section.dataset.case}`);
    const holder = document.createElement("template");
    holder.innerHTML = found.html;
    const card = $("article", holder.content);
    $(".facts", section).replaceChildren(...$$(".facts .chip", card));
    section.dataset.seen = card.dataset.seen;
    section.dataset.settled = card.dataset.settled;
  };

  outbox.settled = (item, answer) => {
    const section = find(item.case);
    if (!section) return;
    section.dataset.seen = answer.entry;
    draw(section).then(tell).catch((error) => say(error.message, { bad: true }));
  };
  outbox.refused = (item) => { const section = find(item.case); if (section) section.dataset.settled = ""; return false; };
  outbox.changed = tell;

  $("#several").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const section = event.target.closest(".one");
    if (!button) return;
    if (button.hasAttribute("data-all")) all();
    else if (button.dataset.look) look(section, button);
    else if (button.hasAttribute("data-approve")) approve(section);
    else if (button.hasAttribute("data-reject")) reject(section);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("input, select, textarea, dialog") || store.get("keys") === "off") return;
    const key = event.key.toLowerCase();
    const place = sections.findIndex((each) => each.contains(document.activeElement));
    if (key === "a" && event.shiftKey && $("[data-all]")) { event.preventDefault(); all(); return; }
    if (key === "arrowdown" || key === "j") { event.preventDefault(); sections[Math.min(place + 1, sections.length - 1)].focus(); return; }
    if (key === "arrowup" || key === "k") { event.preventDefault(); sections[Math.max(place - 1, 0)].focus(); return; }
    const section = sections[place];
    if (!section) return;
    const button = /^[1-9]$/.test(key) && $(`.candidate[data-number="${key}"]`, section);
    if (button) look(section, button);
    else if (key === "a" && $("[data-approve]", section)) approve(section);
    else if (key === "r" && $("[data-reject]", section)) reject(section);
  });
  tell();
})();
