// The node at a glance: rates, buckets, facts.
import {chart, rates, ratios} from './charts.js';
import {address, ask_form, bytes, count, draw, duration, make, named, rate, show_items, show_text} from './page.js';
import {ask, bucket_path} from './rest.js';
import {look_now} from './watch.js';

/// Makes a bucket, and goes there.
export const new_bucket = () => ask_form('New bucket',
  [{name: 'bucket', label: 'Name', placeholder: 'people', hint: 'Small letters, digits, _ . and -'}], 'Make it',
  async ({bucket}) => {
    await ask(bucket_path(bucket), {method: 'PUT'});
    await look_now();
    location.hash = address('bucket', bucket, 'documents');
  });

function empty_node() {
  const line = `curl -X POST ${location.origin}/people -d '{"id":"sam","name":"Sam","age":31}'`;
  return make('section', {class: 'empty'}, make('h2', {}, 'Nothing is stored here yet'),
    make('p', {}, 'A bucket is made by its first document. In a terminal:'), make('pre', {class: 'json', tabindex: '0'}, line),
    make('p', {}, 'or ', make('button', {type: 'button', class: 'first', onclick: new_bucket}, 'Make a bucket'), ' here.'));
}

const size_bar_width = 100;

function bucket_row() {
  const cells = Object.fromEntries(['documents', 'deleted', 'conflicts', 'sequence', 'queries', 'bytes'].map(
    name => [name, make('td', {class: 'number'})]));
  const bar = draw('rect', {height: '6', rx: '2', class: 'bar'});
  const digest = make('td', {class: 'digest'});
  const link = make('a');
  const row = make('tr', {}, make('th', {scope: 'row'}, link), Object.values(cells),
    make('td', {class: 'size'}, draw('svg', {viewBox: `0 0 ${size_bar_width} 6`, preserveAspectRatio: 'none', 'aria-hidden': 'true'}, bar)), digest);
  row.update = (bucket, largest) => {
    if (!link.hasAttribute('href')) {
      link.append(named(bucket.name));
      link.setAttribute('href', address('bucket', bucket.name, 'documents'));
    }
    for (const name of ['documents', 'deleted', 'sequence', 'queries']) show_text(cells[name], count(bucket[name]));
    show_text(cells.conflicts, count(bucket.conflicts));
    cells.conflicts.classList.toggle('warn', bucket.conflicts > 0);
    show_text(cells.bytes, bytes(bucket.bytes));
    bar.setAttribute('width', String(Math.max(1, bucket.bytes / (largest || 1) * size_bar_width)));
    show_text(digest, bucket.digest.slice(0, 8));
    digest.title = `Nodes with the same digest hold the same bucket: ${bucket.digest}`;
  };
  return row;
}

export function overview() {
  const charts = {requests: chart('Requests', value => `${rate(value)} /s`),
    changes: chart('Changes', value => `${rate(value)} /s`),
    commits: chart('Commits', value => `${rate(value)} /s`),
    fsync: chart('fsync', value => value > 0 ? `${(value * 1000).toFixed(value < 0.01 ? 2 : 0)} ms` : '–')};
  const title = make('h1', {tabindex: '-1'}, named(''));
  const facts = make('dl', {class: 'facts'});
  const fact = ['state', 'up', 'documents', 'size', 'durability', 'peers', 'queries', 'version', 'node id'].map(name => {
    const value = make('dd');
    facts.append(make('div', {}, make('dt', {}, name), value));
    return [name, value];
  });
  const values = Object.fromEntries(fact);
  const body = make('tbody');
  const table = make('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Buckets'}, make('table', {class: 'buckets'},
    make('thead', {}, make('tr', {}, make('th', {scope: 'col'}, 'Bucket'),
      ['Documents', 'Deleted', 'Conflicts', 'Sequence', 'Queries', 'Size'].map(
        name => make('th', {scope: 'col', class: 'number'}, name)),
      make('th', {scope: 'col', 'aria-label': 'Share'}), make('th', {scope: 'col'}, 'Digest'))), body));
  const buckets = make('section', {}, make('div', {class: 'heading'}, make('h2', {}, 'Buckets'),
    make('button', {type: 'button', onclick: new_bucket}, 'New bucket')), table);
  const nothing = empty_node();
  const element = make('div', {class: 'view'}, title, facts,
    make('div', {class: 'cards'}, Object.values(charts).map(one => one.element)), buckets, nothing);

  const update = node => {
    if (!node.system) return;
    const sum = member => node.buckets.reduce((total, bucket) => total + bucket[member], 0);
    show_text(title.firstChild, node.system.name);
    show_text(values.state, node.system.writable ? 'takes writes' : 'read only');
    values.state.className = node.system.writable ? 'good' : 'bad';
    show_text(values.up, duration(node.system.uptime_seconds));
    show_text(values.documents, count(sum('documents')));
    show_text(values.size, bytes(sum('bytes')));
    show_text(values.durability, node.system.durability);
    const live = node.peers.filter(peer => peer.state === 'live').length;
    show_text(values.peers, node.peers.length === 0 ? 'none' : `${live} of ${node.peers.length} live`);
    show_text(values.queries, node.system.map_problem ? 'no worker' : 'answered');
    values.queries.className = node.system.map_problem ? 'bad' : '';
    values.queries.title = node.system.map_problem || '';
    show_text(values.version, node.system.version);
    show_text(values['node id'], node.system.node_id.slice(0, 8));
    values['node id'].title = node.system.node_id;
    for (const name of ['requests', 'changes', 'commits']) charts[name].update(rates(node.samples, name));
    charts.fsync.update(ratios(node.samples, 'fsync_seconds', 'fsyncs'));
    buckets.hidden = node.buckets.length === 0;
    nothing.hidden = node.buckets.length > 0;
    const largest = Math.max(...node.buckets.map(bucket => bucket.bytes));
    show_items(body, node.buckets, bucket => bucket.name, bucket_row, (row, bucket) => row.update(bucket, largest));
  };
  return {element, update, title: () => 'Overview'};
}
