// The peers of this node, as a picture and in figures.
import {ask_form, complain, confirm_that, count, counted, draw, duration, make, named, notice, sentence, show_items, show_text} from './page.js';
import {ask} from './rest.js';
import {look_now, node as watched} from './watch.js';

const words = {live: 'live', catching_up: 'catching up', connecting: 'connecting', unreachable: 'unreachable'};

const cut = (text, most) => text.length > most ? text.slice(0, most - 1) + '…' : text;

const lag_of = peer => peer.behind === 0 ? 'no lag' : `${count(peer.behind)} behind, ${duration(peer.lag_ms / 1000)}`;

function node_mark(x, y, radius, kind, name, below, beside = false) {
  return draw('g', {class: `node ${kind}`, transform: `translate(${x} ${y})`},
    draw('circle', {r: radius}), draw('rect', {x: -9, y: -4.5, width: 18, height: 9, rx: 4.5, class: 'belt'}),
    draw('text', {x: beside ? radius + 10 : 0, y: beside ? 5 : radius + 18, class: `node-name ${beside ? 'beside-it' : ''}`}, draw('title', {}, name), cut(name, 22)),
    draw('text', {y: radius + 34, class: 'node-state'}, below));
}

/// Round this node where there is room, below each other where there is not.
function picture_of(system, peers, width) {
  const narrow = width < 560 || peers.length > 10;
  const height = narrow ? 110 + peers.length * 92 : peers.length <= 2 ? 210 : Math.max(300, 240 + peers.length * 22);
  const centre = narrow ? {x: 64, y: 48} : {x: width / 2, y: height / 2 - 14};
  const spread = {x: Math.min(width / 2 - 110, 360), y: height / 2 - 72};
  const links = [];
  const marks = [];
  peers.forEach((peer, i) => {
    const angle = (peers.length === 2 ? Math.PI : -Math.PI / 2) + i * 2 * Math.PI / Math.max(peers.length, 1);
    const x = narrow ? Math.min(width - 84, 240) : centre.x + spread.x * Math.cos(angle);
    const y = narrow ? 60 + (i + 0.7) * 92 : centre.y + spread.y * Math.sin(angle);
    const way = narrow ? `M${centre.x} ${centre.y}V${y - 14}Q${centre.x} ${y} ${centre.x + 14} ${y}H${x}`
                       : `M${centre.x} ${centre.y}L${x} ${y}`;
    links.push(draw('path', {d: way, class: `link ${peer.state}`}));
    const label = peer.state === 'unreachable' ? '' : lag_of(peer);
    if (label !== '') {
      const at = narrow ? {x: (centre.x + x) / 2, y} : {x: (centre.x * 0.45 + x * 0.55), y: (centre.y * 0.45 + y * 0.55)};
      const half = label.length * 3.4 + 10;
      if (!narrow || x - centre.x > 2 * half + 30)
        marks.push(draw('g', {class: `lag ${peer.behind > 0 ? 'behind' : ''}`, transform: `translate(${at.x} ${at.y})`},
          draw('rect', {x: -half, y: -11, width: 2 * half, height: 22, rx: 11}), draw('text', {y: 4}, label)));
    }
    marks.push(node_mark(x, y, 22, peer.state, peer.name, words[peer.state] ?? peer.state));
  });
  marks.push(node_mark(centre.x, centre.y, 28, 'self', system.name, narrow ? '' : 'this node', narrow));
  const told = peers.map(peer => `${peer.name} (${words[peer.state] ?? peer.state}, ${lag_of(peer)})`).join('; ');
  return draw('svg', {class: 'federation', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img',
    'aria-label': `${system.name} is federated with ${told || 'nobody'}`}, links, marks);
}

const add_peer = () => ask_form('Federate with another node',
  [{name: 'zmq_uri', label: 'Where it listens for peers', placeholder: 'tcp://box2:1445',
    hint: 'From then on each of the two takes in what the other has. Nothing is lost on either side.'}], 'Federate',
  async ({zmq_uri}) => {
    const added = JSON.parse(await ask('/_system/peers', {method: 'POST', body: JSON.stringify({zmq_uri})}));
    notice(`Federated with ${added.name}`);
    await look_now();
  });

async function remove_peer(peer) {
  const agreed = await confirm_that(`End the federation with ${peer.name}?`,
    'Both nodes keep what they have, and stop taking in what the other writes.', 'End it');
  if (!agreed) return;
  try {
    if (peer.name === '.' || peer.name === '..') throw new Error('a browser cannot name this peer: use curl --path-as-is');
    await ask(`/_system/peers/${encodeURIComponent(peer.name)}`, {method: 'DELETE'});
    notice(`No longer federated with ${peer.name}`);
    await look_now();
  } catch (fault) {
    complain(fault);
  }
}

/// Signs of life come every second: what is fresh is not counted.
function ago(time) {
  const seconds = (Date.now() - time) / 1000;
  return seconds < 5 ? 'just now' : `${duration(seconds)} ago`;
}

function peer_card(peer) {
  const state = make('span', {class: 'state'});
  const reason = make('p', {class: 'fault'});
  const values = {};
  const facts = make('dl', {class: 'facts'}, ['taken in', 'behind', 'lag', 'peer behind', 'last seen', 'address'].map(name => {
    values[name] = make('dd');
    return make('div', {}, make('dt', {}, name), values[name]);
  }));
  const refused = make('p', {class: 'fault'});
  const body = make('tbody');
  const details = make('details', {}, make('summary', {}, 'Buckets'), make('table', {},
    make('thead', {}, make('tr', {}, make('th', {scope: 'col'}, 'Bucket'),
      ['Taken in', 'Behind', 'Lag', 'It lacks'].map(name => make('th', {scope: 'col', class: 'number'}, name)))), body));
  const element = make('article', {class: 'card peer'}, make('div', {class: 'heading'},
    make('h3', {}, named(peer.name)), state,
    make('button', {type: 'button', 'aria-label': `End the federation with ${peer.name}`, onclick: () => remove_peer(element.peer)}, 'Remove')),
    reason, facts, refused, details);
  return element.parts = {state, reason, values, refused, body, details}, element;
}

function update_card(element, peer) {
  const {state, reason, values, refused, body, details} = element.parts;
  element.peer = peer;
  state.className = `state ${peer.state}`;
  show_text(state, words[peer.state] ?? peer.state);
  show_text(reason, peer.reason ? sentence(peer.reason) : '');
  show_text(values['taken in'], count(peer.sequence_number));
  show_text(values.behind, count(peer.behind));
  show_text(values.lag, peer.lag_ms === 0 ? '–' : duration(peer.lag_ms / 1000));
  show_text(values['peer behind'], count(peer.peer_behind));
  show_text(values['last seen'], peer.last_seen
    ? ago(Date.parse(peer.last_seen)) : 'never');
  show_text(values.address, peer.zmq_uri ?? 'it dials');
  const lists = [];
  if (peer.refused_bucket_count > 0)
    lists.push(`${counted(peer.refused_bucket_count, 'bucket')} without a place here: ${peer.refused_buckets.join(', ')}`);
  if (peer.refused_documents > 0)
    lists.push(`${counted(peer.refused_documents, 'document')} above a limit of this node: ${peer.refused.join(', ')}`);
  show_text(refused, lists.join('; '));
  details.hidden = peer.buckets.length === 0;
  show_items(body, peer.buckets, bucket => bucket.bucket, bucket => make('tr', {}, make('th', {scope: 'row'}, named(bucket.bucket)),
    make('td', {class: 'number'}), make('td', {class: 'number'}), make('td', {class: 'number'}), make('td', {class: 'number'})),
  (row, bucket) => {
    show_text(row.cells[1], count(bucket.sequence));
    show_text(row.cells[2], count(bucket.behind));
    show_text(row.cells[3], bucket.lag_ms === 0 ? '–' : duration(bucket.lag_ms / 1000));
    show_text(row.cells[4], bucket.peer_behind === undefined ? '–' : count(bucket.peer_behind));
  });
}

export function federation() {
  const picture = make('div', {class: 'picture'});
  const cards = make('div', {class: 'peers'});
  const nobody = make('section', {class: 'empty'}, make('h2', {}, 'This node is alone'),
    make('p', {}, 'Start another one, and tell either of the other:'),
    make('pre', {class: 'json', tabindex: '0'}, `curl -X POST ${location.origin}/_system/peers -d '{"zmq_uri":"tcp://box2:1445"}'`));
  const element = make('div', {class: 'view'},
    make('div', {class: 'heading'}, make('h1', {tabindex: '-1'}, 'Federation'),
      make('button', {type: 'button', class: 'first', onclick: add_peer}, 'Add a peer')),
    make('p', {class: 'hint'}, 'Links as this node sees them: what it has still to take in from each peer.'),
    picture, nobody, cards);
  let shown = '';
  const update = node => {
    if (!node.system) return;
    const width = Math.max(280, Math.floor(picture.clientWidth));
    const now = JSON.stringify([width, node.system.name,
      node.peers.map(peer => [peer.name, peer.state, peer.behind, peer.behind && peer.lag_ms])]);
    if (now !== shown) picture.replaceChildren(picture_of(node.system, node.peers, width));
    shown = now;
    picture.hidden = node.peers.length === 0;
    nobody.hidden = node.peers.length > 0;
    show_items(cards, node.peers, peer => `${peer.name}\n${peer.zmq_uri}`, peer_card, update_card);
  };
  const resized = new ResizeObserver(() => update(watched));
  resized.observe(picture);
  return {element, update, leave: () => resized.disconnect(), title: () => 'Federation'};
}
