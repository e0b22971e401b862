// RxDB's replication with CouchDB, from its memory storage.
import assert from 'node:assert/strict';
import {before, describe, test} from 'node:test';
import {rev, revision} from './behaviours.mjs';
import {installed} from './packages.mjs';
import {ask, database, fresh_name, node, until, within} from './stage.mjs';

const {createRxDatabase} = installed('rxdb');
const {getRxStorageMemory} = installed('rxdb/plugins/storage-memory');
const {replicateCouchDB} = installed('rxdb/plugins/replication-couchdb');

const heroes = {
  version: 0, primaryKey: 'name', type: 'object', required: ['name'],
  properties: {name: {type: 'string', maxLength: 100}, color: {type: 'string'}, power: {type: 'number'}},
};

/// A collection of an RxDB of its own.
async function collection() {
  const db = await createRxDatabase({name: fresh_name(), storage: getRxStorageMemory(), multiInstance: false, eventReduce: true});
  return (await db.addCollections({heroes: {schema: heroes}})).heroes;
}

function replicate(local, url, options = {}) {
  const state = replicateCouchDB({
    replicationIdentifier: url, collection: local, url: url + '/', fetch, live: true, retryTime: 200,
    pull: {batchSize: 60, heartbeat: 2000}, push: {batchSize: 60}, ...options,
  });
  const faults = [];
  state.error$.subscribe(fault => faults.push(fault));
  return {state, faults};
}

const names = async local => (await local.find().exec()).map(doc => doc.name).toSorted();
const on_server = async url => (await ask(`${url}/_all_docs?include_docs=true`)).body.rows.map(row => row.doc);

describe('RxDB', {concurrency: 4}, () => {
  let server;
  before(async () => {
    server = await node();
  });

  test('pushes what it has, and pulls what the server has, once', async () => {
    const [local, url] = [await collection(), await database(server)];
    await ask(`${url}/_bulk_docs`, 'POST', {docs: Array.from({length: 130}, (_, i) => ({_id: `its${i}`, power: i}))});
    await local.bulkInsert(Array.from({length: 130}, (_, i) => ({name: `mine${i}`, power: i})));
    const {state, faults} = replicate(local, url, {live: false});
    await within(state.awaitInitialReplication(), 'the replication');
    assert.deepEqual(faults, []);
    assert.equal((await names(local)).length, 260);
    const docs = await on_server(url);
    assert.equal(docs.length, 260);
    assert.equal(docs.find(doc => doc._id === 'mine77').power, 77);
  });
  test('live: writes of either side reach the other, and removals of the server\'s', async () => {
    const [local, url] = [await collection(), await database(server)];
    const {state, faults} = replicate(local, url);
    await within(state.awaitInitialReplication(), 'the start');
    await local.insert({name: 'alice', color: 'red'});
    const pushed = await until(async () => (await ask(`${url}/alice`)).body._rev && (await ask(`${url}/alice`)).body, 'a push');
    assert.equal(pushed.color, 'red');
    await ask(`${url}/alice`, 'PUT', {...pushed, color: 'blue'});
    await until(async () => (await local.findOne('alice').exec())?.color === 'blue', 'a pull');
    await ask(`${url}/bob`, 'PUT', {color: 'green'});
    await until(() => local.findOne('bob').exec(), 'another pull');
    const {body: alice} = await ask(`${url}/alice`);
    await ask(`${url}/alice?rev=${alice._rev}`, 'DELETE');
    await until(async () => await local.findOne('alice').exec() === null, 'a removal that is pulled');
    assert.deepEqual(faults, []);
    await state.cancel();
  });
  test('a conflict is solved by its handler, and both sides end equal', async () => {
    const [local, url] = [await collection(), await database(server)];
    await local.insert({name: 'alice', power: 1});
    const {state} = replicate(local, url);
    await until(async () => (await ask(`${url}/alice`)).status === 200, 'a push');
    await state.pause();
    const {body: alice} = await ask(`${url}/alice`);
    await ask(`${url}/alice`, 'PUT', {...alice, power: 2});
    await (await local.findOne('alice').exec()).patch({power: 3});
    await state.start();
    // RxDB's default: the server's state wins.
    await until(async () => (await local.findOne('alice').exec()).power === 2, 'the server\'s state');
    await state.awaitInSync();
    assert.equal((await ask(`${url}/alice`)).body.power, 2);
    await state.cancel();
  });
  test('two of them over one database', async () => {
    const url = await database(server);
    const [one, two] = [await collection(), await collection()];
    const states = [replicate(one, url), replicate(two, url)];
    await Promise.all([one, two].map((local, i) => local.bulkInsert(Array.from({length: 40}, (_, n) => ({name: `${i}-${n}`, power: n})))));
    await until(async () => (await names(one)).length === 80 && (await names(two)).length === 80, 'both to have all');
    assert.deepEqual(await names(one), await names(two));
    assert.deepEqual(states.flatMap(({faults}) => faults), []);
    await Promise.all(states.map(({state}) => state.cancel()));
  });
  test('it pulls the winner of a document with conflicts', async () => {
    const [local, url] = [await collection(), await database(server)];
    await ask(`${url}/_bulk_docs`, 'POST', {new_edits: false, docs: [revision('a', [rev(1, 'a')], {power: 1}), revision('a', [rev(1, 'b')], {power: 2})]});
    const {state} = replicate(local, url, {live: false});
    await within(state.awaitInitialReplication(), 'the replication');
    assert.equal((await local.findOne('a').exec()).power, 2);
  });
});
