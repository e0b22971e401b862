// Queries: a map function is written, its rows are seen as it is typed, saved, and asked.
import {by_name, elements, own_members} from './json_text.js';
import {json_value} from './json_view.js';
import {address, complain, confirm_that, count, counted, make, named, notice, sentence, show_items, show_text, when_quiet} from './page.js';
import {ask, ask_json, bucket_path, parameters, query_path} from './rest.js';
import {look_now} from './watch.js';

const page_size = 50;
const quiet_ms = 250;
const built_in = ['_count', '_sum', '_min', '_max', '_avg', '_stats', '_approx_count_distinct'];

/// A row, whichever of the three forms it has.
function row_of(bucket, raw) {
  const row = by_name(raw);
  const link = id => make('a', {href: address('bucket', bucket, 'documents', id)}, named(id));
  const value = row.value === undefined ? '' : json_value(row.value);
  if (row.id !== undefined) return make('tr', {}, make('td', {}, json_value(row.key)), make('td', {}, value), make('td', {}, link(JSON.parse(row.id))));
  return make('tr', {}, make('td', {}, json_value(row.key)), make('td', {}, value), make('td'));
}

/// The first member of the first document, to begin with a function that shows something.
async function first_function(bucket) {
  const answer = by_name(await ask(`${bucket_path(bucket)}/_documents?limit=1&include_docs=true`));
  const [row] = elements(answer.rows);
  const names = row === undefined ? [] : own_members(by_name(row).document).map(one => one.name);
  const name = names.find(one => /^[A-Za-z$][\w$]*$/.test(one)) ?? 'name';
  return `doc => {\n  emit(doc.${name}, 1)\n}`;
}

export function queries(bucket) {
  const list = make('ul', {class: 'queries'});
  const name = make('input', {id: 'query-name', autocomplete: 'off', spellcheck: 'false', placeholder: 'by_name', required: true});
  const map = make('textarea', {id: 'query-map', class: 'json', rows: '9', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off'});
  const reduce = make('select', {id: 'query-reduce'}, make('option', {value: ''}, 'none'),
    built_in.map(one => make('option', {value: one}, one)), make('option', {value: 'function'}, 'a function'));
  const reducer = make('textarea', {id: 'query-reducer', class: 'json', rows: '4', spellcheck: 'false', 'aria-label': 'Reduction'});
  reducer.value = '(keys, values, rereduce) => {\n  return values.length\n}';
  const fault = make('p', {class: 'fault', role: 'alert'});
  const drop = make('button', {type: 'button', class: 'danger', hidden: true, onclick: () => drop_query()}, 'Drop');
  const form = make('form', {class: 'editor', onsubmit: event => { event.preventDefault(); save(); }},
    make('label', {class: 'field', for: 'query-map'}, make('span', {}, 'Map function'), map),
    make('label', {class: 'field inline', for: 'query-reduce'}, make('span', {}, 'Reduction'), reduce), reducer, fault,
    make('div', {class: 'actions save'}, make('label', {class: 'field inline', for: 'query-name'}, make('span', {}, 'Name'), name), drop,
      make('button', {type: 'submit', class: 'first'}, 'Save the query')));

  const body = make('tbody');
  const told = make('p', {class: 'hint', role: 'status'});
  const problems = make('ul', {class: 'problems'});
  const more = make('button', {type: 'button', class: 'more', hidden: true, onclick: () => ask_query(next)}, 'More');
  const table = make('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Rows'}, make('table', {class: 'answer'},
    make('thead', {}, make('tr', {}, ['Key', 'Value', 'Document'].map(one => make('th', {scope: 'col'}, one)))), body));
  const field = (label, properties) => make('label', {class: 'field'}, make('span', {}, label), make('input', {autocomplete: 'off', spellcheck: 'false', ...properties}));
  const group = make('select', {name: 'group'}, make('option', {value: ''}, 'all rows'), make('option', {value: 'true'}, 'each key'),
    [1, 2, 3].map(level => make('option', {value: String(level)}, `level ${level}`)), make('option', {value: 'rows'}, 'do not reduce'));
  /// Reduced rows are of no document.
  const show_column = is_there => table.classList.toggle('reduced-rows', !is_there);
  const grouped = make('label', {class: 'field'}, make('span', {}, 'Reduce'), group);
  const asking = make('form', {class: 'asking', hidden: true, onsubmit: event => { event.preventDefault(); ask_query(); }},
    field('Term', {name: 'term', placeholder: '"NO"'}), field('From', {name: 'from'}), field('To', {name: 'to'}),
    field('Prefix', {name: 'prefix', placeholder: '["NO"]'}), grouped,
    make('div', {class: 'go'},
      make('label', {class: 'field check'}, make('input', {type: 'checkbox', name: 'descending'}), make('span', {}, 'Descending')),
      make('button', {type: 'submit'}, 'Ask')));
  const heading = make('h2', {}, 'Rows');
  const rows = make('section', {class: 'answers', 'aria-label': 'Rows'}, make('div', {class: 'heading'}, heading, told), asking, problems, table, more);
  const element = make('div', {class: 'split wide'},
    make('section', {class: 'definitions', 'aria-label': 'Queries'}, list, form), rows);

  let all = [];
  let opened; // the definition that the address names, once it was read
  let wanted; // its name
  let running; // the AbortController of the last request for rows
  let next;
  let begun = ''; // the text of the editor when nothing was typed

  const definition = () => ({map: map.value,
    ...(reduce.value === '' ? {} : {reduce: reduce.value === 'function' ? reducer.value : reduce.value})});
  const text_of = one => JSON.stringify([one.map, one.reduce ?? null]);
  const is_saved = () => opened !== undefined && text_of(opened) === text_of(definition());

  function start() {
    running?.abort();
    running = new AbortController();
    return running;
  }

  /// The newest question alone may show its answer.
  async function shown_by(question, show) {
    const mine = start();
    rows.classList.add('asking-now');
    try {
      const text = await question(mine.signal);
      if (mine !== running) return;
      fault.textContent = '';
      show(by_name(text));
    } catch (problem) {
      if (mine !== running || problem.name === 'AbortError') return;
      fault.textContent = sentence(problem.message);
      rows.classList.add('outdated');
    } finally {
      if (mine === running) rows.classList.remove('asking-now');
    }
  }

  function try_map() {
    asking.hidden = true;
    more.hidden = true;
    if (map.value.trim() === '') return;
    shown_by(signal => ask(`${bucket_path(bucket)}/_query`, {method: 'POST', body: JSON.stringify(definition()), signal}), answer => {
      const items = elements(answer.rows);
      rows.classList.remove('outdated');
      heading.textContent = 'Trial';
      body.replaceChildren(...items.map(raw => row_of(bucket, raw)));
      show_column(true);
      const documents = Number(answer.documents);
      told.textContent = `${counted(items.length, 'row')}${answer.cut ? ', and more,' : ''} of the first ${counted(documents, 'document')}; nothing is stored`;
      const list_of = elements(answer.errors).map(raw => {
        const one = JSON.parse(raw);
        return make('li', {}, named(one.id), ': ', one.message);
      });
      if (answer.reduced && answer.reduced !== 'null')
        list_of.push(make('li', {class: 'reduced'}, 'Reduced: ', json_value(by_name(elements(answer.reduced)[0]).value)));
      if (answer.reduce_error) list_of.push(make('li', {}, JSON.parse(answer.reduce_error)));
      problems.replaceChildren(...list_of);
    });
  }

  function ask_query(after) {
    const given = new FormData(asking);
    const values = {limit: page_size, after};
    for (const one of ['term', 'from', 'to', 'prefix']) values[one] = given.get(one);
    if (given.get('descending')) values.descending = true;
    if (opened.reduce) {
      if (group.value === 'true') values.group = true;
      else if (group.value === 'rows') values.reduce = 'false';
      else values.group_level = group.value;
    }
    shown_by(signal => ask(query_path(bucket, opened.name) + parameters(values), {signal}), answer => {
      const items = elements(answer.rows).map(raw => row_of(bucket, raw));
      show_column(!opened.reduce || values.reduce === 'false');
      rows.classList.remove('outdated');
      heading.textContent = 'Answer';
      if (after === undefined) body.replaceChildren(...items);
      else body.append(...items);
      if (after !== undefined) items[0]?.querySelector('a')?.focus();
      next = answer.next === undefined ? undefined : JSON.parse(answer.next);
      more.hidden = next === undefined;
      told.textContent = `${counted(body.children.length, 'row')}${next === undefined ? '' : ' so far'}, at sequence ${count(Number(answer.sequence))}`;
      problems.replaceChildren();
    });
  }

  function show_rows() {
    drop.hidden = opened === undefined;
    reducer.hidden = reduce.value !== 'function';
    if (!is_saved()) return try_map();
    asking.hidden = false;
    grouped.hidden = !opened.reduce;
    ask_query();
  }

  const typed = when_quiet(quiet_ms, show_rows);
  for (const one of [map, reducer]) one.addEventListener('input', typed);
  reduce.addEventListener('change', show_rows);
  form.addEventListener('keydown', event => {
    if ((event.ctrlKey || event.metaKey) && (event.key === 'Enter' || event.key === 's')) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  async function save() {
    try {
      await ask(query_path(bucket, name.value.trim()), {method: 'POST', body: JSON.stringify(definition())});
      begun = text_of(definition());
      notice(`Saved the query ${name.value.trim()}`);
      look_now();
      const there = address('bucket', bucket, 'queries', name.value.trim());
      await read();
      if (location.hash === there) open_query(name.value.trim());
      else location.hash = there;
    } catch (problem) {
      fault.textContent = sentence(problem.message);
    }
  }

  async function drop_query() {
    if (!await confirm_that(`Drop the query ${opened.name}?`, 'It is dropped on every node, with its index. Documents stay as they are.', 'Drop')) return;
    try {
      await ask(query_path(bucket, opened.name), {method: 'DELETE'});
      notice(`Dropped the query ${opened.name}`);
      look_now();
      location.hash = address('bucket', bucket, 'queries');
      await read();
    } catch (problem) {
      complain(problem);
    }
  }

  function list_row(query) {
    const state = make('span', {class: 'state'});
    const told_of = make('span', {class: 'hint'});
    const bar = make('progress', {max: '1', 'aria-label': `Progress of ${query.name}`});
    return make('li', {}, make('a', {href: address('bucket', bucket, 'queries', query.name)},
      make('span', {class: 'row-head'}, named(query.name), state), told_of, bar));
  }

  function update_list_row(row, query) {
    const link = row.firstChild;
    const state = link.querySelector('.state');
    state.className = `state ${query.state === 'ready' ? 'live' : query.state === 'suspended' ? 'unreachable' : 'catching_up'}`;
    show_text(state, query.state);
    const errors = query.errors > 0 ? `, ${counted(query.errors, 'error')}` : '';
    show_text(link.querySelector('.hint'), counted(query.rows, 'row') + errors);
    const bar = link.querySelector('progress');
    bar.hidden = query.state === 'ready' || query.state === 'suspended';
    bar.value = query.progress ?? 0;
    link.title = query.last_error ? `${query.last_error.id}: ${query.last_error.message}` : '';
    if (query.name === wanted) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }

  async function read() {
    const answer = await ask_json(`${bucket_path(bucket)}/_query`);
    all = answer.queries;
    show_list();
  }

  const fresh = {name: '\n'}; // no query has such a name
  function show_list() {
    show_items(list, [...all, fresh], one => one.name,
      one => one === fresh ? make('li', {}, make('a', {href: address('bucket', bucket, 'queries')}, 'New query')) : list_row(one),
      (row, one) => {
        if (one !== fresh) return update_list_row(row, one);
        if (wanted === undefined) row.firstChild.setAttribute('aria-current', 'true');
        else row.firstChild.removeAttribute('aria-current');
      });
  }

  function fill(one) {
    map.value = one.map;
    reduce.value = !one.reduce ? '' : built_in.includes(one.reduce) ? one.reduce : 'function';
    if (reduce.value === 'function') reducer.value = one.reduce;
    begun = text_of(definition());
  }

  async function open_query(query_name) {
    wanted = query_name;
    if (query_name !== undefined && query_name !== opened?.name) asking.reset();
    opened = all.find(one => one.name === query_name);
    show_list();
    try {
      if (opened) {
        name.value = opened.name;
        fill(opened);
      } else {
        name.value = query_name ?? '';
        fill({map: await first_function(bucket)});
        if (wanted !== query_name) return;
        if (query_name !== undefined) fault.textContent = 'There is no such query: save it to make it.';
      }
      show_rows();
    } catch (problem) {
      fault.textContent = sentence(problem.message);
    }
  }

  let sequence;
  let busy = false;
  function update(node) {
    const facts = node.buckets.find(one => one.name === bucket);
    if (!facts) return;
    const building = all.some(one => one.state === 'building' || one.state === 'redefining');
    if (busy || (facts.sequence === sequence && !building)) return;
    sequence = facts.sequence;
    busy = true;
    read().catch(() => {}).finally(() => { busy = false; });
  }

  return {element, update, load: async () => {}, leave: () => running?.abort(),
    go: async query_name => {
      try {
        await read();
      } catch (problem) {
        fault.textContent = sentence(problem.message);
      }
      await open_query(query_name);
    },
    is_changed: () => begun !== '' && begun !== text_of(definition())};
}
