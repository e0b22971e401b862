// Looks at the node every two seconds, while somebody looks at the page, and tells the views.
import {ask, ask_json, silence} from './rest.js';

const every_ms = 2000;
const kept_samples = 150; // five minutes

/// What the console itself asks for all the time: it is left out of the rate of requests.
const own_routes = new Set(['system', 'buckets', 'metrics', 'peers', 'console', 'console_file']);

/// `trouble` says why nothing is known now; before the first answer `system` is not there.
export const node = {system: undefined, buckets: [], peers: [], samples: [], trouble: ''};

const listeners = new Set();
let timer;

/// Calls `listener` after every look; returns how to end that.
export function follow(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  for (const listener of listeners) listener(node);
}

/// The counters that charts are made of, from the lines of the metrics.
function read_metrics(text) {
  const sample = {at: performance.now() / 1000, requests: 0, changes: 0, commits: 0, fsyncs: 0, fsync_seconds: 0};
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    if (line.startsWith('treadmill_http_requests_total{')) {
      const route = /route="([^"]*)"/.exec(line);
      if (route && !own_routes.has(route[1])) sample.requests += value;
    } else if (line.startsWith('treadmill_commits_total ')) {
      sample.commits = value;
    } else if (line.startsWith('treadmill_fsync_seconds_sum ')) {
      sample.fsync_seconds = value;
    } else if (line.startsWith('treadmill_fsync_seconds_count ')) {
      sample.fsyncs = value;
    }
  }
  return sample;
}

async function look() {
  clearTimeout(timer);
  try {
    const [system, buckets, peers, metrics] = await Promise.all([
      ask_json('/_system'), ask_json('/_system/buckets'), ask_json('/_system/peers'), ask('/_system/metrics')]);
    if (node.system && (node.system.node_id !== system.node_id || node.system.uptime_seconds > system.uptime_seconds))
      node.samples = []; // counters began again
    node.system = system;
    node.buckets = buckets.buckets;
    node.peers = peers.peers;
    node.trouble = system.writable ? '' : 'This node takes no writes now: its disk is full, or failed. Reads go on.';
    const sample = read_metrics(metrics);
    sample.changes = node.buckets.reduce((sum, bucket) => sum + bucket.sequence, 0);
    node.samples.push(sample);
    node.samples.splice(0, node.samples.length - kept_samples);
  } catch (fault) {
    node.trouble = fault instanceof silence
      ? 'This node does not answer. Asking again every two seconds.'
      : `This node does not tell its state: ${fault.message}`;
  }
  tell();
  if (!document.hidden) timer = setTimeout(look, every_ms);
}

/// After something that changed what is watched.
export const look_now = look;

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) look();
});
