#include "net/couch/routes.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"
#include "net/http/header_text.hpp"
#include <algorithm>
#include <array>

namespace treadmill::couch {

namespace {

using api::verb;

/// A route of this dialect: its handler checks parameters, conditions and bodies itself.
struct call {
  verb method;
  std::string_view path;
  std::string_view label;
  void (*handle)(api::exchange&);
  std::string_view body{}; ///< what its body is; empty: it takes none, and ignores one
};

constexpr std::string_view json = "JSON";

constexpr std::array calls{
    call{verb::get, "/", "couch_root", welcome},
    call{verb::get, "/_up", "couch_up", read_up},
    call{verb::get, "/_uuids", "couch_uuids", make_uuids},
    call{verb::get, "/_all_dbs", "couch_all_dbs", list_databases},
    call{verb::get, "/_dbs_info", "couch_dbs_info", list_database_info},
    call{verb::post, "/_dbs_info", "couch_dbs_info", list_asked_info, json},
    call{verb::get, "/_active_tasks", "couch_tasks", list_tasks},
    call{verb::get, "/_membership", "couch_members", list_members},
    call{verb::get, "/_session", "couch_session", read_session},
    call{verb::post, "/_session", "couch_session", open_session},
    call{verb::remove, "/_session", "couch_session", close_session},
    call{verb::get, "/_node/{node}", "couch_node", read_node},
    call{verb::get, "/_node/{node}/_stats", "couch_node", read_statistics},
    call{verb::get, "/_node/{node}/_system", "couch_node", read_process},
    call{verb::get, "/_node/{node}/_config", "couch_config", read_configuration},
    call{verb::get, "/_node/{node}/_config/{section}", "couch_config", read_configuration_section},
    call{verb::get, "/_node/{node}/_config/{section}/{key}", "couch_config",
         read_configuration_key},
    call{verb::put, "/_node/{node}/_config/{section}/{key}", "couch_config", refuse_configuration},
    call{verb::remove, "/_node/{node}/_config/{section}/{key}", "couch_config",
         refuse_configuration},

    call{verb::get, "/{db}", "couch_db_get", read_database},
    call{verb::put, "/{db}", "couch_db_put", make_database},
    call{verb::remove, "/{db}", "couch_db_del", drop_database},
    call{verb::post, "/{db}", "couch_doc_post", post_document, json},
    call{verb::post, "/{db}/_bulk_docs", "couch_bulk_docs", write_bulk, json},
    call{verb::get, "/{db}/_all_docs", "couch_all_docs", list_all_docs},
    call{verb::post, "/{db}/_all_docs", "couch_all_docs", list_all_docs, json},
    call{verb::post, "/{db}/_all_docs/queries", "couch_all_docs", query_all_docs, json},
    call{verb::get, "/{db}/_design_docs", "couch_all_docs", list_design_docs},
    call{verb::post, "/{db}/_design_docs", "couch_all_docs", list_design_docs, json},
    call{verb::post, "/{db}/_design_docs/queries", "couch_all_docs", query_design_docs, json},
    call{verb::post, "/{db}/_bulk_get", "couch_bulk_get", read_bulk, json},
    call{verb::post, "/{db}/_revs_diff", "couch_revs_diff", read_revs_diff, json},
    call{verb::post, "/{db}/_missing_revs", "couch_revs_diff", read_missing_revs, json},
    call{verb::get, "/{db}/_changes", "couch_changes", read_changes},
    call{verb::post, "/{db}/_changes", "couch_changes", read_changes, json},
    call{verb::post, "/{db}/_compact", "couch_compact", compact_database},
    call{verb::post, "/{db}/_compact/{name}", "couch_compact", compact_database},
    call{verb::post, "/{db}/_ensure_full_commit", "couch_commit", ensure_full_commit},
    call{verb::post, "/{db}/_view_cleanup", "couch_compact", clean_up_views},
    call{verb::get, "/{db}/_security", "couch_security", read_security},
    call{verb::put, "/{db}/_security", "couch_security", write_security, json},
    call{verb::get, "/{db}/_revs_limit", "couch_limits", read_revs_limit},
    call{verb::put, "/{db}/_revs_limit", "couch_limits", write_revs_limit, json},
    call{verb::get, "/{db}/_purged_infos_limit", "couch_limits", read_purged_infos_limit},
    call{verb::put, "/{db}/_purged_infos_limit", "couch_limits", write_purged_infos_limit, json},

    call{verb::get, "/{db}/_local/{name}", "couch_local_get", read_local_document},
    call{verb::put, "/{db}/_local/{name}", "couch_local_put", put_local_document, json},
    call{verb::remove, "/{db}/_local/{name}", "couch_local_del", delete_local_document},
    call{verb::get, "/{db}/_local/{name}/{attachment...}", "couch_att", refuse_local_attachment},
    call{verb::put, "/{db}/_local/{name}/{attachment...}", "couch_att", refuse_local_attachment},
    call{verb::remove, "/{db}/_local/{name}/{attachment...}", "couch_att", refuse_local_attachment},
    call{verb::get, "/{db}/_design/{name}", "couch_doc_get", read_design_document},
    call{verb::put, "/{db}/_design/{name}", "couch_doc_put", put_design_document, json},
    call{verb::remove, "/{db}/_design/{name}", "couch_doc_del", delete_design_document},
    call{verb::copy, "/{db}/_design/{name}", "couch_doc_copy", copy_design_document},
    call{verb::get, "/{db}/_design/{name}/{attachment...}", "couch_att", read_attachment},
    call{verb::put, "/{db}/_design/{name}/{attachment...}", "couch_att", refuse_attachment},
    call{verb::remove, "/{db}/_design/{name}/{attachment...}", "couch_att", refuse_attachment},
    call{verb::get, "/{db}/{document}", "couch_doc_get", read_document},
    call{verb::put, "/{db}/{document}", "couch_doc_put", put_document, json},
    call{verb::remove, "/{db}/{document}", "couch_doc_del", delete_document},
    call{verb::copy, "/{db}/{document}", "couch_doc_copy", copy_document},
    call{verb::get, "/{db}/{document}/{attachment...}", "couch_att", read_attachment},
    call{verb::put, "/{db}/{document}/{attachment...}", "couch_att", refuse_attachment},
    call{verb::remove, "/{db}/{document}/{attachment...}", "couch_att", refuse_attachment},
};

/// Calls of CouchDB that a node answers with a reason, whatever their method.
struct missing_call {
  std::string_view path;
  void (*handle)(api::exchange&);
};
constexpr std::array missing_calls{
    missing_call{"/_utils", refuse_console},
    missing_call{"/_utils/{file...}", refuse_console},
    missing_call{"/_cluster_setup", refuse_cluster},
    missing_call{"/_reshard", refuse_shards},
    missing_call{"/_reshard/{file...}", refuse_shards},
    missing_call{"/_search_analyze", refuse_search},
    missing_call{"/_nouveau_analyze", refuse_search},
    missing_call{"/{db}/_local_docs", refuse_local_list},
    missing_call{"/{db}/_local_docs/queries", refuse_local_list},
    missing_call{"/_replicate", refuse_replication},
    missing_call{"/_scheduler/{file...}", refuse_replication},
    missing_call{"/_db_updates", refuse_database_updates},
    missing_call{"/{db}/_find", refuse_find},
    missing_call{"/{db}/_explain", refuse_find},
    missing_call{"/{db}/_index", refuse_find},
    missing_call{"/{db}/_index/{file...}", refuse_find},
    missing_call{"/{db}/_temp_view", refuse_views},
    missing_call{"/{db}/_design/{name}/_view/{file...}", refuse_views},
    missing_call{"/{db}/_design/{name}/_info", refuse_views},
    missing_call{"/{db}/_purge", refuse_purge},
    missing_call{"/{db}/_purged_infos", refuse_purge},
    missing_call{"/{db}/_shards", refuse_shards},
    missing_call{"/{db}/_shards/{document}", refuse_shards},
    missing_call{"/{db}/_sync_shards", refuse_shards},
    missing_call{"/{db}/_partition/{file...}", refuse_partitions},
    missing_call{"/{db}/_design/{name}/_search/{file...}", refuse_search},
    missing_call{"/{db}/_design/{name}/_search_info/{file...}", refuse_search},
    missing_call{"/{db}/_design/{name}/_nouveau/{file...}", refuse_search},
    missing_call{"/{db}/_design/{name}/_show/{file...}", refuse_functions},
    missing_call{"/{db}/_design/{name}/_list/{file...}", refuse_functions},
    missing_call{"/{db}/_design/{name}/_update/{file...}", refuse_functions},
    missing_call{"/{db}/_design/{name}/_rewrite/{file...}", refuse_functions},
};
constexpr std::array all_verbs{verb::get, verb::post, verb::put, verb::remove};

constexpr std::array variables{
    api::path_variable{"db", true},   api::path_variable{"document"}, api::path_variable{"name"},
    api::path_variable{"attachment"}, api::path_variable{"node"},     api::path_variable{"section"},
    api::path_variable{"key"},        api::path_variable{"file"},
};

constexpr bool labels_are_short() {
  return std::all_of(calls.begin(), calls.end(),
                     [](const call& one) { return one.label.size() <= 15; });
}
static_assert(labels_are_short(), "a longer label costs an allocation with every answer");

std::vector<api::route> make_table() {
  std::vector<api::route> table;
  for (const call& one : calls) {
    api::route& made = table.emplace_back();
    made.method = one.method;
    made.path = one.path;
    made.name = one.label;
    made.body.schema = one.body;
    made.handle = one.handle;
    made.conditional = true;
  }
  for (const missing_call& one : missing_calls) {
    for (const verb method : all_verbs) {
      api::route& made = table.emplace_back();
      made.method = method;
      made.path = one.path;
      made.name = "couch_missing";
      made.handle = one.handle;
    }
  }
  return table;
}

error no_route(std::span<const std::string_view>) {
  return {ec::not_found, "there is no such call; a / inside a database's name is written %2F"};
}

/// Clients name many types for JSON, or none; only a body of parts is something else.
result<api::body_format> read_content_type(std::string_view header, const api::request_body&) {
  constexpr std::string_view parts = "multipart/";
  if (http::equal_ignoring_case(header.substr(0, parts.size()), parts))
    return fail(ec::unsupported_media_type, "a body in parts is not taken here");
  return api::body_format::json;
}

} // namespace

const api::dialect& couchdb() {
  static const std::vector<api::route> table = make_table();
  static const api::dialect rules{
      .routes = table,
      .variables = variables,
      .trailing_slash = http::trailing_slash::after_first,
      .parameters = api::unknown::ignored,
      .twice = http::repeated::last_counts,
      .bodies = api::unknown::ignored,
      .conditions = api::unknown::ignored,
      .cors_credentials = true,
      .gzip_bodies = true,
      .cors_request_headers =
          "accept, authorization, content-type, origin, referer, destination, if-match, "
          "if-none-match",
      .cors_answer_headers = "Allow, ETag, Location, Retry-After, Accept-Ranges, Content-Range",
      .info = R"({"title":"CouchDB's protocol","version":"1"})",
      .components = "{}",
      .error_answer = error_answer,
      .read_content_type = read_content_type,
      .no_route = no_route,
  };
  return rules;
}

std::vector<std::string_view> labels() {
  std::vector<std::string_view> all;
  for (const api::route& row : couchdb().routes) all.push_back(row.name);
  return all;
}

} // namespace treadmill::couch
