// The documents of a bucket, or those of them that have conflicts: a list, and one of them beside it.
import {document_pane, new_document_pane} from './document.js';
import {by_name, elements, object_of, own_members} from './json_text.js';
import {json_value} from './json_view.js';
import {address, complain, make, named, sentence, short_rev, show_items, when_quiet} from './page.js';
import {ask, bucket_path, parameters} from './rest.js';

const page_size = 50;
/// Previews are read with the list where documents are smaller than this, on average.
const most_previewed_bytes = 16384;

export function documents(bucket, kind) {
  const only_conflicts = kind === 'conflicts';
  const rows = make('ul', {class: 'rows'});
  const more = make('button', {type: 'button', class: 'more', hidden: true, onclick: () => load_more()}, 'More');
  const state = make('p', {class: 'hint', role: 'status'});
  const search = make('input', {type: 'search', placeholder: 'Ids that begin with …', 'aria-label': 'Ids that begin with', autocomplete: 'off',
    spellcheck: 'false'});
  const list = make('section', {class: 'list', 'aria-label': only_conflicts ? 'Conflicts' : 'Documents'},
    !only_conflicts && make('div', {class: 'tools'}, search,
      make('a', {class: 'button', href: address('bucket', bucket, 'new')}, 'New document')), rows, more, state);
  const side = make('div', {class: 'pane'});
  const element = make('div', {class: 'split'}, list, side);

  let shown = []; // [{id, rev, preview}]
  let next;
  let loads = 0;
  let pane;
  let facts;
  let selected;

  const previews = () => !facts || facts.bytes / Math.max(1, facts.documents) < most_previewed_bytes;

  async function read_page(after) {
    const path = only_conflicts
      ? `/_conflicts${parameters({limit: page_size, after})}`
      : `/_documents${parameters({limit: page_size, after, prefix: search.value, include_docs: previews()})}`;
    const answer = by_name(await ask(bucket_path(bucket) + path));
    next = answer.next === undefined ? undefined : JSON.parse(answer.next);
    return elements(answer.rows).map(raw => {
      const row = by_name(raw);
      const count = row.conflicts === undefined ? 0 : elements(row.conflicts).length;
      return {id: JSON.parse(row.id), rev: JSON.parse(row.rev), preview: row.document && object_of(own_members(row.document)), count};
    });
  }

  function row_of(item) {
    const body = make('span', {class: 'preview'});
    const rev = make('code');
    const link = make('a', {href: address('bucket', bucket, kind, item.id)}, make('span', {class: 'row-head'}, named(item.id), rev), body);
    return make('li', {}, link);
  }

  function update_row(row, item) {
    const link = row.firstChild;
    if (item.id === selected) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
    if (row.rev === item.rev && row.count === item.count) return;
    row.rev = item.rev;
    row.count = item.count;
    link.querySelector('code').textContent = short_rev(item.rev);
    const preview = item.count > 0 ? `${item.count + 1} versions` : item.preview && json_value(item.preview, 160);
    link.querySelector('.preview').replaceChildren(preview ?? '');
  }

  function show() {
    show_items(rows, shown, item => item.id, row_of, update_row);
    more.hidden = next === undefined;
    state.textContent = shown.length > 0 ? '' : only_conflicts ? 'No document has a conflict.' :
      search.value !== '' ? 'No id begins so.' : 'No documents yet.';
  }

  async function load() {
    const mine = ++loads;
    try {
      const page = await read_page();
      if (mine !== loads) return;
      shown = page;
      show();
    } catch (fault) {
      if (mine === loads) state.textContent = sentence(fault.message);
    }
  }

  async function load_more() {
    const mine = ++loads;
    try {
      const first_new = shown.length;
      const page = await read_page(next);
      if (mine !== loads) return;
      shown = [...shown, ...page];
      show();
      rows.children[first_new]?.firstChild.focus();
    } catch (fault) {
      complain(fault);
    }
  }

  search.addEventListener('input', when_quiet(150, load));
  list.addEventListener('keydown', event => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const links = [...rows.querySelectorAll('a')];
    const at = links.indexOf(document.activeElement);
    if (at < 0 && event.key === 'ArrowUp') return;
    event.preventDefault();
    (links[at + (event.key === 'ArrowDown' ? 1 : -1)] ?? search).focus();
  });

  const home = address('bucket', bucket, kind);
  /// Shows the document that the address names.
  function go(id, is_new) {
    selected = id;
    const events = {written: load, closed: () => { location.hash = home; }, made: made => { load(); location.hash = address('bucket', bucket, kind, made); }};
    pane = id !== undefined ? document_pane(bucket, id, events) : is_new ? new_document_pane(bucket, events) : undefined;
    element.classList.toggle('has-pane', pane !== undefined);
    side.replaceChildren(pane?.element ?? make('p', {class: 'hint rest'}, only_conflicts
      ? 'Choose a document to see its versions beside each other.' : 'Choose a document to see it, or make a new one.'));
    show();
    pane?.load();
  }

  let sequence;
  function update(node) {
    const now = node.buckets.find(one => one.name === bucket);
    facts = now;
    if (!now || now.sequence === sequence) return;
    const first = sequence === undefined;
    sequence = now.sequence;
    if (first) return;
    if (shown.length <= page_size) load();
    pane?.refresh();
  }

  return {element, update, load, go, focus_search: () => search.focus(), is_changed: () => pane?.is_changed() ?? false};
}
