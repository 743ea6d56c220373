// Shows /api/status once a second. Text is only ever set as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
const set = (id, text) => { at(id).textContent = text; };
const count = (n) => Number(n).toLocaleString("en");

function took(us) {
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`;
  return `${(us / 1e6).toFixed(1)} s`;
}

function age(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

const clock = (time) => (time ? time.slice(11, 19) : "–");
// What a breaker's state means for who looks at the screen.
const BREAKER = { closed: "asked", open: "resting after failures", half_open: "trying again" };
const words = (code) => code.replaceAll("_", " ");

function cell(text, className) {
  const td = document.createElement("td");
  td.textContent = text;
  if (className) td.className = className;
  return td;
}

function rows(id, items, cells, empty) {
  const made = items.map((item) => {
    const tr = document.createElement("tr");
    tr.append(...cells(item));
    return tr;
  });
  if (made.length === 0) {
    const td = cell(empty, "empty");
    td.colSpan = 8;
    const tr = document.createElement("tr");
    tr.append(td);
    made.push(tr);
  }
  at(id).replaceChildren(...made);
}

function database(services) {
  return (d) => {
    const modes = Object.entries(d.modes).map(([policy, mode]) => `${policy}: ${words(mode)}`).join(", ");
    const find = services.find((service) => service.databases.includes(d.database));
    const state = find ? BREAKER[find.state] : "not configured";
    const copy = d.copy;
    return [
      cell(d.name), cell(modes), cell(state, find ? `find-${find.state}` : "empty"),
      cell(copy ? copy.state + (copy.full_coverage ? "" : ", partial") : "none", copy ? `copy-${copy.state}` : "empty"),
      cell(copy ? copy.version : "–"), cell(copy ? copy.data_as_of.slice(0, 16).replace("T", " ") : "–"),
      cell(copy ? age(copy.age_s) : "–"), cell(copy ? count(copy.records) : "–"),
    ];
  };
}

function service(f) {
  const failure = f.last_error ? `${words(f.last_error)} at ${clock(f.last_error_at)}` : "none";
  const order = f.order ? ` (held ${f.order.control} by an operator since ${clock(f.order.at)}: ${f.order.reason})` : "";
  return `FIND ${f.service}: ${BREAKER[f.state]}${order}, last answer ${clock(f.last_success)}, last failure ${failure}, ${f.in_flight} under way`;
}

function certificates(link) {
  if (link.certificates.length === 0) return ["", ""];
  const told = link.certificates.map((c) => `${words(c.what)} ${c.days < 0 ? "has ended" : `${c.days} days`}`).join(", ");
  const bad = link.files_refused || link.certificates.some((c) => c.days < 14);
  const refused = link.files_refused ? " — new files can't be used, the ones before are" : "";
  return [`Certificates for FIND: ${told}${refused}`, bad ? "bad" : ""];
}

function key(k) {
  if (!k) return ["no copy is configured", ""];
  if (k.locked) return [`Key of the copy: locked, waiting for ${k.source}`, "bad"];
  const told = `Key of the copy: ${k.id}, from ${k.source}`;
  return k.on_disk ? [`${told} — key on disk: who steals the disk reads the copy`, "bad"] : [told, ""];
}

function rechecks(r, now) {
  if (!r) return "Rechecks: not done here";
  const oldest = r.oldest ? `, the oldest ${age(Math.max(0, Math.round((Date.parse(now) - Date.parse(r.oldest)) / 1000)))} old` : "";
  return `Rechecks: ${count(r.open)} open${oldest}, ${count(r.asked)} asked, ${count(r.hits)} late hits`;
}

function edge(e) {
  const last = e.last_asked ? `, last at ${clock(e.last_asked)}` : "";
  return `${e.edge}: ${count(e.answered)} answered, ${count(e.refused)} refused, ${count(e.capped)} over its share, ${e.in_flight} under way${last}`;
}

function batches(all) {
  const open = all.filter((b) => !["done", "cancelled", "file_changed", "not_written"].includes(b.state));
  if (open.length === 0) return "Batches: none is open";
  const told = open.map((b) => {
    const left = b.left_s === null ? "" : `, ${age(b.left_s)} left`;
    return `${b.id.slice(-12)} ${words(b.state)} ${count(b.screened + b.refused)} of ${count(b.rows)}, ${count(b.hits)} with hits${left}`;
  });
  return `Batches: ${told.join(" — ")}`;
}

function outcome(r) {
  return [
    cell(clock(r.at)), cell(r.lane), cell(`${words(r.kind)} ${r.subject}`),
    cell(words(r.verdict), `${r.verdict} short`), cell(r.statements.join(" · ")), cell(took(r.elapsed_us), "short"),
    cell(r.reference.slice(-12), "reference"),
  ];
}

function show(s) {
  document.body.className = s.environment;
  set("instance", s.instance);
  set("environment", s.environment);
  set("ready", s.not_ready.length === 0 ? "ready" : `not ready: ${s.not_ready.join(", ")}`);
  at("ready").className = s.not_ready.length === 0 ? "good" : "bad";
  set("now", `${s.now.slice(0, 19).replace("T", " ")} UTC${s.clock_trusted ? "" : ", clock not trusted"} · ${s.version}`);
  const f = s.figures;
  const [hits, possible, unchecked] = f.verdicts;
  set("per-second", count(Math.round(f.per_second)));
  set("p50", took(f.latency.p50_us));
  set("p99", took(f.latency.p99_us));
  set("p999", took(f.latency.p999_us));
  set("exchanges", count(f.exchanges));
  set("refusals", count(f.refusals));
  set("hits", count(hits));
  set("possible", count(possible));
  set("unchecked", count(unchecked));
  set("late", count(f.late_hits));
  set("by-find", count(f.by_source[0]));
  set("by-copy", count(f.by_source[1]));
  rows("databases", s.databases, database(s.find), "no policy names a database");
  const [told, className] = key(s.key);
  set("key", told);
  at("key").className = className;
  const [ends, endsClass] = certificates(s.find_link);
  set("certificates", ends);
  at("certificates").className = endsClass;
  set("find", s.find.length === 0 ? "FIND is not configured" : s.find.map(service).join(" — "));
  set("rechecks", rechecks(s.rechecks, s.now));
  set("relay", s.relay.length === 0 ? "" : `Edges that ask FIND here — ${s.relay.map(edge).join(" — ")}`);
  set("batches", batches(s.batches));
  set("lanes", Object.entries(s.lanes).map(([name, address]) => `${name} ${address}`).join(" · "));
  rows("found", s.hits.slice(0, 15), outcome, "no hit yet");
  rows("latest", s.latest.slice(0, 15), outcome, "nothing yet");
}

async function tick() {
  try {
    const answer = await fetch("/api/status", { cache: "no-store" });
    show(await answer.json());
    document.body.classList.remove("lost");
  } catch {
    document.body.classList.add("lost");
    set("ready", "no answer from postern");
    at("ready").className = "bad";
  } finally {
    setTimeout(tick, 1000);
  }
}

tick();
