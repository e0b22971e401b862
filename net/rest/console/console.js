// The page: its navigation, and which view the address names.
import {bucket_view} from './bucket.js';
import {federation} from './federation.js';
import {new_bucket, overview} from './overview.js';
import {address, confirm_that, count, make, named, show_items, show_text} from './page.js';
import {follow, look_now, node as watched} from './watch.js';

const main = document.querySelector('#main');
const side = document.querySelector('#side');
const menu = document.querySelector('#menu');
const trouble = document.querySelector('#trouble');

// The navigation
// ------------------------------------------------------------------------------------------------------------------------

const many_buckets = 12;
const node_name = named('…');
const node_state = make('span', {class: 'dot'});
const home = make('a', {href: '#/'}, 'Overview');
const peers_count = make('span', {class: 'count'});
const peers = make('a', {href: address('federation')}, 'Federation', peers_count);
const filter = make('input', {type: 'search', placeholder: 'Find a bucket', 'aria-label': 'Find a bucket', hidden: true, autocomplete: 'off',
  oninput: () => show_side(watched)});
const bucket_links = make('ul');
side.append(make('p', {class: 'node'}, node_state, node_name), make('ul', {}, make('li', {}, home), make('li', {}, peers)),
  make('div', {class: 'heading'}, make('h2', {}, 'Buckets'), make('button', {type: 'button', 'aria-label': 'New bucket', title: 'New bucket', onclick: new_bucket}, '+')),
  filter, bucket_links);

function mark(link, is_current) {
  if (is_current) link.setAttribute('aria-current', 'page');
  else link.removeAttribute('aria-current');
}

function show_side(node) {
  if (node.system) show_text(node_name, node.system.name);
  node_state.className = `dot ${node.trouble ? 'bad' : node.system ? 'good' : ''}`;
  show_text(peers_count, node.peers.length > 0 ? count(node.peers.length) : '');
  filter.hidden = node.buckets.length <= many_buckets;
  const shown = filter.hidden ? node.buckets : node.buckets.filter(one => one.name.includes(filter.value));
  show_items(bucket_links, shown, one => one.name,
    one => make('li', {}, make('a', {href: address('bucket', one.name, 'documents')}, named(one.name), make('span', {class: 'count'}))),
    (row, one) => {
      show_text(row.firstChild.lastChild, count(one.documents));
      mark(row.firstChild, view?.bucket === one.name);
    });
}

function open_menu(open) {
  document.body.classList.toggle('menu-open', open);
  menu.setAttribute('aria-expanded', String(open));
  if (open) home.focus();
}
menu.addEventListener('click', () => open_menu(!document.body.classList.contains('menu-open')));
side.addEventListener('click', event => {
  if (event.target.closest('a')) open_menu(false);
});
document.querySelector('#skip').addEventListener('click', () => main.focus());

// The view
// ------------------------------------------------------------------------------------------------------------------------

let view;
let here = location.hash;

function pieces_of(hash) {
  try {
    return hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  } catch {
    return [''];
  }
}

function open_view(pieces) {
  const [kind, name, ...rest] = pieces;
  const is_bucket = kind === 'bucket' && name;
  const same = is_bucket ? view?.bucket === name : view?.kind === kind && kind !== '';
  if (!same) {
    view?.leave?.();
    view = is_bucket ? bucket_view(name) : kind === 'federation' ? federation() : overview();
    view.kind = kind;
    main.replaceChildren(view.element);
    view.update(watched);
  }
  view.go?.(rest);
  mark(home, !is_bucket && kind !== 'federation');
  mark(peers, kind === 'federation');
  show_side(watched);
  document.title = `${view.title()} · Treadmill`;
  if (!same) view.element.querySelector('h1')?.focus({preventScroll: true});
}

window.addEventListener('hashchange', async () => {
  if (location.hash === here) return;
  const wanted = location.hash;
  if (view?.is_changed?.()) {
    history.replaceState(null, '', here || '#/');
    if (!await confirm_that('Leave without saving?', 'What you typed would be lost.', 'Leave')) return;
    history.pushState(null, '', wanted);
  }
  here = wanted;
  open_view(pieces_of(wanted));
});

window.addEventListener('beforeunload', event => {
  if (view?.is_changed?.()) event.preventDefault();
});

document.addEventListener('keydown', event => {
  const typing = event.target.closest?.('input, textarea, select, dialog');
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && view?.focus_search) {
    event.preventDefault();
    view.focus_search();
  }
  if (event.key !== 'Escape' || document.querySelector('dialog[open]')) return;
  if (document.body.classList.contains('menu-open')) {
    open_menu(false);
    menu.focus();
  } else if (view?.bucket && !typing) {
    const [, name, tab, id] = pieces_of(location.hash);
    if (id !== undefined && tab !== 'queries') location.hash = address('bucket', name, tab);
  }
});

follow(node => {
  show_side(node);
  show_text(trouble, node.trouble);
  view?.update(node);
});
open_view(pieces_of(location.hash));
look_now();
