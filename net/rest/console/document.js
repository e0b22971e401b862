// One document: shown, edited, deleted; its history, and its conflicts beside each other.
import {by_name, elements, fault_of, members, object_of, own_members, pretty} from './json_text.js';
import {json_block} from './json_view.js';
import {address, complain, confirm_that, counted, make, named, notice, sentence, short_rev} from './page.js';
import {ask, bucket_path, document_path, refusal} from './rest.js';
import {revision_tree} from './revisions.js';
import {look_now} from './watch.js';

const strings = raw => elements(raw).map(one => JSON.parse(one));

/// The fields of a document as they are edited.
const editable = text => pretty(object_of(own_members(text)));

/// A text area for a document, that says what is wrong with it while it is typed. `save` gets the text; what it throws is
/// shown. Ctrl+Enter and Ctrl+S save, Escape leaves.
function editor(text, label, {save, leave, extra = []}) {
  const fault = make('p', {class: 'fault', role: 'alert'});
  const area = make('textarea', {class: 'json', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', 'aria-label': label,
    rows: String(Math.min(30, Math.max(8, text.split('\n').length + 1)))});
  area.value = text;
  const state = {saving: false};
  const submit = async event => {
    event?.preventDefault();
    if (state.saving) return;
    const wrong = fault_of(area.value);
    if (wrong) {
      fault.textContent = sentence(wrong);
      area.focus();
      return;
    }
    state.saving = true;
    try {
      fault.textContent = '';
      await save(area.value);
    } catch (problem) {
      fault.textContent = sentence(problem.message);
    } finally {
      state.saving = false;
    }
  };
  area.addEventListener('input', () => {
    const wrong = fault_of(area.value);
    fault.textContent = wrong ? sentence(wrong) : '';
  });
  const form = make('form', {class: 'editor', onsubmit: submit}, extra, area, fault,
    make('div', {class: 'actions'}, make('span', {class: 'hint keys'}, 'Ctrl+Enter saves, Escape leaves'),
      make('button', {type: 'button', onclick: leave}, 'Cancel'), make('button', {type: 'submit', class: 'first'}, 'Save')));
  form.addEventListener('keydown', event => {
    if ((event.ctrlKey || event.metaKey) && (event.key === 'Enter' || event.key === 's')) submit(event);
    if (event.key === 'Escape') {
      event.preventDefault(); // or it would close the dialog that is opened here
      event.stopPropagation();
      leave();
    }
  });
  return {element: form, area, is_changed: () => area.value !== text};
}

/// Columns beside each other, each with a title and what can be done with it.
const beside = columns => make('div', {class: 'beside', tabindex: '0', role: 'group', 'aria-label': 'Versions'},
  columns.map(one => make('section', {class: `version ${one.kind ?? ''}`},
    make('header', {}, make('h4', {}, one.title), one.rev && make('code', {title: one.rev}, short_rev(one.rev))),
    one.body, one.action)));

/// The pane of a document. `written(id)` is called after each change, `closed` when it is left.
export function document_pane(bucket, id, {written, closed}) {
  const element = make('article', {class: 'document', 'aria-label': `Document ${id}`});
  let shown; // {text, rev, conflicts, leaves}
  let editing;

  const path = () => document_path(bucket, id);

  async function read() {
    const text = await ask(`${path()}?conflicts=true&history=true`);
    const all = by_name(text);
    const rev = JSON.parse(all.rev);
    const leaves = [{rev, text, history: strings(all._history)}];
    for (const other of strings(all._conflicts)) {
      const leaf = await ask(`${path()}?rev=${encodeURIComponent(other)}&history=true`);
      leaves.push({rev: other, text: leaf, history: strings(by_name(leaf)._history)});
    }
    return {text, rev, leaves};
  }

  const head = (rev, ...buttons) => make('div', {class: 'heading'},
    make('h2', {tabindex: '-1'}, named(id)), rev && make('code', {class: 'rev', title: rev}, short_rev(rev)),
    make('span', {class: 'buttons'}, buttons),
    make('a', {class: 'close', href: address('bucket', bucket, 'documents'), 'aria-label': 'Close the document'}, '×'));

  function show() {
    const focused = element.contains(document.activeElement) ? document.activeElement.textContent : undefined;
    editing = undefined;
    const {text, rev, leaves} = shown;
    const edit = make('button', {type: 'button', class: 'first', onclick: () => begin_edit()}, 'Edit');
    const remove = make('button', {type: 'button', class: 'danger', onclick: () => remove_document()}, 'Delete');
    element.replaceChildren(...[head(rev, edit, remove), (leaves.length > 1 || leaves[0].history.length > 1) && revision_tree(leaves),
      leaves.length > 1 ? conflict(leaves) : json_block(object_of(own_members(text)))].filter(Boolean));
    [...element.querySelectorAll('button')].find(one => one.textContent === focused)?.focus();
  }

  function show_problem(fault) {
    const missing = fault instanceof refusal && fault.status === 404;
    element.replaceChildren(head(undefined), make('p', {class: 'fault'}, missing
      ? `There is no such document now: ${fault.message}.` : sentence(fault.message)));
    shown = undefined;
    editing = undefined;
  }

  const conflict = leaves => make('section', {class: 'conflict'},
    make('h3', {}, counted(leaves.length, 'version')),
    make('p', {class: 'hint'}, 'Nodes that were apart changed this document. All nodes show the first one until somebody decides.'),
    beside(leaves.map((leaf, i) => ({
      title: i === 0 ? 'Winner' : `Conflict ${i}`, kind: i === 0 ? 'winner' : '', rev: leaf.rev,
      body: json_block(object_of(own_members(leaf.text)), i === 0 ? object_of(own_members(leaves[1].text)) : object_of(own_members(leaves[0].text))),
      action: make('div', {class: 'actions'}, make('button', {type: 'button', onclick: () => keep(leaf)}, 'Keep this one'))}))));

  /// One version stays, on all nodes: the others are deleted in the same step.
  async function keep(leaf) {
    const [winner, ...others] = shown.leaves;
    const agreed = await confirm_that(`Keep ${short_rev(leaf.rev)}?`,
      `The other ${others.length === 1 ? 'version' : 'versions'} of ${id} will be deleted, on every node.`, 'Keep it');
    if (!agreed) return;
    const own = [{name: 'id', raw: JSON.stringify(id)}];
    const docs = others.map(one => object_of([...own, {name: 'rev', raw: JSON.stringify(one.rev)}, {name: '_deleted', raw: 'true'}]));
    if (leaf !== winner)
      docs.unshift(object_of([...own, {name: 'rev', raw: JSON.stringify(winner.rev)}, ...own_members(leaf.text)]));
    try {
      await ask(`${bucket_path(bucket)}/_bulk?atomic=true`, {method: 'POST', body: `{"docs":[${docs.join(',')}]}`});
      notice('The conflict is resolved');
      await changed();
    } catch (fault) {
      complain(fault);
      await load();
    }
  }

  async function changed() {
    await load();
    element.querySelector('h2')?.focus();
    written(id);
    look_now();
  }

  function begin_edit() {
    const base = shown;
    const meeting = make('section', {class: 'meeting', hidden: true});
    const stop = async () => {
      if (editing?.is_changed() && !await confirm_that('Leave without saving?', `What you typed into ${id} would be lost.`, 'Leave')) return;
      if (shown) show();
      element.querySelector('button.first')?.focus();
    };
    const put = async (text, rev) => {
      const answer = JSON.parse(await ask(`${path()}?rev=${encodeURIComponent(rev)}`, {method: 'PUT', body: text}));
      notice(`Saved as ${short_rev(answer.rev)}`);
      await changed();
    };
    editing = editor(editable(base.text), `Document ${id}`, {
      leave: stop,
      save: async text => {
        try {
          await put(text, base.rev);
        } catch (fault) {
          if (!(fault instanceof refusal) || fault.code !== 'conflict') throw fault;
          await meet(text, meeting, put);
          throw new Error('somebody else changed this document since you began: see below');
        }
      }});
    element.replaceChildren(head(base.rev), editing.element, meeting);
    editing.area.focus();
    editing.area.setSelectionRange(0, 0);
  }

  /// Somebody was first: their document beside that of the editor.
  async function meet(text, meeting, put) {
    let theirs;
    try {
      theirs = await read();
    } catch (fault) {
      if (!(fault instanceof refusal) || fault.status !== 404) throw fault;
    }
    const act = task => async () => {
      try {
        await task();
      } catch (fault) {
        complain(fault);
      }
    };
    const mine = {title: 'Yours', body: json_block(text, theirs && object_of(own_members(theirs.text))),
      action: make('div', {class: 'actions'}, make('button', {type: 'button', onclick: act(async () => {
        const now = editing.area.value;
        const wrong = fault_of(now);
        if (wrong) throw new Error(wrong);
        if (theirs) return put(now, theirs.rev);
        await ask(path(), {method: 'PUT', body: now});
        notice('Saved');
        await changed();
      })}, theirs ? 'Write yours over theirs' : 'Write it again'))};
    const other = theirs
      ? {title: 'Theirs, now', rev: theirs.rev, kind: 'winner', body: json_block(object_of(own_members(theirs.text)), text)}
      : {title: 'Theirs, now', body: make('p', {}, 'They deleted it.')};
    other.action = make('div', {class: 'actions'}, make('button', {type: 'button', onclick: act(changed)}, 'Take theirs'));
    meeting.replaceChildren(make('h3', {}, 'Changed meanwhile'), beside([other, mine]));
    meeting.hidden = false;
  }

  async function remove_document() {
    if (!await confirm_that(`Delete ${id}?`, 'It is deleted on every node. Its history stays in the activity.', 'Delete')) return;
    try {
      await ask(`${path()}?rev=${encodeURIComponent(shown.rev)}`, {method: 'DELETE'});
      notice(`Deleted ${id}`);
      written(id);
      look_now();
      if (shown.leaves.length > 1) await load(); // the next version is the winner now
      else closed();
    } catch (fault) {
      complain(fault);
      await load();
    }
  }

  async function load() {
    try {
      shown = await read();
      show();
    } catch (fault) {
      if (fault.name !== 'AbortError') show_problem(fault);
    }
  }

  /// The bucket has changed: shows what is new, unless somebody is writing here.
  async function refresh() {
    if (editing) return;
    try {
      const now = await read();
      const same = shown && now.rev === shown.rev && now.leaves.length === shown.leaves.length;
      if (editing || same) return;
      shown = now;
      show();
    } catch (fault) {
      if (!editing && fault instanceof refusal) show_problem(fault);
    }
  }

  return {element, load, refresh, is_changed: () => editing?.is_changed() ?? false};
}

/// The pane of a document that is not there yet. `made(id)` is called when it is.
export function new_document_pane(bucket, {made, closed}) {
  const name = make('input', {id: 'new-id', autocomplete: 'off', spellcheck: 'false', placeholder: 'made by the node where it is empty'});
  let is_made = false;
  const inner = editor('{\n  \n}', 'The new document', {
    leave: closed,
    extra: [make('label', {class: 'field', for: 'new-id'}, make('span', {}, 'Id'), name)],
    save: async text => {
      const id = name.value === '' ? [] : [{name: 'id', raw: JSON.stringify(name.value)}];
      const rest = members(text).filter(one => id.length === 0 || one.name !== 'id');
      const answer = JSON.parse(await ask(bucket_path(bucket), {method: 'POST', body: object_of([...id, ...rest])}));
      is_made = true;
      notice(`Made ${answer.id}`);
      look_now();
      made(answer.id);
    }});
  const element = make('article', {class: 'document', 'aria-label': 'New document'},
    make('div', {class: 'heading'}, make('h2', {tabindex: '-1'}, 'New document')), inner.element);
  return {element, load: async () => { name.focus(); }, refresh: async () => {},
    is_changed: () => !is_made && (inner.is_changed() || name.value !== '')};
}
