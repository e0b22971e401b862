#include "net/rest/routes.hpp"
#include "net/api/activity_feed.hpp"
#include "net/api/parameters.hpp"
#include "net/http/error_body.hpp"
#include "net/rest/handlers.hpp"
#include "net/rest/openapi_components.hpp"
#include <algorithm>
#include <array>

namespace treadmill::rest {

namespace {

constexpr api::parameter rev{"rev", &api::takes::text, "A revision of the document."};
constexpr api::parameter limit{"limit", &api::takes::limit, "The most rows of the answer."};
constexpr api::parameter include_docs{"include_docs", &api::takes::flag,
                                      "Adds each document (its winner) as `document`."};
constexpr api::parameter after{"after", &api::takes::text,
                               "Go on after this id: `next` of the answer before."};

constexpr std::array document_reads{
    api::parameter{"rev", &api::takes::text, "Read this leaf instead of the winner."},
    api::parameter{"conflicts", &api::takes::flag, "Adds `_conflicts`, the losing live revisions."},
    api::parameter{"history", &api::takes::flag,
                   "Adds `_history`, the revisions of the shown one."}};
constexpr std::array document_writes{rev};
constexpr std::array import_writes{
    api::parameter{
        "restore", &api::takes::flag,
        "Takes documents up to the limits of a merge from a peer, as the export of a node "
        "may have them."},
};
constexpr std::array bulk_writes{
    api::parameter{"atomic", &api::takes::flag, "All documents or none."},
    api::parameter{
        "create", &api::takes::flag,
        "Documents without a revision are only created: a conflict where the id is live."}};
constexpr std::array listing{
    api::parameter{"from", &api::takes::text, "The first id, itself included."},
    api::parameter{"to", &api::takes::text, "The last id, itself included."},
    api::parameter{"prefix", &api::takes::text, "Ids that begin with this."},
    after,
    limit,
    api::parameter{"descending", &api::takes::flag,
                   "From the last id to the first; `from` is still the start."},
    include_docs};
constexpr std::array conflict_listing{after, limit};
constexpr api::parameter heartbeat{
    "heartbeat", &api::takes::milliseconds,
    "Send a sign of life when nothing was sent for so long; the feed then has no timeout."};
constexpr api::parameter timeout{"timeout", &api::takes::milliseconds,
                                 "End a feed that had nothing to say for so long."};
constexpr api::parameter terms{"terms", &api::takes::text,
                               "A JSON array: rows with these terms, in its order."};
constexpr api::parameter query_limit{"limit", &api::takes::limit,
                                     "The most rows, or groups, of the answer."};
constexpr api::parameter skip{"skip", &api::takes::limit,
                              "Leave out so many rows, or groups, first."};
constexpr api::parameter descending{"descending", &api::takes::flag,
                                    "From the last term to the first; `from` is still the start."};
constexpr api::parameter stale{"stale", &api::takes::stale,
                               "Answer at once, without what is not in the index yet."};
constexpr api::parameter reduce{
    "reduce", &api::takes::flag,
    "Whether the rows are reduced; true where the query has a reduction."};
constexpr api::parameter group{"group", &api::takes::flag, "Reduce the rows of each term."};
constexpr api::parameter group_level{
    "group_level", &api::takes::limit,
    "Reduce the rows whose terms are arrays with the same first elements, so many."};
constexpr std::array query_reads{
    api::parameter{
        "rev", &api::takes::text,
        "The definition of this revision, a conflict say, in place of an answer; alone."},
    api::parameter{
        "term", &api::takes::text,
        "Rows with this term: JSON, or text that does not begin like a JSON string, array or "
        "object."},
    terms,
    api::parameter{"from", &api::takes::text, "The first term, itself included."},
    api::parameter{"to", &api::takes::text, "The last term, itself included."},
    api::parameter{"prefix", &api::takes::text, "Strings, or arrays, that begin so."},
    api::parameter{"inclusive_end", &api::takes::flag, "false: `to` is left out."},
    query_limit,
    skip,
    api::parameter{"after", &api::takes::text, "Go on there: `next` of the answer before."},
    descending,
    include_docs,
    stale,
    reduce,
    group,
    group_level,
    api::parameter{"feed", &api::takes::live_feed,
                   "Follow the rows that enter and leave the answer."},
    api::parameter{"since", &api::takes::since,
                   "Changes after this sequence; without it, and with `now`: only what comes."},
    heartbeat,
    timeout};
constexpr std::array query_questions{query_limit, skip,   descending, include_docs,
                                     stale,       reduce, group,      group_level};
constexpr std::array activity_reads{
    api::parameter{
        "since", &api::takes::since,
        "Entries after this sequence (with `-` and the log's id: if it is of that log, else "
        "all); `now`: only what comes."},
    limit,
    api::parameter{"ids", &api::takes::text,
                   "Only these documents: ids with commas between, or a JSON array."},
    include_docs,
    api::parameter{"latest", &api::takes::flag,
                   "Leaves out what a later entry of the document superseded."},
    api::parameter{"active", &api::takes::flag, "Leaves out documents that are deleted."},
    api::parameter{"feed", &api::takes::feed, "How to follow."},
    heartbeat,
    timeout};

constexpr std::array export_reads{api::parameter{
    "since", &api::takes::since, "Only documents that changed after this sequence."}};

constexpr std::array written{api::described_answer{200, "Written", "Updated."},
                             api::described_answer{201, "Written", "Created."}};
constexpr std::array created{api::described_answer{201, "Written", "Created; Location names it."}};
constexpr std::array updated{api::described_answer{200, "Written", "Updated."}};
constexpr std::array deleted{
    api::described_answer{200, "Written", "Deleted; `rev` is the tombstone."}};
constexpr std::array shown{api::described_answer{200, "Document", "The document."},
                           api::described_answer{304, "", "If-None-Match names this revision."}};
constexpr std::array bulk_written{
    api::described_answer{200, "BulkWritten", "One result a document, in order."}};
constexpr std::array bulk_shown{
    api::described_answer{200, "Documents", "In order, null where there is none."}};
constexpr std::array listed{api::described_answer{200, "Listing", "Rows in the order of ids."}};
constexpr std::array conflicts_listed{
    api::described_answer{200, "Conflicts", "Documents that have conflicts."}};
constexpr std::array<std::string_view, 1> events{"text/event-stream"};
constexpr std::array followed{api::described_answer{
    200, "Activity", "Entries in order; lines or events in the endless feeds.", "Entry", events}};
constexpr std::array exported{api::described_answer{
    200, "", "A line that says what it is, the documents, a line with their count.", "ExportLine"}};
constexpr std::array verified{
    api::described_answer{200, "", "Lines about how far it is, then the report.", "VerifyLine"}};
constexpr std::array imported{api::described_answer{200, "Imported", "All are merged."}};
constexpr std::array queries_listed{
    api::described_answer{200, "Queries", "In the order of names."}};
constexpr std::array query_tried{
    api::described_answer{200, "Trial", "Rows of the first documents. Nothing is stored."}};
constexpr std::array query_posted{
    api::described_answer{200, "QueryPosted", "Defined so already; or the answer for `terms`."},
    api::described_answer{201, "QueryDefined", "New or changed; Location names it."}};
constexpr std::array query_answered{api::described_answer{
    200, "QueryRead", "Rows in the order of terms; changes in the endless feeds.", "QueryChange",
    events}};
constexpr std::array query_dropped{api::described_answer{200, "QueryDefined", "Dropped."}};
constexpr std::array bucket_made{api::described_answer{200, "BucketMade", "It was there."},
                                 api::described_answer{201, "BucketMade", "Made."}};
constexpr std::array bucket_shown{api::described_answer{200, "Bucket", "Facts of the bucket."}};
constexpr std::array bucket_dropped{api::described_answer{200, "Ok", "Dropped on this node."}};
constexpr std::array node_shown{api::described_answer{200, "Node", "Facts of the node."}};
constexpr std::array buckets_listed{
    api::described_answer{200, "Buckets", "In the order of names."}};
constexpr std::array peers_listed{api::described_answer{200, "Peers", "In the order of names."}};
constexpr std::array peer_shown{
    api::described_answer{200, "Peer", "How far this node is with it."}};
constexpr std::array peer_posted{
    api::described_answer{200, "PeerAdded", "Known already."},
    api::described_answer{201, "PeerAdded", "Federated; Location names it."},
    api::described_answer{202, "PeerAdded", "Kept, but not reached yet: `name` is its host:port."}};
constexpr std::array peer_dropped{api::described_answer{200, "Ok", "Ended on both sides."}};
constexpr std::array alive{api::described_answer{200, "Ok", "The process answers."}};
constexpr std::array takes_writes{api::described_answer{200, "Ok", "The node takes writes."}};
constexpr std::array compaction{api::parameter{"bucket", &api::takes::text, "This one alone."}};
constexpr std::array compaction_started{
    api::described_answer{200, "Compaction", "It goes on while the node runs."}};
constexpr std::array compaction_shown{
    api::described_answer{200, "Compaction", "Whether one is going on."}};
constexpr std::array<std::string_view, 1> plain{"text/plain"};
constexpr std::array counted{
    api::described_answer{200, "", "Prometheus text, version 0.0.4.", "", plain}};
constexpr std::array<std::string_view, 1> html{"text/html"};
constexpr std::array page_shown{api::described_answer{200, "", "The page.", "", html},
                                api::described_answer{304, "", "If-None-Match names it."}};
constexpr std::array<std::string_view, 4> files{"text/html", "text/css", "text/javascript",
                                                "image/svg+xml"};
constexpr std::array file_shown{api::described_answer{200, "", "The file.", "", files},
                                api::described_answer{304, "", "If-None-Match names it."}};
constexpr std::array described{api::described_answer{200, "Anything", "This description."}};

constexpr api::request_body document_body{"Document"};
constexpr api::request_body patch_body{"Document", "", true};
constexpr api::request_body bulk_body{"Bulk", "BulkDocument"};
constexpr api::request_body export_lines{"ExportLine", "ExportLine"};
constexpr api::request_body id_list{"Ids"};
constexpr api::request_body definition_body{"Definition"};
constexpr api::request_body query_body{"DefinitionOrTerms"};
constexpr api::request_body peer_body{"PeerRequest"};

constexpr std::array table{
    api::route{api::verb::get, "/", "root", "Facts of the node", {}, {}, node_shown, read_system},
    api::route{
        api::verb::get, "/_system", "system", "Facts of the node", {}, {}, node_shown, read_system},
    api::route{api::verb::get,
               "/_system/buckets",
               "buckets",
               "All buckets",
               {},
               {},
               buckets_listed,
               list_buckets},
    api::route{api::verb::get,
               "/_system/health",
               "health",
               "Is the process alive",
               {},
               {},
               alive,
               read_health},
    api::route{api::verb::get,
               "/_system/ready",
               "ready",
               "Does the node take writes",
               {},
               {},
               takes_writes,
               read_ready},
    api::route{api::verb::get,
               "/_system/metrics",
               "metrics",
               "Counters for Prometheus",
               {},
               {},
               counted,
               read_metrics},
    api::route{api::verb::get,
               "/_system/openapi.json",
               "openapi",
               "This description",
               {},
               {},
               described,
               read_openapi},
    api::route{api::verb::get,
               "/_system/compact",
               "compaction",
               "Is a compaction going on",
               compaction,
               {},
               compaction_shown,
               read_compaction},
    api::route{api::verb::post,
               "/_system/compact",
               "compact",
               "Give back the space of superseded rows",
               compaction,
               {},
               compaction_started,
               start_compaction},
    api::route{api::verb::get,
               "/_system/peers",
               "peers",
               "All peers, and how far this node has taken in what they have",
               {},
               {},
               peers_listed,
               list_peers},
    api::route{api::verb::post,
               "/_system/peers",
               "peer_add",
               "Federate with another node, both ways",
               {},
               peer_body,
               peer_posted,
               add_peer},
    api::route{
        api::verb::get, "/_system/peers/{peer}", "peer", "One peer", {}, {}, peer_shown, read_peer},
    api::route{api::verb::remove,
               "/_system/peers/{peer}",
               "peer_remove",
               "End the federation with a node, on both sides",
               {},
               {},
               peer_dropped,
               remove_peer},
    api::route{api::verb::get,
               "/_console",
               "console",
               "The web console",
               {},
               {},
               page_shown,
               read_console},
    api::route{api::verb::get,
               "/_console/{file}",
               "console_file",
               "A file of the web console",
               {},
               {},
               file_shown,
               read_console_file},
    api::route{api::verb::get,
               "/{bucket}",
               "bucket_info",
               "Facts of a bucket",
               {},
               {},
               bucket_shown,
               read_bucket},
    api::route{api::verb::post,
               "/{bucket}",
               "document_post",
               "Create a document (its id is made where it has none)",
               {},
               document_body,
               created,
               post_document,
               true},
    api::route{api::verb::put,
               "/{bucket}",
               "bucket_make",
               "Make a bucket",
               {},
               {},
               bucket_made,
               make_bucket},
    api::route{api::verb::remove,
               "/{bucket}",
               "bucket_drop",
               "Drop a bucket on this node",
               {},
               {},
               bucket_dropped,
               drop_bucket},
    api::route{api::verb::post, "/{bucket}/_bulk", "bulk", "Write many documents", bulk_writes,
               bulk_body, bulk_written, write_bulk, false, open_bulk},
    api::route{api::verb::post,
               "/{bucket}/_get",
               "bulk_get",
               "Read many documents",
               {},
               id_list,
               bulk_shown,
               read_bulk},
    api::route{api::verb::get,
               "/{bucket}/_documents",
               "documents",
               "List documents",
               listing,
               {},
               listed,
               list_documents},
    api::route{api::verb::get,
               "/{bucket}/_conflicts",
               "conflicts",
               "List documents that have conflicts",
               conflict_listing,
               {},
               conflicts_listed,
               list_conflicts},
    api::route{api::verb::get,
               "/{bucket}/_activity",
               "activity",
               "Read or follow the activity of a bucket",
               activity_reads,
               {},
               followed,
               api::read_activity},
    api::route{api::verb::get,
               "/{bucket}/_export",
               "export",
               "Read all documents with their pasts",
               export_reads,
               {},
               exported,
               export_bucket},
    api::route{api::verb::post, "/{bucket}/_import", "import",
               "Merge documents with their pasts, as `_export` gives them", import_writes,
               export_lines, imported, import_documents, false, open_import},
    api::route{api::verb::get,
               "/{bucket}/_verify",
               "verify",
               "Check what is stored of a bucket, and run its maps again",
               {},
               {},
               verified,
               verify_bucket},
    api::route{api::verb::get,
               "/{bucket}/_query",
               "queries",
               "All queries of a bucket",
               {},
               {},
               queries_listed,
               list_queries},
    api::route{api::verb::post,
               "/{bucket}/_query",
               "query_try",
               "Try a map on some documents",
               {},
               definition_body,
               query_tried,
               try_query},
    api::route{api::verb::get,
               "/{bucket}/_query/{name}",
               "query_read",
               "Ask or follow a query",
               query_reads,
               {},
               query_answered,
               read_query},
    api::route{api::verb::post, "/{bucket}/_query/{name}", "query_post",
               "Define a query, or ask it for many terms", query_questions, query_body,
               query_posted, post_query, true},
    api::route{api::verb::remove,
               "/{bucket}/_query/{name}",
               "query_drop",
               "Drop a query, or a definition of it that lost",
               document_writes,
               {},
               query_dropped,
               drop_query,
               true},
    api::route{api::verb::get,
               "/{bucket}/{id}",
               "document_read",
               "Read a document",
               document_reads,
               {},
               shown,
               read_document},
    api::route{api::verb::put, "/{bucket}/{id}", "document_put", "Create or replace a document",
               document_writes, document_body, written, put_document, true},
    api::route{api::verb::patch, "/{bucket}/{id}", "document_patch",
               "Change members (JSON Merge Patch)", document_writes, patch_body, updated,
               patch_document, true},
    api::route{api::verb::remove,
               "/{bucket}/{id}",
               "document_delete",
               "Delete a document or a leaf of it",
               document_writes,
               {},
               deleted,
               delete_document,
               true},
};

constexpr std::array variables{
    api::path_variable{"bucket", true, ec::bad_bucket, "a bucket's name does not begin with _"},
    api::path_variable{"id", false, ec::bad_id, "a document id does not begin with _"},
    api::path_variable{"name"},
    api::path_variable{"peer"},
    api::path_variable{"file"},
};

constexpr bool labels_are_short() {
  return std::all_of(table.begin(), table.end(),
                     [](const api::route& row) { return row.name.size() <= 15; });
}
static_assert(labels_are_short(), "a longer label costs an allocation with every answer");

error no_route(std::span<const std::string_view> pieces) {
  if (pieces.front() == "_system" || pieces.front() == "_console")
    return {ec::not_found, "there is no such route"};
  return {ec::not_found, "there is no such route; a / inside an id is written %2F"};
}

std::optional<error> no_method(std::string_view path, std::string_view method) {
  // A client that writes to /_system takes it for a bucket, and its name is reserved.
  if (path == "/_system" && (method == "POST" || method == "PUT" || method == "DELETE"))
    return error{ec::bad_bucket, "_system is reserved and no bucket"};
  return std::nullopt;
}

} // namespace

const api::dialect& native() {
  static const api::dialect rules{
      .routes = table,
      .variables = variables,
      .trailing_slash = http::trailing_slash::after_first,
      .cors_request_headers = "Content-Type, If-Match, If-None-Match, Last-Event-ID",
      .cors_answer_headers = "Allow, ETag, Location, Retry-After, Treadmill-Log",
      .info = R"({"title":"Treadmill","version":"1",)"
              R"("description":"A JSON document database. HEAD works wherever GET does."})",
      .components = openapi_components,
      .error_answer = http::error_response,
      .read_content_type = api::check_content_type,
      .no_route = no_route,
      .no_method = no_method,
  };
  return rules;
}

} // namespace treadmill::rest
