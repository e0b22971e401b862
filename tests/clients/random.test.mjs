// Random trees of revisions, written in random pieces to PouchDB's memory adapter and to a node: both must say the same.
// TREADMILL_SEED repeats a run, TREADMILL_TREES is how many trees.
import assert from 'node:assert/strict';
import {before, describe, test} from 'node:test';
import {pouchdb} from './packages.mjs';
import {database, fresh_name, node} from './stage.mjs';

const PouchDB = pouchdb();
const seed = Number(process.env.TREADMILL_SEED ?? Date.now() % 1000000);
const trees = Number(process.env.TREADMILL_TREES ?? 150);

/// mulberry32: numbers from 0 to below 1, the same for the same seed.
function random_numbers(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

class World {
  constructor(random) {
    this.random = random;
    this.hashes = 0;
  }

  below(n) { return Math.floor(this.random() * n); }
  one_of(list) { return list[this.below(list.length)]; }

  /// A hash that no other revision has, of any order.
  hash() { return this.below(0x10000000).toString(16).padStart(8, '0') + String(++this.hashes).padStart(24, '0'); }

  /// Revisions as paths from a root: each new one goes on from any that is there, or begins a tree of its own.
  paths() {
    const paths = [[this.hash()]];
    for (let i = this.below(9); i > 0; --i) paths.push(this.random() < 0.15 ? [this.hash()] : [...this.one_of(paths), this.hash()]);
    return paths;
  }

  /// The paths in a random order, some of them twice. With their whole histories: PouchDB does not join a tree whose
  /// missing part comes later.
  replicas(id) {
    const parents = this.paths();
    const order = parents.toSorted(() => this.random() - 0.5);
    if (this.random() < 0.3) order.push(this.one_of(parents));
    const is_deleted = new Map(parents.map(path => [path, this.random() < 0.25]));
    return order.map(path => ({
      _id: id, _rev: `${path.length}-${path.at(-1)}`, ...(is_deleted.get(path) ? {_deleted: true} : {n: path.length}),
      _revisions: {start: path.length, ids: path.toReversed()},
    }));
  }
}

/// All that can be asked about a document's tree.
async function answers(db, id) {
  const winner = await db.get(id, {conflicts: true, revs: true}).catch(fault => [fault.status, fault.reason]);
  if (winner._conflicts) winner._conflicts.sort();
  const leaves = (await db.get(id, {open_revs: 'all', revs: true})).map(row => row.ok).toSorted((a, b) => a._rev < b._rev ? -1 : 1);
  return {winner, leaves};
}

async function lists(db, ids) {
  const {results} = await db.changes({style: 'all_docs'});
  const changes = results.map(row => [row.id, row.deleted ?? false, row.changes.map(change => change.rev).toSorted()]);
  const {rows, total_rows} = await db.allDocs({include_docs: true});
  const {rows: named} = await db.allDocs({keys: ids, include_docs: true});
  const {doc_count} = await db.info();
  return {changes: changes.toSorted(([a], [b]) => a < b ? -1 : 1), docs: rows.map(row => row.doc), total_rows, doc_count, named};
}

describe(`random trees, TREADMILL_SEED=${seed}`, () => {
  const world = new World(random_numbers(seed));
  const ids = Array.from({length: trees}, (_, i) => `t${String(i).padStart(4, '0')}`);
  const replicas = ids.flatMap(id => world.replicas(id));
  const here = new PouchDB(fresh_name(), {adapter: 'memory'});
  let there;

  before(async () => {
    there = new PouchDB(await database(await node()));
    const mixed = replicas.map(doc => [world.random(), doc]).toSorted(([a], [b]) => a - b).map(([, doc]) => doc);
    for (let i = 0; i < mixed.length;) {
      const some = mixed.slice(i, i += 1 + world.below(60));
      for (const db of [here, there]) assert.deepEqual(await db.bulkDocs(some, {new_edits: false}), []);
    }
  });

  test('every tree has the same winner, conflicts, leaves and histories', async () => {
    for (const id of ids) assert.deepEqual(await answers(there, id), await answers(here, id), id);
  });
  test('lists, changes and counts are the same', async () => {
    assert.deepEqual(await lists(there, ids), await lists(here, ids));
  });
  test('both know every leaf, and nothing else', async () => {
    // Of ancestors PouchDB knows only those whose bodies it has.
    const {results} = await here.changes({style: 'all_docs'});
    const strangers = new Map(ids.map(id => [id, [`1-${world.hash()}`, `7-${world.hash()}`]]));
    const asked = Object.fromEntries(results.map(row => [row.id, [...row.changes.map(change => change.rev), ...strangers.get(row.id)]]));
    for (const db of [here, there]) {
      const diff = await db.revsDiff(asked);
      assert.deepEqual(Object.entries(diff).map(([id, {missing}]) => [id, missing.toSorted()]).toSorted(), [...strangers].toSorted());
    }
  });
  test('edits of every winner, and what they leave', async () => {
    const edits = await Promise.all(ids.map(id => here.get(id).catch(() => undefined)));
    const docs = edits.filter(doc => doc).map(doc => (world.random() < 0.3 ? {_id: doc._id, _rev: doc._rev, _deleted: true} : {...doc, edited: true}));
    for (const db of [here, there]) assert.ok((await db.bulkDocs(docs)).every(row => row.ok));
    const shape = async db => (await lists(db, ids)).changes.map(([id, deleted, revs]) => [id, deleted, revs.map(rev => rev.split('-')[0]).toSorted()]);
    assert.deepEqual(await shape(there), await shape(here));
  });
});
