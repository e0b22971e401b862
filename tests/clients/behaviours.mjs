// Behaviours of a database as PouchDB's users know them: each is checked on PouchDB's memory adapter, which shows that
// the check is right, and on a node through PouchDB's HTTP adapter.
import {after, before, describe, test} from 'node:test';
import {pouchdb} from './packages.mjs';
import {fresh_name, node} from './stage.mjs';

const PouchDB = pouchdb();

/// behaviours(area, {sentence: async (db, make) => …}): `db` is an empty database; `make()` gives further ones of the
/// same kind.
export function behaviours(area, cases) {
  let server;
  before(async () => {
    server = await node();
  });
  const kinds = {
    'PouchDB in memory': () => new PouchDB(fresh_name(), {adapter: 'memory'}),
    'a node': () => new PouchDB(`${server.url}/${fresh_name()}`),
  };
  for (const [kind, create] of Object.entries(kinds)) {
    describe(`${area}: ${kind}`, {concurrency: 8}, () => {
      const made = [];
      const make = () => {
        made.push(create());
        return made.at(-1);
      };
      for (const [sentence, check] of Object.entries(cases)) test(sentence, () => check(make(), make));
      after(() => Promise.all(made.map(db => db.destroy().catch(() => {}))));
    });
  }
}

/// What `promise` is rejected with; fails where it is not.
export async function refusal(promise) {
  let value;
  try {
    value = await promise;
  } catch (fault) {
    return fault;
  }
  throw new Error(`was not refused: ${JSON.stringify(value)}`);
}

/// Documents in the form of a replicator: {_id, _rev, _revisions}.
export function revision(id, revs, members = {}) {
  const [start] = revs[0].split('-');
  return {_id: id, _rev: revs[0], _revisions: {start: Number(start), ids: revs.map(rev => rev.split('-')[1])}, ...members};
}

/// A revision's number with a hash of one letter, as tests write it: 'a' of generation 2 is 2-aaaa….
export const rev = (number, letter) => `${number}-${letter.repeat(32)}`;

export const graft = (db, ...docs) => db.bulkDocs(docs, {new_edits: false});
