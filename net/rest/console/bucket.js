// A bucket: its facts, and the tabs of what it holds.
import {activity} from './activity.js';
import {documents} from './documents.js';
import {address, bytes, count, make, named, show_text} from './page.js';
import {queries} from './queries.js';

const tabs = ['documents', 'conflicts', 'queries', 'activity'];

export function bucket_view(bucket) {
  const title = make('h1', {tabindex: '-1'}, named(bucket));
  const values = {};
  const facts = make('dl', {class: 'facts'}, ['documents', 'deleted', 'sequence', 'size', 'digest'].map(name => {
    values[name] = make('dd', {}, '–');
    return make('div', {}, make('dt', {}, name), values[name]);
  }));
  const links = {};
  const counts = {};
  const nav = make('nav', {class: 'tabs', 'aria-label': 'Bucket'}, tabs.map(name => {
    counts[name] = make('span', {class: 'count'});
    links[name] = make('a', {href: address('bucket', bucket, name)}, name.charAt(0).toUpperCase() + name.slice(1), counts[name]);
    return links[name];
  }));
  const place = make('div', {class: 'tab'});
  const gone = make('p', {class: 'fault', hidden: true}, 'There is no such bucket on this node.');
  const element = make('div', {class: 'view bucket'}, make('div', {class: 'heading'}, title, facts), nav, gone, place);

  let tab;
  let inner;
  let last;

  function open(name) {
    inner?.leave?.();
    tab = name;
    inner = name === 'queries' ? queries(bucket) : name === 'activity' ? activity(bucket) : documents(bucket, name);
    place.replaceChildren(inner.element);
    if (last) inner.update(last);
    inner.load?.();
    for (const one of tabs) {
      if (one === name) links[one].setAttribute('aria-current', 'page');
      else links[one].removeAttribute('aria-current');
    }
  }

  function go([wanted, id]) {
    const is_new = wanted === 'new';
    const name = is_new || !tabs.includes(wanted) ? 'documents' : wanted;
    if (name !== tab) open(name);
    inner.go?.(id, is_new);
  }

  function update(node) {
    last = node;
    if (!node.system) return;
    const now = node.buckets.find(one => one.name === bucket);
    gone.hidden = now !== undefined;
    if (now) {
      for (const name of ['documents', 'deleted', 'sequence']) show_text(values[name], count(now[name]));
      show_text(values.size, bytes(now.bytes));
      show_text(values.digest, now.digest.slice(0, 8));
      values.digest.title = `Nodes with the same digest hold the same bucket: ${now.digest}`;
      show_text(counts.conflicts, now.conflicts > 0 ? count(now.conflicts) : '');
      show_text(counts.queries, now.queries > 0 ? count(now.queries) : '');
      links.conflicts.classList.toggle('warn', now.conflicts > 0);
    }
    inner?.update(node);
  }
  return {element, bucket, go, update, leave: () => inner?.leave?.(), focus_search: () => inner?.focus_search?.(),
    is_changed: () => inner?.is_changed?.() ?? false, title: () => bucket};
}
