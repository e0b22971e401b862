// The clients, from the folder into which run.sh has installed them.
import {createRequire} from 'node:module';
import {join} from 'node:path';

const folder = process.env.TREADMILL_CLIENT_PACKAGES;
if (!folder) throw new Error('start these tests with tests/clients/run.sh, which installs the clients');

/// CommonJS `require` among the installed packages.
export const installed = createRequire(join(folder, 'package.json'));
export const installed_file = path => join(folder, 'node_modules', path);

/// PouchDB with all local adapters that the tests use: leveldb (its default in Node) and memory.
export function pouchdb() {
  const PouchDB = installed('pouchdb');
  if (!PouchDB.adapters.memory) {
    PouchDB.plugin(installed('pouchdb-adapter-memory'));
    PouchDB.plugin(installed('pouchdb-find'));
  }
  return PouchDB;
}
