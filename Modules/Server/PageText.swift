// SPDX-License-Identifier: Apache-2.0
// swift-format-ignore-file

/// The files of the web page. Written by `Tools/page/make` from those beside it; change those.
enum PageText {
    static let documentDigest = "786a25d84be5a6dca6a8329a"
    static let document = #"""
<!doctype html>
<!-- SPDX-License-Identifier: Apache-2.0 -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Martlet</title>
<link rel="stylesheet" href="/ui/page.css">
<script src="/ui/page.js" defer></script>
</head>
<body>
<a class="skip" href="#main">To the state of the cluster</a>
<header>
<h1>Martlet <span id="where"></span></h1>
<form id="token-form" autocomplete="off" aria-label="Token">
<label for="token">Token</label>
<input id="token" type="password" autocomplete="off" spellcheck="false" maxlength="128"
 aria-describedby="token-note">
<button type="submit">Use</button>
<button type="button" id="forget">Forget</button>
<span id="token-note" role="status"></span>
</form>
</header>
<main id="main" tabindex="-1">
<section id="verdict" data-level="unknown" aria-label="Is the cluster safe?">
<span class="shape" aria-hidden="true"></span>
<div role="status" aria-live="polite" aria-atomic="true">
<p id="verdict-word">Asking</p>
<h2 id="verdict-text">Nothing has been answered yet.</h2>
<ul id="verdict-why"></ul>
</div>
</section>
<div class="line">
<p id="fresh" data-stale="no"></p>
<button type="button" id="pause" aria-pressed="false">Pause</button>
</div>
<section id="missing" hidden aria-labelledby="missing-title">
<h2 id="missing-title">Not shown</h2>
<ul id="missing-list"></ul>
</section>
<section aria-labelledby="votes-title">
<h2 id="votes-title">Votes</h2>
<dl id="votes"></dl>
</section>
<section id="work-section" hidden aria-labelledby="work-title">
<h2 id="work-title">Work</h2>
<dl id="work"></dl>
</section>
<section aria-labelledby="servers-title">
<h2 id="servers-title">Servers</h2>
<div id="servers"></div>
</section>
<section id="zones-section" hidden aria-labelledby="zones-title">
<h2 id="zones-title">Zones</h2>
<div id="zones"></div>
</section>
<section aria-labelledby="autopilot-title">
<h2 id="autopilot-title">Autopilot</h2>
<dl id="autopilot"></dl>
<h3>What comes next</h3>
<ul id="next"></ul>
<div id="notes"></div>
</section>
<section aria-labelledby="events-title">
<h2 id="events-title">What was done</h2>
<div id="events"></div>
</section>
<section aria-labelledby="leaders-title">
<h2 id="leaders-title">Who led</h2>
<div id="leaders"></div>
</section>
<section aria-labelledby="settings-title">
<h2 id="settings-title">Settings</h2>
<div class="columns">
<div><h3>Autopilot</h3><dl id="autopilot-settings"></dl></div>
<div><h3>Scheduler</h3><dl id="scheduler-settings"></dl></div>
<div><h3>This server</h3><dl id="self"></dl></div>
</div>
</section>
</main>
<noscript><p>This page asks the agent by script. Without one:
<code>martlet operator autopilot state</code>.</p></noscript>
</body>
</html>

"""#

    static let styleDigest = "2bd0ba3e78856864b6428db3"
    static let style = #"""
/* SPDX-License-Identifier: Apache-2.0 */
:root {
  color-scheme: light dark;
  --ground: #ffffff;
  --raised: #f3f5f7;
  --line: #c9d0d8;
  --text: #1a2027;
  --quiet: #4d5966;
  --focus: #0b57d0;
  --safe: #14662f;
  --risk: #8a5300;
  --down: #a81c1c;
  --unknown: #4d5966;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161b;
    --raised: #1c2229;
    --line: #3a444f;
    --text: #e6ebf0;
    --quiet: #a8b3bf;
    --focus: #8ab4f8;
    --safe: #6fd08c;
    --risk: #f0b429;
    --down: #ff8a80;
    --unknown: #a8b3bf;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto;
  max-width: 84rem;
  padding: 0.75rem;
  background: var(--ground);
  color: var(--text);
  font: 1rem/1.45 system-ui, sans-serif;
  overflow-wrap: anywhere;
}
h1 { margin: 0; font-size: 1.25rem; }
h1 span { color: var(--quiet); font-weight: normal; }
h2 { margin: 0 0 0.5rem; font-size: 1.1rem; }
h3 { margin: 0.75rem 0 0.25rem; font-size: 1rem; }
section { margin: 1.25rem 0; }
ul { margin: 0; padding-left: 1.2rem; }
p { margin: 0; }
code { font-family: ui-monospace, monospace; font-size: 0.95em; }
bdi { unicode-bidi: isolate; }
.quiet { color: var(--quiet); }
.skip { position: absolute; left: -100rem; }
.skip:focus { position: static; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
main:focus { outline: none; }
header, .line { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; }
header { justify-content: space-between; }
form { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }
input, button {
  min-height: 2.5rem;
  padding: 0.25rem 0.75rem;
  border: 1px solid var(--quiet);
  border-radius: 0.3rem;
  background: var(--raised);
  color: inherit;
  font: inherit;
}
input { flex: 1 1 6rem; width: 12rem; min-width: 0; }
button { cursor: pointer; }
#token-note:empty { display: none; }
#fresh { color: var(--quiet); flex: 1 1 14rem; }
#fresh[data-stale="yes"] {
  padding: 0.4rem 0.75rem;
  border-left: 0.4rem double var(--risk);
  color: var(--text);
  font-weight: bold;
}

/* A colour, a shape and a word say the same. */
#verdict {
  display: flex;
  gap: 1rem;
  align-items: flex-start;
  margin: 0.75rem 0;
  padding: 1rem;
  border: 2px solid var(--level);
  border-radius: 0.4rem;
  background: var(--raised);
}
#verdict h2 { margin: 0; font-size: 1.35rem; }
#verdict > div { min-width: 0; }
#verdict-word { color: var(--level); font-weight: bold; text-transform: uppercase; }
[data-level] { --level: var(--unknown); }
[data-level="safe"] { --level: var(--safe); }
[data-level="risk"] { --level: var(--risk); }
[data-level="down"] { --level: var(--down); }
.shape {
  flex: none;
  display: inline-block;
  width: 2.5rem;
  height: 2.5rem;
  background: var(--level);
  forced-color-adjust: none;
  clip-path: polygon(50% 0, 100% 50%, 50% 100%, 0 50%);
}
[data-level="safe"] > .shape { clip-path: circle(50%); }
[data-level="risk"] > .shape { clip-path: polygon(50% 0, 100% 100%, 0 100%); }
[data-level="down"] > .shape { clip-path: inset(8%); }
.health > .shape { width: 0.8rem; height: 0.8rem; margin-right: 0.4rem; }

dl { display: grid; gap: 0.15rem 1rem; margin: 0; }
dl { grid-template-columns: minmax(0, max-content) minmax(5rem, 1fr); }
dt { color: var(--quiet); }
dd { margin: 0; min-width: 0; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); }
.columns { gap: 0 2rem; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.35rem 0.6rem 0.35rem 0; border-bottom: 1px solid var(--line); }
th, td { text-align: left; vertical-align: top; }
thead th { color: var(--quiet); font-weight: normal; overflow-wrap: normal; }
td { font-variant-numeric: tabular-nums; }

/* Too narrow for columns: each row is a card. */
@media (max-width: 60rem) {
  table, tbody, tr, td, tbody th { display: block; }
  thead { position: absolute; left: -100rem; }
  tr { margin-bottom: 0.75rem; padding: 0.25rem 0.6rem; border: 1px solid var(--line); }
  td, tbody th { display: flex; gap: 0.75rem; padding: 0.2rem 0; border: 0; }
  td::before, tbody th::before {
    content: attr(data-label);
    flex: 0 0 7rem;
    color: var(--quiet);
    font-weight: normal;
  }
  td > *, tbody th > * { min-width: 0; }
}
@media (prefers-reduced-motion: no-preference) {
  #verdict { transition: border-color 0.3s; }
}
@media print {
  form, #pause, .skip { display: none; }
}

"""#

    static let scriptDigest = "b00928efcbf1e4cb910c8348"
    static let script = #"""
// SPDX-License-Identifier: Apache-2.0
//
// Asks the agent that served the page, and shows its answers. Whatever comes from there is put into
// text nodes and never read as HTML: servers and zones have the names that somebody gave them.
'use strict';

const tokenKey = 'martlet-token';
const pollMilliseconds = 1000;
const hiddenMilliseconds = 15000;
const answerMilliseconds = 4000;
const rowsMax = 200;
/** Every how many rounds what changes seldom is asked for. */
const slowRounds = 3;

const questions = {
  state: { path: '/v1/operator/autopilot/state?wait_for_leader=0s', needs: 'operator read' },
  raft: { path: '/v1/operator/raft/configuration?stale', needs: 'operator capability raft-read' },
  members: { path: '/v1/agent/members', needs: 'node read' },
  self: { path: '/v1/agent/self', needs: 'agent read' },
  history: {
    path: '/v1/operator/raft/history?stale&limit=30', needs: 'operator capability raft-read',
    isSlow: true,
  },
  plan: {
    path: '/v1/operator/autopilot/plan?wait_for_leader=0s', needs: 'operator read', isSlow: true,
  },
  settings: {
    path: '/v1/operator/autopilot/configuration?stale', needs: 'operator read', isSlow: true,
  },
  metrics: { path: '/v1/metrics', needs: 'nothing', isSlow: true },
  scheduler: {
    path: '/v1/operator/scheduler/configuration?stale', needs: 'operator read', isSlow: true,
  },
};

/** The last answer to each question: {status, body, text, at}; status 0 if none came. */
const answers = {};
/** The last good answer to each, which is shown, and called old, while there is no newer one. */
const known = {};
let token = '';
let round = 0;
let isPaused = false;
let timer = 0;
/** The agent's clock at its last answer: the browser's may be wrong. */
let agentNow = Date.now();
let lastAnswerAt = null;
/** Grows with each change of the token and each pause: what was asked before is not shown. */
let generation = 0;

// ---- Elements

const $ = (id) => document.getElementById(id);

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A foreign text: on its own in its line, whatever direction it is written in. */
const named = (text) => element('bdi', {}, clip(text));

function clip(value) {
  const text = String(value);
  return text.length > 256 ? text.slice(0, 256) + '…' : text;
}

function setText(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** Replaces what is in an element, if it differs: a selection in it and its scrolling live on. */
function fill(id, ...children) {
  const place = $(id);
  const next = element('div', {}, ...children);
  const isSame = place.childNodes.length === next.childNodes.length
    && [...place.childNodes].every((child, index) => child.isEqualNode(next.childNodes[index]));
  if (!isSame) place.replaceChildren(...next.childNodes);
}

function fillPairs(id, pairs) {
  fill(id, ...pairs.flatMap(([name, value]) => [
    element('dt', {}, name), element('dd', {}, value instanceof Node ? value : named(value)),
  ]));
}

/** The roles are said, since a narrow screen's style takes them from the elements. */
function table(titles, rows, empty) {
  if (rows.length === 0) return element('p', { class: 'quiet' }, empty);
  const cell = (content, index) => element(
    index === 0 ? 'th' : 'td',
    index === 0
      ? { scope: 'row', role: 'rowheader', 'data-label': titles[index] }
      : { role: 'cell', 'data-label': titles[index] },
    content instanceof Node ? element('div', {}, content) : element('div', {}, named(content)));
  return element(
    'table', { role: 'table' },
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...titles.map(
      (title) => element('th', { scope: 'col', role: 'columnheader' }, title)))),
    element('tbody', { role: 'rowgroup' }, ...rows.slice(0, rowsMax).map(
      (row) => element('tr', { role: 'row' }, ...row.map(cell)))));
}

// ---- Values

const list = (value) => (Array.isArray(value) ? value : []);
const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

/** Of a duration as Go writes it (`1m2.5s`), in seconds; null if it is none. */
function seconds(text) {
  const units = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, 'µs': 1e-6, ns: 1e-9 };
  const parts = [...String(text).matchAll(/([0-9.]+)(h|ms|m|s|us|µs|ns)/g)];
  if (parts.length === 0) return null;
  return parts.reduce((sum, part) => sum + Number(part[1]) * units[part[2]], 0);
}

function duration(text) {
  const value = seconds(text);
  if (value === null) return '–';
  if (value === 0) return '0 s';
  if (value < 1) return `${Math.max(1, Math.round(value * 1000))} ms`;
  return span(value);
}

/** Nobody reads nanoseconds. */
const rounded = (text) => String(text).replace(/\d+\.\d{3,}(ms|s)/g, duration);

function span(value) {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  if (value < 172800) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86400)} days`;
}

/** How long ago, with the time itself behind it. */
function since(text) {
  const time = Date.parse(text);
  // The year 1 is Go's zero.
  if (Number.isNaN(time) || time < 0) return '–';
  const passed = Math.max(0, (agentNow - time) / 1000);
  const words = passed < 1 ? 'now'
    : passed < 10 ? `${Math.floor(passed)} s ago` : `${span(passed)} ago`;
  return element('time', { datetime: text, title: text }, words);
}

const clock = (time) => new Date(time).toLocaleTimeString();

// ---- Asking

async function ask(name) {
  const asked = generation;
  const stopper = new AbortController();
  const limit = setTimeout(() => stopper.abort(), answerMilliseconds);
  let answer = { status: 0, text: 'no answer' };
  try {
    const path = questions[name].path + (token === '' ? '' : explained(questions[name].path));
    const response = await fetch(path, {
      headers: token === '' ? {} : { 'X-Nomad-Token': token },
      cache: 'no-store', credentials: 'omit', redirect: 'error', signal: stopper.signal,
    });
    const text = await response.text();
    answer = {
      status: response.status, text, at: Date.now(), body: response.ok ? JSON.parse(text) : null,
      knowsLeader: response.headers.get('X-Nomad-Knownleader') !== 'false',
      lastContact: Number(response.headers.get('X-Nomad-Lastcontact') || 0) / 1000,
    };
    if (asked !== generation) return;
    lastAnswerAt = answer.at;
    agentNow = Date.parse(response.headers.get('Date')) || Date.now();
  } catch (error) {
    if (error instanceof SyntaxError) answer = { status: 0, text: 'an answer that is no JSON' };
  } finally {
    clearTimeout(limit);
  }
  if (asked !== generation) return;
  answers[name] = answer;
  if (answer.status === 200) known[name] = answer;
  // Who may not see it any more is not shown what it saw.
  if (answer.status === 403) delete known[name];
}

const explained = (path) => (path.includes('?') ? '&explain' : '?explain');

async function poll() {
  clearTimeout(timer);
  timer = 0;
  const isSlowRound = round % slowRounds === 0;
  round += 1;
  const asked = Object.keys(questions).filter((name) => isSlowRound || !questions[name].isSlow);
  const from = generation;
  await Promise.all(asked.map(ask));
  if (from !== generation) return;
  show();
  if (!isPaused) timer = setTimeout(poll, document.hidden ? hiddenMilliseconds : pollMilliseconds);
}

function restart() {
  generation += 1;
  round = 0;
  poll();
}

// ---- Judging

const isGood = (name) => answers[name] !== undefined && answers[name].status === 200;
const isLive = () => isGood('state');
/** Nothing of what is shown may be so any more. */
const isGone = () => Object.values(answers).every(({ status }) => status === 0);
const here = () => (known.self && known.self.body.member && known.self.body.member.Name)
  || (known.members && known.members.body.ServerName) || location.host;

/** What Autopilot said last. Old, unless it is live. */
const state = () => (known.state ? known.state.body : null);

/** Of voters: what the cluster can lose. */
function votesOf(servers) {
  const voters = servers.filter((server) => server.isVoter);
  const quorum = Math.floor(voters.length / 2) + 1;
  const healthy = voters.filter((server) => server.isHealthy).length;
  return { voters: voters.length, quorum, healthy, spare: healthy - quorum };
}

/** The rows of the table, from Autopilot if it is there, else from the configuration and gossip. */
function servers() {
  if (isLive()) return fromState(state());
  const members = known.members ? list(known.members.body.Members) : [];
  const tagged = (id) => members.find((member) => member.Tags && member.Tags.id === id);
  const configured = known.raft ? list(known.raft.body.Servers) : [];
  const rows = configured.map((server) => fromGossip(server, tagged(server.ID)));
  const strangers = members.filter(
    (member) => !configured.some((server) => member.Tags && server.ID === member.Tags.id));
  return rows.concat(strangers.map((member) => fromGossip(null, member)));
}

function fromState(body) {
  const all = list(body.Servers);
  const leader = all.find((server) => server.ID === body.Leader);
  return all.map((server) => {
    const reason = server.UnhealthyReason;
    return {
      id: server.ID, name: server.Name, address: server.Address, role: role(server),
      isVoter: list(body.Voters).includes(server.ID), isHealthy: server.Healthy === true,
      isLeader: server.ID === body.Leader,
      why: server.Healthy ? '' : rounded(reason ? reason.Text : `gossip: ${server.SerfStatus}`),
      isInGrace: Boolean(reason && reason.InGrace),
      lastContact: server.ID === body.Leader ? '–' : duration(server.LastContact),
      lag: leader ? String(Math.max(0, leader.LastIndex - server.LastIndex)) : '–',
      version: server.Version, zone: server.Zone, type: server.NodeType,
      stableSince: server.Healthy ? since(server.StableSince) : '–',
    };
  });
}

function role(server) {
  if (server.ReadReplica) return 'read replica';
  const type = String(server.NodeType || '');
  const isTold = type === '' || type === 'voter' || type === server.Status;
  return isTold ? String(server.Status) : `${server.Status} (${type})`;
}

function fromGossip(server, member) {
  const status = member ? member.Status : 'not known to gossip';
  const tags = (member && member.Tags) || {};
  return {
    id: server ? server.ID : tags.id,
    name: (member && member.Name) || (server && server.Node) || '?',
    address: server ? server.Address : `${member.Addr}:${tags.port || '?'}`,
    role: !server ? 'not in the configuration' : server.Leader ? 'leader'
      : server.Voter ? 'voter' : 'non-voter',
    isVoter: Boolean(server && server.Voter), isHealthy: status === 'alive',
    isLeader: Boolean(server && server.Leader),
    why: status === 'alive' ? '' : `gossip: ${status}`, isGuess: true,
    hasLeft: !server && status === 'left',
    lastContact: '–', lag: '–', version: tags.build || '–', zone: '', stableSince: '–',
  };
}

/** Is the cluster safe? One level, one sentence, and why. */
function verdict(rows) {
  const answer = answers.state;
  if (isGone()) {
    return {
      level: 'unknown', word: 'Unknown', text: `The agent at ${location.host} does not answer.`,
      why: ['Whether the cluster works is not known: ask another of its servers.'],
    };
  }
  if (answer.status === 200) return verdictOfState(answer.body, rows);
  if (answer.status === 403) {
    return {
      level: 'unknown', word: 'Unknown',
      text: token === '' ? 'Without a token Autopilot’s state is not shown.'
        : 'Autopilot’s state may not be read with this token.',
      why: [token === '' ? 'Type one with operator read.'
        : `It needs ${questions.state.needs}.`],
    };
  }
  if (answer.status === 503 && answer.text.startsWith('No cluster leader')) {
    return verdictWithoutLeader(answer.text, rows);
  }
  return {
    level: 'unknown', word: 'Unknown', text: 'Autopilot’s state is not known now.',
    why: [answer.text],
  };
}

function verdictOfState(body, rows) {
  const ill = rows.filter((row) => !row.isHealthy);
  const why = ill.map((row) => `${row.name}: ${row.why}`);
  const tolerance = Number(body.FailureTolerance);
  const voters = rows.filter((row) => row.isVoter).length;
  if (tolerance > 0) {
    const may = `${tolerance} more of ${plural(voters, 'voter')} may fail.`;
    return body.Healthy
      ? { level: 'safe', word: 'Safe', text: `All servers are healthy. ${may}`, why }
      : { level: 'risk', word: 'Degraded', text: `The cluster works. ${may}`, why };
  }
  why.push(...list(body.Warnings).map((warning) => warning.Text));
  const optimistic = Number(body.OptimisticFailureTolerance);
  if (optimistic > 0) {
    why.push(`${plural(optimistic, 'failure')} tolerated once Autopilot has given out votes.`);
  }
  if (voters === 1) why.push('It has a single voter.');
  return {
    level: 'risk', word: 'At risk',
    text: 'The cluster works. The next failure of a voter stops it.', why,
  };
}

function verdictWithoutLeader(text, rows) {
  const votes = votesOf(rows);
  const why = [text];
  if (votes.voters > 0) {
    const missing = votes.quorum - votes.healthy;
    const dead = rows.filter((row) => row.isVoter && !row.isHealthy).map((row) => row.name);
    const choice = missing < dead.length ? `${missing} of ` : '';
    why.push(missing > 0
      ? `Needed for ${votes.quorum} of ${plural(votes.voters, 'voter')}: start `
        + `${choice}${dead.join(', ')}.`
      : 'Enough voters are alive in gossip: an election may be under way, or port 4647 blocked.');
    if (missing > 0) why.push('If they are lost for ever: docs/operating/recovery.md.');
  }
  return {
    level: 'down', word: 'Down', text: 'There is no leader. Nothing can be changed.', why,
  };
}

// ---- Showing

function show() {
  const rows = servers();
  showVerdict(rows);
  showFreshness();
  showMissing();
  showVotes(rows);
  showWork();
  showServers(rows);
  showZones(rows);
  showAutopilot();
  showHistory();
  showSettings();
}

function showVerdict(rows) {
  const found = verdict(rows);
  $('verdict').setAttribute('data-level', found.level);
  setText('verdict-word', found.word);
  setText('verdict-text', found.text);
  // Ages would be read out each second: the live region says what is wrong, the table how much.
  const steady = found.why.map(
    (text) => clip(text).replace(/[0-9.]+ ?(ms|µs|s|min)(?= old)/g, 'too'));
  fill('verdict-why', ...steady.map((text) => element('li', {}, named(text))));
  const title = `${found.word} · Martlet`;
  if (document.title !== title) document.title = title;
}

function showFreshness() {
  const isStale = !isLive();
  $('fresh').setAttribute('data-stale', isStale || isPaused ? 'yes' : 'no');
  const at = lastAnswerAt === null ? null : clock(lastAnswerAt);
  const agent = clip(here());
  let text;
  if (at === null) text = 'Nothing has been answered yet.';
  else if (isGone()) {
    text = `Stale: the last answer of ${agent} came at ${at}.`;
  } else if (answers.state.status === 403) text = `Asked at ${at}: ${agent} refuses.`;
  else if (isStale) {
    const raft = answers.raft;
    const contact = raft && raft.status === 200 && !raft.knowsLeader
      ? `; it last heard of a leader ${span(raft.lastContact)} ago` : '';
    text = `Stale: what ${agent} has by itself, at ${at}${contact}.`;
  } else {
    const leader = servers().find((row) => row.isLeader);
    text = `Live at ${at}, from ${agent}`
      + (leader && leader.name !== agent ? `, which asks the leader ${clip(leader.name)}.` : '.');
  }
  setText('fresh', isPaused ? `Paused. ${text}` : text);
}

function showMissing() {
  const refused = Object.keys(questions).filter(
    (name) => answers[name] && answers[name].status === 403);
  $('missing').hidden = refused.length === 0;
  fill('missing-list', ...refused.map((name) => element(
    'li', {}, element('code', {}, questions[name].path.split('?')[0]), ' needs ',
    element('strong', {}, questions[name].needs), ': ', named(answers[name].text))));
  setText(
    'token-note', refused.length > 0 && token === '' ? 'A token is needed.'
      : refused.length > 0 ? `Refused: ${refused.length} of ${Object.keys(questions).length}`
        : token === '' ? '' : 'In use in this tab.');
}

function showVotes(rows) {
  const votes = votesOf(rows);
  if (votes.voters === 0) return fillPairs('votes', [['Voters', 'not known']]);
  const word = isLive() ? 'healthy' : isGone() ? 'were alive' : 'alive';
  const spare = isLive() ? `${votes.healthy} − ${votes.quorum} = ${votes.spare} may fail`
    : 'not known';
  fillPairs('votes', [
    ['Voters', `${votes.voters}, of which ${votes.healthy} ${word}`],
    ['Quorum', `${votes.quorum} of ${votes.voters}`],
    ['Spare', votes.spare < 0 ? `${-votes.spare} missing` : spare],
    ['Others', plural(rows.length - votes.voters, 'server') + ' without a vote'],
  ]);
}

/** What runs where, as far as the server that is asked has come. */
function showWork() {
  const gauges = list(known.metrics && known.metrics.body && known.metrics.body.Gauges);
  const count = (name, status) => {
    const gauge = gauges.find((one) => one && one.Name === `nomad.nomad.state.${name}`
      && (!status || (one.Labels && one.Labels.status === status)));
    return gauge ? Number(gauge.Value) || 0 : 0;
  };
  const nodes = ['ready', 'initializing', 'disconnected', 'down']
    .map((status) => [status, count('nodes', status)]).filter(([, many]) => many > 0);
  const switched = [
    count('broker_paused') ? 'the evaluation broker is paused: nothing is placed or moved' : '',
    count('registration_rejected') ? 'jobs are refused, but from management tokens' : '',
  ].filter(Boolean).join('; ');
  $('work-section').hidden = count('jobs') === 0 && nodes.length === 0 && switched === '';
  fillPairs('work', [
    ['Jobs', String(count('jobs'))],
    ['Allocations', `${count('allocations_running')} running`],
    ['Evaluations', `${count('evaluations_blocked')} wait for room`],
    ['Nodes', nodes.map(([status, many]) => `${many} ${status}`).join(', ') || 'none'],
    ...(switched === '' ? [] : [['Switched off', switched]]),
  ]);
}

function showServers(rows) {
  const titles = [
    'Name', 'Role', 'Health', 'Last contact', 'Log lag', 'Version', 'Zone', 'Stable since',
    'Address',
  ];
  fill('servers', table(titles, rows.map((row) => [
    row.name, row.role, health(row), row.lastContact, row.lag, row.version, row.zone || '–',
    row.stableSince, row.address,
  ]), 'No server is known.'));
}

function health(row) {
  const [level, word] = row.hasLeft ? ['unknown', 'gone']
    : !row.isHealthy ? [row.isInGrace ? 'risk' : 'down', 'unhealthy']
    : row.isGuess ? ['unknown', isGone() ? 'was alive' : 'alive in gossip'] : ['safe', 'healthy'];
  return element(
    'span', { class: 'health', 'data-level': level },
    element('span', { class: 'shape', 'aria-hidden': 'true' }), word,
    row.why === '' ? null : ': ', row.why === '' ? null : named(row.why));
}

function showZones(rows) {
  const names = [...new Set(rows.map((row) => row.zone).filter(Boolean))].sort();
  $('zones-section').hidden = names.length === 0;
  fill('zones', table(['Zone', 'Voters', 'Standing by', 'Healthy'], names.map((name) => {
    const inZone = rows.filter((row) => row.zone === name);
    const join = (isVoter) => inZone.filter((row) => row.isVoter === isVoter)
      .map((row) => row.name).join(', ') || '–';
    const healthy = inZone.filter((row) => row.isHealthy).length;
    return [name, join(true), join(false), `${healthy} of ${inZone.length}`];
  }), ''));
}

const stages = {
  idle: 'none is under way', disabled: 'switched off', promoting: 'new servers get votes',
  demoting: 'old servers lose their votes', 'await-new-voters': 'waits for new servers',
  'leader-transfer': 'leadership goes to a new server',
  'await-new-servers': 'waits for new servers in each zone',
  'await-server-removal': 'the old servers can be stopped and removed',
};

function showAutopilot() {
  const body = state();
  if (body === null) {
    fillPairs('autopilot', [['State', 'not known']]);
    fill('next', element('li', {}, 'not known'));
    return fill('notes');
  }
  const name = (id) => (list(body.Servers).find((server) => server.ID === id) || {}).Name || id;
  const pairs = [
    ['Migration', `${body.Status}: ${stages[body.Status] || 'see docs/operating/autopilot.md'}`],
    ['Target version', body.TargetVersion || '–'],
    ['Wanted voters', list(body.WantedVoters).map(name).join(', ') || '–'],
    ['Failure tolerance', `${body.FailureTolerance} now, ${body.OptimisticFailureTolerance} with `
      + 'all votes given out'],
  ];
  const removable = list(body.SafeToRemove).map(name);
  if (removable.length > 0) pairs.push(['Safe to remove', removable.join(', ')]);
  fillPairs('autopilot', isLive() ? pairs : [['As of', clock(known.state.at)], ...pairs]);
  const planned = isGood('plan') ? list(answers.plan.body.Actions).map(({ Text }) => Text) : [];
  const wanted = [...new Set([...planned, ...list(body.NextActions)])];
  const next = !isLive() ? ['not known'] : wanted.length > 0 ? wanted : ['nothing'];
  fill('next', ...next.map((text) => element('li', {}, named(text))));
  fill(
    'notes', ...notes('Warnings', list(body.Warnings)),
    ...notes('Refused', list(body.Refused)));
}

function notes(title, items) {
  if (items.length === 0) return [];
  return [
    element('h3', {}, title),
    element('ul', {}, ...items.slice(0, rowsMax).map(
      (item) => element('li', {}, element('code', {}, clip(item.Code)), ' ', named(item.Text)))),
  ];
}

function showHistory() {
  const body = known.history ? known.history.body : {};
  const none = known.history ? 'Nothing is recorded.' : 'not known';
  const newest = (items) => list(items).slice().reverse();
  fill('events', table(
    ['When', 'What', 'Server', 'By', 'Outcome', 'Why'],
    newest(body.Events).map((event) => [
      since(event.Time), event.Action, event.Name || '–', actor(event), event.Outcome,
      event.Reason,
    ]), none));
  fill('leaders', table(
    ['Leader', 'Term', 'Since'],
    newest(body.Leaders).map((leader) => [leader.Name, String(leader.Term), since(leader.Since)]),
    none));
}

const actor = (event) => (event.Accessor ? `${event.Actor} ${event.Accessor}` : event.Actor);

/** An object's fields, those of objects in it behind a dot; not the indexes of its change. */
function flatten(object, prefix) {
  return Object.entries(object || {}).flatMap(([name, value]) => {
    if (value !== null && typeof value === 'object') return flatten(value, `${prefix}${name}.`);
    if (name === 'CreateIndex' || name === 'ModifyIndex') return [];
    return [[prefix + name, String(value)]];
  });
}

function showSettings() {
  const unknown = [['', 'not known']];
  const scheduler = known.scheduler && known.scheduler.body.SchedulerConfig;
  fillPairs('autopilot-settings', known.settings ? flatten(known.settings.body, '') : unknown);
  fillPairs('scheduler-settings', scheduler ? flatten(scheduler, '') : unknown);
  const stats = known.self ? known.self.body.stats || {} : null;
  fillPairs('self', stats === null ? unknown : [
    ['Name', here()], ...flatten(stats.raft, ''),
    ['gossip encrypted', String((stats.serf || {}).encrypted)],
    ['version', String((stats.runtime || {}).version)],
  ]);
  const member = known.self && known.self.body.member;
  const tags = (member && member.Tags) || {};
  setText('where', member ? `${clip(tags.region)} · ${clip(member.Name)}` : location.host);
}

// ---- The token

function remember(text) {
  token = text;
  for (const name of Object.keys(known)) delete known[name];
  for (const name of Object.keys(answers)) delete answers[name];
  try {
    if (token === '') sessionStorage.removeItem(tokenKey);
    else sessionStorage.setItem(tokenKey, token);
  } catch {
    // A browser that keeps nothing: the token lives as long as the page.
  }
  restart();
}

function recall() {
  try {
    return sessionStorage.getItem(tokenKey) || '';
  } catch {
    return '';
  }
}

$('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('token').value.trim();
  $('token').value = '';
  if (text === '') return;
  if (/^[\x21-\x7e]+$/.test(text)) remember(text);
  else setText('token-note', 'That is no token.');
});
$('forget').addEventListener('click', () => remember(''));
$('pause').addEventListener('click', () => {
  isPaused = !isPaused;
  $('pause').setAttribute('aria-pressed', String(isPaused));
  if (isPaused) {
    // What is under way is not shown any more.
    generation += 1;
    clearTimeout(timer);
    showFreshness();
  } else restart();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !isPaused && timer !== 0) poll();
});

token = recall();
poll();

"""#
}
