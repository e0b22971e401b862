// How fast PouchDB replicates with a node, beside the same between two PouchDBs in one process. Prints a table.
import {pouchdb} from './packages.mjs';
import {places} from './places.mjs';
import {database, end_all, fresh_name, node} from './stage.mjs';

const PouchDB = pouchdb();
const count = Number(process.env.TREADMILL_DOCUMENTS ?? 20000);
const rounds = Number(process.env.TREADMILL_ROUNDS ?? 3);
const options = {batch_size: 1000, batches_limit: 10};

const in_memory = () => new PouchDB(fresh_name(), {adapter: 'memory'});

async function filled(db, docs) {
  for (let i = 0; i < docs.length; i += 1000) await db.bulkDocs(docs.slice(i, i + 1000));
  return db;
}

/// Replicates once and gives documents a second; fails where not all arrived.
async function rate(source, target) {
  const begin = performance.now();
  const {docs_written} = await PouchDB.replicate(source, target, options);
  const seconds = (performance.now() - begin) / 1000;
  if (docs_written !== count) throw new Error(`${docs_written} documents of ${count} arrived`);
  return count / seconds;
}

const middle = rates => rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)];

async function measure(server) {
  const docs = places(count);
  const source = await filled(in_memory(), docs);
  const there = await filled(new PouchDB(await database(server)), docs);
  const figures = {pull: [], push: [], beside: []};
  for (let round = 0; round < rounds; ++round) {
    figures.beside.push(await rate(source, in_memory()));
    figures.pull.push(await rate(there, in_memory()));
    figures.push.push(await rate(source, new PouchDB(await database(server))));
  }
  const line = (what, rates) => console.log(`${what.padEnd(44)} ${middle(rates).toFixed(0).padStart(8)}   ${(middle(rates) / middle(figures.beside)).toFixed(2)}`);
  console.log(`${count} places, the middle of ${rounds} rounds`.padEnd(44), 'documents/s   of the last line');
  line('PouchDB (memory) pulls from a node', figures.pull);
  line('PouchDB (memory) pushes to a node', figures.push);
  line('PouchDB (memory) to PouchDB (memory)', figures.beside);
  if (server.memory_kib) console.log(`memory of the node afterwards: ${(server.memory_kib() / 1024).toFixed(0)} MiB`);
}

try {
  await measure(await node());
} finally {
  await end_all();
}
