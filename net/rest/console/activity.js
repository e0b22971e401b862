// The activity of a bucket, as it happens.
import {address, count, counted, make, named, short_rev, show_items} from './page.js';
import {bucket_path} from './rest.js';

const before = 50; // entries of the past to begin with
const most_shown = 300;

const query_of = id => id.startsWith('_query/') ? id.slice('_query/'.length) : undefined;

function row_of(entry) {
  const name = query_of(entry.id);
  const where = name === undefined ? ['documents', entry.id] : ['queries', name];
  const [edits] = /\d+/.exec(entry.changes[0]) ?? ['0'];
  const what = entry.deleted ? 'deleted' : edits === '1' ? 'created' : 'updated';
  return make('tr', {class: what}, make('td', {class: 'number'}, count(entry.seq)),
    make('td', {}, make('a', {href: address('bucket', entry.bucket, ...where)}, named(entry.id))),
    make('td', {}, make('span', {class: `what ${what}`}, what)),
    make('td', {class: 'revs'}, entry.changes.map(rev => make('code', {title: rev}, short_rev(rev)))),
    make('td', {class: 'when'}, entry.time));
}

export function activity(bucket) {
  const body = make('tbody');
  const state = make('span', {class: 'state connecting'}, 'connecting');
  const told = make('span', {class: 'hint', role: 'status'});
  const pause = make('button', {type: 'button', 'aria-pressed': 'false', onclick: () => {
    paused = !paused;
    pause.setAttribute('aria-pressed', String(paused));
    pause.textContent = paused ? 'Go on' : 'Pause';
    if (!paused) show_soon();
  }}, 'Pause');
  const nothing = make('p', {class: 'hint'}, 'Nothing has happened here yet. What is written from now on appears at once.');
  const element = make('section', {class: 'activity', 'aria-label': 'Activity'}, make('div', {class: 'tools'}, state, told, pause),
    make('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Entries'}, make('table', {}, make('thead', {}, make('tr', {},
      make('th', {scope: 'col', class: 'number'}, 'Sequence'), make('th', {scope: 'col'}, 'Document'), make('th', {scope: 'col'}, 'What'),
      make('th', {scope: 'col'}, 'Revision'), make('th', {scope: 'col'}, 'Seen'))), body)), nothing);

  let entries = []; // newest first
  let paused = false;
  let source;
  let last = 0;
  let log; // its id: a bucket that is made anew has another
  let begin; // where the present ends and what happens begins
  let came = 0;
  let frame = 0;
  let retry = 0;

  function show() {
    frame = 0;
    if (paused) {
      told.textContent = `${counted(came, 'change')} since this page was opened`;
      return;
    }
    show_items(body, entries, entry => entry.seq, row_of);
    nothing.hidden = entries.length > 0;
    told.textContent = came === 0 ? '' : `${counted(came, 'change')} since this page was opened`;
  }
  function show_soon() {
    if (frame === 0) frame = requestAnimationFrame(show);
  }

  function tell(kind, text) {
    state.className = `state ${kind}`;
    state.textContent = text;
  }

  function take(event) {
    const entry = JSON.parse(event.data);
    last = entry.seq;
    const is_new = entry.seq > begin;
    if (is_new) ++came;
    entries.unshift({...entry, bucket, time: is_new ? new Date().toLocaleTimeString('en-GB') : ''});
    if (entries.length > 2 * most_shown || !paused) entries = entries.slice(0, most_shown);
    show_soon();
  }

  function open() {
    source = new EventSource(`${bucket_path(bucket)}/_activity?feed=eventsource&since=${last}-${log}`);
    source.onopen = () => { tell('live', 'live'); show_soon(); };
    source.onmessage = take;
    source.onerror = () => {
      tell('connecting', 'connecting again');
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(retry);
      retry = setTimeout(open, 2000);
    };
  }

  function close() {
    clearTimeout(retry);
    source?.close();
    source = undefined;
  }

  /// A browser has few connections to one node: a page that nobody sees gives its one back.
  function shown_or_not() {
    if (document.hidden) close();
    else if (!source && begin !== undefined) open();
  }
  document.addEventListener('visibilitychange', shown_or_not);

  function update(node) {
    const facts = node.buckets.find(one => one.name === bucket);
    if (!facts || facts.log === log) return;
    close();
    entries = [];
    log = facts.log;
    begin = facts.sequence;
    last = Math.max(0, begin - before);
    open();
  }

  function leave() {
    document.removeEventListener('visibilitychange', shown_or_not);
    cancelAnimationFrame(frame);
    close();
  }
  return {element, update, leave};
}
