#include "net/routes.hpp"
#include "net/exchange.hpp"
#include <algorithm>
#include <array>

namespace treadmill::rest {

namespace {

constexpr parameter rev{"rev", takes::text, "A revision of the document."};
constexpr parameter limit{"limit", takes::limit, "The most rows of the answer."};
constexpr parameter include_docs{"include_docs", takes::flag,
                                 "Adds each document (its winner) as `document`."};
constexpr parameter after{"after", takes::text,
                          "Go on after this id: `next` of the answer before."};

constexpr std::array document_reads{
    parameter{"rev", takes::text, "Read this leaf instead of the winner."},
    parameter{"conflicts", takes::flag, "Adds `_conflicts`, the losing live revisions."},
    parameter{"history", takes::flag, "Adds `_history`, the revisions of the shown one."}};
constexpr std::array document_writes{rev};
constexpr std::array import_writes{
    parameter{"restore", takes::flag,
              "Takes documents up to the limits of a merge from a peer, as the export of a node "
              "may have them."},
};
constexpr std::array bulk_writes{
    parameter{"atomic", takes::flag, "All documents or none."},
    parameter{"create", takes::flag,
              "Documents without a revision are only created: a conflict where the id is live."}};
constexpr std::array listing{parameter{"from", takes::text, "The first id, itself included."},
                             parameter{"to", takes::text, "The last id, itself included."},
                             parameter{"prefix", takes::text, "Ids that begin with this."},
                             after,
                             limit,
                             parameter{"descending", takes::flag,
                                       "From the last id to the first; `from` is still the start."},
                             include_docs};
constexpr std::array conflict_listing{after, limit};
constexpr parameter heartbeat{
    "heartbeat", takes::milliseconds,
    "Send a sign of life when nothing was sent for so long; the feed then has no timeout."};
constexpr parameter timeout{"timeout", takes::milliseconds,
                            "End a feed that had nothing to say for so long."};
constexpr parameter terms{"terms", takes::text,
                          "A JSON array: rows with these terms, in its order."};
constexpr parameter query_limit{"limit", takes::limit, "The most rows, or groups, of the answer."};
constexpr parameter skip{"skip", takes::limit, "Leave out so many rows, or groups, first."};
constexpr parameter descending{"descending", takes::flag,
                               "From the last term to the first; `from` is still the start."};
constexpr parameter stale{"stale", takes::stale,
                          "Answer at once, without what is not in the index yet."};
constexpr parameter reduce{"reduce", takes::flag,
                           "Whether the rows are reduced; true where the query has a reduction."};
constexpr parameter group{"group", takes::flag, "Reduce the rows of each term."};
constexpr parameter group_level{
    "group_level", takes::limit,
    "Reduce the rows whose terms are arrays with the same first elements, so many."};
constexpr std::array query_reads{
    parameter{"rev", takes::text,
              "The definition of this revision, a conflict say, in place of an answer; alone."},
    parameter{"term", takes::text,
              "Rows with this term: JSON, or text that does not begin like a JSON string, array or "
              "object."},
    terms,
    parameter{"from", takes::text, "The first term, itself included."},
    parameter{"to", takes::text, "The last term, itself included."},
    parameter{"prefix", takes::text, "Strings, or arrays, that begin so."},
    parameter{"inclusive_end", takes::flag, "false: `to` is left out."},
    query_limit,
    skip,
    parameter{"after", takes::text, "Go on there: `next` of the answer before."},
    descending,
    include_docs,
    stale,
    reduce,
    group,
    group_level,
    parameter{"feed", takes::live_feed, "Follow the rows that enter and leave the answer."},
    parameter{"since", takes::since,
              "Changes after this sequence; without it, and with `now`: only what comes."},
    heartbeat,
    timeout};
constexpr std::array query_questions{query_limit, skip,   descending, include_docs,
                                     stale,       reduce, group,      group_level};
constexpr std::array activity_reads{
    parameter{"since", takes::since,
              "Entries after this sequence (with `-` and the log's id: if it is of that log, else "
              "all); `now`: only what comes."},
    limit,
    parameter{"ids", takes::text,
              "Only these documents: ids with commas between, or a JSON array."},
    include_docs,
    parameter{"latest", takes::flag, "Leaves out what a later entry of the document superseded."},
    parameter{"active", takes::flag, "Leaves out documents that are deleted."},
    parameter{"feed", takes::feed, "How to follow."},
    heartbeat,
    timeout};

constexpr std::array export_reads{
    parameter{"since", takes::since, "Only documents that changed after this sequence."}};

constexpr std::array written{described_answer{200, "Written", "Updated."},
                             described_answer{201, "Written", "Created."}};
constexpr std::array created{described_answer{201, "Written", "Created; Location names it."}};
constexpr std::array updated{described_answer{200, "Written", "Updated."}};
constexpr std::array deleted{described_answer{200, "Written", "Deleted; `rev` is the tombstone."}};
constexpr std::array shown{described_answer{200, "Document", "The document."},
                           described_answer{304, "", "If-None-Match names this revision."}};
constexpr std::array bulk_written{
    described_answer{200, "BulkWritten", "One result a document, in order."}};
constexpr std::array bulk_shown{
    described_answer{200, "Documents", "In order, null where there is none."}};
constexpr std::array listed{described_answer{200, "Listing", "Rows in the order of ids."}};
constexpr std::array conflicts_listed{
    described_answer{200, "Conflicts", "Documents that have conflicts."}};
constexpr std::array followed{
    described_answer{200, "Activity", "Entries in order; lines or events in the endless feeds."}};
constexpr std::array exported{described_answer{
    200, "ExportLine", "A line that says what it is, the documents, a line with their count."}};
constexpr std::array verified{
    described_answer{200, "VerifyLine", "Lines about how far it is, then the report."}};
constexpr std::array imported{described_answer{200, "Imported", "All are merged."}};
constexpr std::array queries_listed{described_answer{200, "Queries", "In the order of names."}};
constexpr std::array query_tried{
    described_answer{200, "Trial", "Rows of the first documents. Nothing is stored."}};
constexpr std::array query_posted{
    described_answer{200, "QueryPosted", "Defined so already; or the answer for `terms`."},
    described_answer{201, "QueryDefined", "New or changed; Location names it."}};
constexpr std::array query_answered{described_answer{
    200, "QueryRead", "Rows in the order of terms; changes in the endless feeds."}};
constexpr std::array query_dropped{described_answer{200, "QueryDefined", "Dropped."}};
constexpr std::array bucket_made{described_answer{200, "BucketMade", "It was there."},
                                 described_answer{201, "BucketMade", "Made."}};
constexpr std::array bucket_shown{described_answer{200, "Bucket", "Facts of the bucket."}};
constexpr std::array bucket_dropped{described_answer{200, "Ok", "Dropped on this node."}};
constexpr std::array node_shown{described_answer{200, "Node", "Facts of the node."}};
constexpr std::array buckets_listed{described_answer{200, "Buckets", "In the order of names."}};
constexpr std::array peers_listed{described_answer{200, "Peers", "In the order of names."}};
constexpr std::array peer_shown{described_answer{200, "Peer", "How far this node is with it."}};
constexpr std::array peer_posted{
    described_answer{200, "PeerAdded", "Known already."},
    described_answer{201, "PeerAdded", "Federated; Location names it."},
    described_answer{202, "PeerAdded", "Kept, but not reached yet: `name` is its host:port."}};
constexpr std::array peer_dropped{described_answer{200, "Ok", "Ended on both sides."}};
constexpr std::array alive{described_answer{200, "Ok", "The process answers."}};
constexpr std::array takes_writes{described_answer{200, "Ok", "The node takes writes."}};
constexpr std::array compaction{parameter{"bucket", takes::text, "This one alone."}};
constexpr std::array compaction_started{
    described_answer{200, "Compaction", "It goes on while the node runs."}};
constexpr std::array compaction_shown{
    described_answer{200, "Compaction", "Whether one is going on."}};
constexpr std::array counted{described_answer{200, "text", "Prometheus text, version 0.0.4."}};
constexpr std::array page_shown{described_answer{200, "html", "The page."},
                                described_answer{304, "", "If-None-Match names it."}};
constexpr std::array file_shown{described_answer{200, "file", "The file."},
                                described_answer{304, "", "If-None-Match names it."}};
constexpr std::array described{described_answer{200, "Anything", "This description."}};

constexpr std::array table{
    route{shape::root,
          verb::get,
          "root",
          "Facts of the node",
          {},
          body_kind::none,
          node_shown,
          read_system},
    route{shape::system,
          verb::get,
          "system",
          "Facts of the node",
          {},
          body_kind::none,
          node_shown,
          read_system},
    route{shape::buckets,
          verb::get,
          "buckets",
          "All buckets",
          {},
          body_kind::none,
          buckets_listed,
          list_buckets},
    route{shape::health,
          verb::get,
          "health",
          "Is the process alive",
          {},
          body_kind::none,
          alive,
          read_health},
    route{shape::ready,
          verb::get,
          "ready",
          "Does the node take writes",
          {},
          body_kind::none,
          takes_writes,
          read_ready},
    route{shape::metrics,
          verb::get,
          "metrics",
          "Counters for Prometheus",
          {},
          body_kind::none,
          counted,
          read_metrics},
    route{shape::openapi,
          verb::get,
          "openapi",
          "This description",
          {},
          body_kind::none,
          described,
          read_openapi},
    route{shape::compact, verb::get, "compaction", "Is a compaction going on", compaction,
          body_kind::none, compaction_shown, read_compaction},
    route{shape::compact, verb::post, "compact", "Give back the space of superseded rows",
          compaction, body_kind::none, compaction_started, start_compaction},
    route{shape::peers,
          verb::get,
          "peers",
          "All peers, and how far this node has taken in what they have",
          {},
          body_kind::none,
          peers_listed,
          list_peers},
    route{shape::peers,
          verb::post,
          "peer_add",
          "Federate with another node, both ways",
          {},
          body_kind::peer,
          peer_posted,
          add_peer},
    route{shape::peer, verb::get, "peer", "One peer", {}, body_kind::none, peer_shown, read_peer},
    route{shape::peer,
          verb::remove,
          "peer_remove",
          "End the federation with a node, on both sides",
          {},
          body_kind::none,
          peer_dropped,
          remove_peer},
    route{shape::console,
          verb::get,
          "console",
          "The web console",
          {},
          body_kind::none,
          page_shown,
          read_console},
    route{shape::console_file,
          verb::get,
          "console_file",
          "A file of the web console",
          {},
          body_kind::none,
          file_shown,
          read_console_file},
    route{shape::bucket,
          verb::get,
          "bucket_info",
          "Facts of a bucket",
          {},
          body_kind::none,
          bucket_shown,
          read_bucket},
    route{shape::bucket,
          verb::post,
          "document_post",
          "Create a document (its id is made where it has none)",
          {},
          body_kind::document,
          created,
          post_document,
          true},
    route{shape::bucket,
          verb::put,
          "bucket_make",
          "Make a bucket",
          {},
          body_kind::none,
          bucket_made,
          make_bucket},
    route{shape::bucket,
          verb::remove,
          "bucket_drop",
          "Drop a bucket on this node",
          {},
          body_kind::none,
          bucket_dropped,
          drop_bucket},
    route{shape::bulk, verb::post, "bulk", "Write many documents", bulk_writes, body_kind::bulk,
          bulk_written, write_bulk},
    route{shape::bulk_get,
          verb::post,
          "bulk_get",
          "Read many documents",
          {},
          body_kind::ids,
          bulk_shown,
          read_bulk},
    route{shape::documents, verb::get, "documents", "List documents", listing, body_kind::none,
          listed, list_documents},
    route{shape::conflicts, verb::get, "conflicts", "List documents that have conflicts",
          conflict_listing, body_kind::none, conflicts_listed, list_conflicts},
    route{shape::activity, verb::get, "activity", "Read or follow the activity of a bucket",
          activity_reads, body_kind::none, followed, read_activity},
    route{shape::exported, verb::get, "export", "Read all documents with their pasts", export_reads,
          body_kind::none, exported, export_bucket},
    route{shape::imported, verb::post, "import",
          "Merge documents with their pasts, as `_export` gives them", import_writes,
          body_kind::lines, imported, import_documents},
    route{shape::verify,
          verb::get,
          "verify",
          "Check what is stored of a bucket, and run its maps again",
          {},
          body_kind::none,
          verified,
          verify_bucket},
    route{shape::queries,
          verb::get,
          "queries",
          "All queries of a bucket",
          {},
          body_kind::none,
          queries_listed,
          list_queries},
    route{shape::queries,
          verb::post,
          "query_try",
          "Try a map on some documents",
          {},
          body_kind::definition,
          query_tried,
          try_query},
    route{shape::query, verb::get, "query_read", "Ask or follow a query", query_reads,
          body_kind::none, query_answered, read_query},
    route{shape::query, verb::post, "query_post", "Define a query, or ask it for many terms",
          query_questions, body_kind::query, query_posted, post_query, true},
    route{shape::query, verb::remove, "query_drop", "Drop a query, or a definition of it that lost",
          document_writes, body_kind::none, query_dropped, drop_query, true},
    route{shape::document, verb::get, "document_read", "Read a document", document_reads,
          body_kind::none, shown, read_document},
    route{shape::document, verb::put, "document_put", "Create or replace a document",
          document_writes, body_kind::document, written, put_document, true},
    route{shape::document, verb::patch, "document_patch", "Change members (JSON Merge Patch)",
          document_writes, body_kind::patch, updated, patch_document, true},
    route{shape::document, verb::remove, "document_delete", "Delete a document or a leaf of it",
          document_writes, body_kind::none, deleted, delete_document, true},
};

struct named_shape {
  std::string_view name;
  shape where;
};
constexpr std::array system_names{
    named_shape{"buckets", shape::buckets},      named_shape{"health", shape::health},
    named_shape{"ready", shape::ready},          named_shape{"metrics", shape::metrics},
    named_shape{"openapi.json", shape::openapi}, named_shape{"peers", shape::peers},
    named_shape{"compact", shape::compact}};
constexpr std::array bucket_names{
    named_shape{"_bulk", shape::bulk},           named_shape{"_get", shape::bulk_get},
    named_shape{"_documents", shape::documents}, named_shape{"_conflicts", shape::conflicts},
    named_shape{"_activity", shape::activity},   named_shape{"_export", shape::exported},
    named_shape{"_import", shape::imported},     named_shape{"_query", shape::queries},
    named_shape{"_verify", shape::verify}};

using table_index = std::array<std::array<const route*, verbs>, shapes>;
constexpr table_index index_table() {
  table_index index{};
  for (const route& row : table)
    index[static_cast<size_t>(row.where)][static_cast<size_t>(row.method)] = &row;
  return index;
}
constexpr table_index by_shape = index_table();

constexpr bool labels_are_short() {
  return std::all_of(table.begin(), table.end(),
                     [](const route& row) { return row.name.size() <= 15; });
}
static_assert(labels_are_short(), "a longer label costs an allocation with every answer");

result<matched_path> match_in_bucket(std::string_view bucket, std::string_view piece) {
  if (!piece.starts_with('_')) return matched_path{shape::document, bucket, piece};
  for (const auto& [name, where] : bucket_names)
    if (piece == name) return matched_path{where, bucket, {}};
  return fail(ec::bad_id, "a document id does not begin with _");
}

} // namespace

std::string_view to_string(verb method) {
  switch (method) {
  case verb::get: return "GET";
  case verb::post: return "POST";
  case verb::put: return "PUT";
  case verb::patch: return "PATCH";
  case verb::remove: return "DELETE";
  }
  return "GET";
}

std::span<const route> route_table() { return table; }

std::string_view pattern_of(shape where) {
  switch (where) {
  case shape::root: return "/";
  case shape::system: return "/_system";
  case shape::buckets: return "/_system/buckets";
  case shape::health: return "/_system/health";
  case shape::ready: return "/_system/ready";
  case shape::metrics: return "/_system/metrics";
  case shape::openapi: return "/_system/openapi.json";
  case shape::compact: return "/_system/compact";
  case shape::peers: return "/_system/peers";
  case shape::peer: return "/_system/peers/{peer}";
  case shape::console: return "/_console";
  case shape::console_file: return "/_console/{file}";
  case shape::bucket: return "/{bucket}";
  case shape::bulk: return "/{bucket}/_bulk";
  case shape::bulk_get: return "/{bucket}/_get";
  case shape::documents: return "/{bucket}/_documents";
  case shape::conflicts: return "/{bucket}/_conflicts";
  case shape::activity: return "/{bucket}/_activity";
  case shape::exported: return "/{bucket}/_export";
  case shape::imported: return "/{bucket}/_import";
  case shape::verify: return "/{bucket}/_verify";
  case shape::queries: return "/{bucket}/_query";
  case shape::query: return "/{bucket}/_query/{name}";
  case shape::document: return "/{bucket}/{id}";
  }
  return "";
}

const route* find_route(shape where, verb method) {
  return by_shape[static_cast<size_t>(where)][static_cast<size_t>(method)];
}

std::string allowed_methods(shape where) {
  std::string methods;
  for (const route* row : by_shape[static_cast<size_t>(where)]) {
    if (row == nullptr) continue;
    methods += to_string(row->method);
    methods += row->method == verb::get ? ", HEAD, " : ", ";
  }
  return methods + "OPTIONS";
}

result<matched_path> match_path(std::span<const std::string_view> pieces) {
  if (pieces.empty()) return matched_path{};
  const std::string_view first = pieces[0];
  if (first == "_system") {
    if (pieces.size() == 1) return matched_path{shape::system, {}, {}};
    if (pieces.size() == 2)
      for (const auto& [name, where] : system_names)
        if (pieces[1] == name) return matched_path{where, {}, {}};
    if (pieces.size() == 3 && pieces[1] == "peers") return matched_path{shape::peer, {}, pieces[2]};
    return fail(ec::not_found, "there is no such route");
  }
  if (first == "_console") {
    if (pieces.size() == 1) return matched_path{shape::console, {}, {}};
    if (pieces.size() == 2) return matched_path{shape::console_file, {}, pieces[1]};
    return fail(ec::not_found, "there is no such route");
  }
  if (first.starts_with('_')) return fail(ec::bad_bucket, "a bucket's name does not begin with _");
  if (pieces.size() == 1) return matched_path{shape::bucket, first, {}};
  if (pieces.size() == 2) return match_in_bucket(first, pieces[1]);
  if (pieces.size() == 3 && pieces[1] == "_query")
    return matched_path{shape::query, first, pieces[2]};
  return fail(ec::not_found, "there is no such route; a / inside an id is written %2F");
}

} // namespace treadmill::rest
