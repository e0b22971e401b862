#include "net/openapi.hpp"
#include "net/answer_text.hpp"
#include "net/parameters.hpp"
#include "net/routes.hpp"
#include "storage/json.hpp"
#include <array>
#include <utility>

namespace treadmill::rest {

namespace {

/// The schemas of bodies and answers, and the parts that all calls share.
constexpr std::string_view components = R"json({
"parameters":{
"bucket":{"name":"bucket","in":"path","required":true,"description":"The bucket.","schema":{"type":"string","pattern":"^[a-z0-9][a-z0-9_.-]{0,127}$"}},
"id":{"name":"id","in":"path","required":true,"description":"The document, percent-encoded: 1 to 512 bytes of UTF-8 without control characters, not beginning with _.","schema":{"type":"string","minLength":1}},
"name":{"name":"name","in":"path","required":true,"description":"The query.","schema":{"type":"string","pattern":"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"}},
"peer":{"name":"peer","in":"path","required":true,"description":"The peer's name, or the host:port of its address.","schema":{"type":"string","minLength":1}},
"file":{"name":"file","in":"path","required":true,"description":"A file that the page names.","schema":{"type":"string","minLength":1}}},
"responses":{
"Error":{"description":"Nothing was applied, unless `error` is `ambiguous`.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}}},
"schemas":{
"Revision":{"type":"string","pattern":"^rev[1-9][0-9]*-[0-9A-Za-z_.-]{1,64}$"},
"Anything":{"type":"object","additionalProperties":true},
"Ok":{"type":"object","required":["status"],"properties":{"status":{"type":"string","enum":["OK"]}}},
"Compaction":{"type":"object","required":["running","bytes"],"properties":{"running":{"type":"boolean"},"bytes":{"type":"integer","description":"About what the rows take in files."}}},
"Error":{"type":"object","required":["status","error","reason"],"properties":{"status":{"type":"string","enum":["error"]},"error":{"type":"string","description":"A code word."},"reason":{"type":"string"},"id":{"type":"string"},"rev":{"$ref":"#/components/schemas/Revision"},"results":{"type":"array","items":{"$ref":"#/components/schemas/BulkResult"}}}},
"Document":{"type":"object","description":"Any JSON object. Names at the top that begin with _ are Treadmill's.","properties":{"id":{"type":"string"},"rev":{"$ref":"#/components/schemas/Revision"},"_conflicts":{"type":"array","items":{"$ref":"#/components/schemas/Revision"}},"_history":{"type":"array","items":{"$ref":"#/components/schemas/Revision"}}},"additionalProperties":true},
"Written":{"type":"object","required":["status","id","rev"],"properties":{"status":{"type":"string","enum":["OK"]},"id":{"type":"string"},"rev":{"$ref":"#/components/schemas/Revision"}}},
"Bulk":{"type":"object","required":["docs"],"properties":{"docs":{"type":"array","items":{"$ref":"#/components/schemas/BulkDocument"}}}},
"BulkDocument":{"allOf":[{"$ref":"#/components/schemas/Document"},{"type":"object","properties":{"_deleted":{"type":"boolean"}}}]},
"BulkResult":{"anyOf":[{"$ref":"#/components/schemas/Written"},{"$ref":"#/components/schemas/Error"}]},
"BulkWritten":{"type":"object","required":["status","count","results"],"properties":{"status":{"type":"string","enum":["OK"]},"count":{"type":"integer"},"results":{"type":"array","items":{"$ref":"#/components/schemas/BulkResult"}}}},
"Ids":{"type":"object","required":["ids"],"properties":{"ids":{"type":"array","items":{"type":"string"}}},"additionalProperties":false},
"Documents":{"type":"object","required":["count","documents"],"properties":{"count":{"type":"integer"},"documents":{"type":"array","items":{"type":"object","nullable":true,"additionalProperties":true}}}},
"Listing":{"type":"object","required":["count","rows"],"properties":{"count":{"type":"integer"},"next":{"type":"string","description":"There is more: the value for `after`."},"rows":{"type":"array","items":{"type":"object","required":["id","rev"],"properties":{"id":{"type":"string"},"rev":{"$ref":"#/components/schemas/Revision"},"document":{"$ref":"#/components/schemas/Document"}}}}}},
"Conflicts":{"type":"object","required":["count","rows"],"properties":{"count":{"type":"integer"},"next":{"type":"string"},"rows":{"type":"array","items":{"type":"object","required":["id","rev","conflicts"],"properties":{"id":{"type":"string"},"rev":{"$ref":"#/components/schemas/Revision"},"conflicts":{"type":"array","items":{"$ref":"#/components/schemas/Revision"}}}}}}},
"Entry":{"type":"object","required":["seq","id","changes"],"properties":{"seq":{"type":"integer"},"id":{"type":"string"},"changes":{"type":"array","items":{"$ref":"#/components/schemas/Revision"}},"deleted":{"type":"boolean","enum":[true]},"document":{"$ref":"#/components/schemas/Document"}}},
"Activity":{"type":"object","required":["count","last_seq","log","activity"],"properties":{"count":{"type":"integer"},"last_seq":{"type":"integer"},"log":{"type":"string"},"activity":{"type":"array","items":{"$ref":"#/components/schemas/Entry"}}}},
"ExportLine":{"type":"object","description":"A line: a document, or the first or the last one, which `_import` leaves out.","properties":{"bucket":{"type":"string"},"log":{"type":"string"},"since":{"type":"integer"},"last_seq":{"type":"integer"},"documents":{"type":"integer"},"digest":{"type":"string"},"count":{"type":"integer"},"id":{"type":"string"},"seq":{"type":"integer"},"revs":{"type":"array","items":{"type":"object","required":["rev"],"properties":{"rev":{"$ref":"#/components/schemas/Revision"},"parent":{"$ref":"#/components/schemas/Revision"},"deleted":{"type":"boolean"},"foreign":{"type":"boolean"},"document":{"type":"object","additionalProperties":true}},"additionalProperties":false}}},"additionalProperties":false},
"VerifyLine":{"type":"object","description":"The last line is the report: it has `whole`.","properties":{"rows":{"type":"integer","description":"Of the store, that were read."},"mapped":{"type":"integer","description":"Documents that maps were run on again."},"bucket":{"type":"string"},"whole":{"type":"boolean"},"documents":{"type":"integer"},"deleted":{"type":"integer"},"conflicts":{"type":"integer"},"queries":{"type":"integer"},"sequence":{"type":"integer"},"indexes":{"type":"integer"},"index_rows":{"type":"integer"},"problems_found":{"type":"integer"},"digest":{"type":"string"},"problems":{"type":"array","items":{"type":"object","required":["where","what"],"properties":{"where":{"type":"string"},"what":{"type":"string"}},"additionalProperties":false}}},"required":["rows","mapped"],"additionalProperties":false},
"Imported":{"type":"object","required":["status","count"],"properties":{"status":{"type":"string","enum":["OK"]},"count":{"type":"integer"}}},
"Definition":{"type":"object","required":["map"],"properties":{"map":{"type":"string","description":"One JavaScript function of a document: what it returns, or emits by emit(key, value), are the rows."},"reduce":{"type":"string","nullable":true,"description":"_count, _sum, _min, _max, _avg, _stats, _approx_count_distinct, or a JavaScript function (keys, values, rereduce)."}},"additionalProperties":false},
"Terms":{"type":"object","required":["terms"],"properties":{"terms":{"type":"array","items":{}}},"additionalProperties":false},
"DefinitionOrTerms":{"oneOf":[{"$ref":"#/components/schemas/Definition"},{"$ref":"#/components/schemas/Terms"}]},
"QueryDefined":{"type":"object","required":["status","name","rev"],"properties":{"status":{"type":"string","enum":["OK"]},"name":{"type":"string"},"rev":{"$ref":"#/components/schemas/Revision"}}},
"QueryPosted":{"anyOf":[{"$ref":"#/components/schemas/QueryDefined"},{"$ref":"#/components/schemas/Answer"}]},
"QueryRow":{"type":"object","description":"Of a map that returns: key (the document's id), value, and the value again under the query's name. Of one that emits: id, key, value. Of a reduction: key, value.","required":["key","value"],"properties":{"id":{"type":"string"},"key":{},"value":{},"document":{"type":"object","nullable":true,"additionalProperties":true}},"additionalProperties":true},
"Answer":{"type":"object","required":["count","sequence","rows"],"properties":{"count":{"type":"integer"},"sequence":{"type":"integer","description":"The answer covers all changes up to it."},"next":{"type":"string","description":"There is more: the value for `after`."},"redefining":{"type":"boolean","enum":[true],"description":"The former definition answers while the new one is built."},"rows":{"type":"array","items":{"$ref":"#/components/schemas/QueryRow"}}}},
"QueryChange":{"type":"object","required":["seq","id","removed","added"],"properties":{"seq":{"type":"integer"},"id":{"type":"string"},"removed":{"type":"array","items":{"$ref":"#/components/schemas/QueryRow"}},"added":{"type":"array","items":{"$ref":"#/components/schemas/QueryRow"}}}},
"QueryError":{"type":"object","required":["id","message"],"properties":{"id":{"type":"string"},"message":{"type":"string"}}},
"Definition":{"type":"object","required":["name","rev"],"properties":{"name":{"type":"string"},"rev":{"$ref":"#/components/schemas/Revision"},"map":{"type":"string"},"reduce":{"type":"string","nullable":true},"document":{"description":"In place of map and reduce where what came from elsewhere is no definition."}}},
"QueryRead":{"anyOf":[{"$ref":"#/components/schemas/Answer"},{"$ref":"#/components/schemas/Definition"}]},
"Query":{"type":"object","required":["name","map","reduce","rev","state","sequence","rows","bytes","progress","errors","last_error"],"properties":{"name":{"type":"string"},"map":{"type":"string"},"reduce":{"type":"string","nullable":true},"rev":{"$ref":"#/components/schemas/Revision"},"conflicts":{"type":"array","items":{"$ref":"#/components/schemas/Revision"},"description":"Definitions that lost, best first."},"state":{"type":"string","enum":["building","ready","redefining","suspended"]},"sequence":{"type":"integer"},"rows":{"type":"integer"},"bytes":{"type":"integer"},"progress":{"type":"number"},"rate":{"type":"number","description":"Activity entries a second, while building."},"seconds_left":{"type":"number"},"errors":{"type":"integer"},"last_error":{"nullable":true,"allOf":[{"$ref":"#/components/schemas/QueryError"}]},"problem":{"type":"string","description":"Why it is suspended."}}},
"Queries":{"type":"object","required":["count","queries"],"properties":{"count":{"type":"integer"},"queries":{"type":"array","items":{"$ref":"#/components/schemas/Query"}}}},
"Trial":{"type":"object","required":["rows","count","documents","errors"],"properties":{"rows":{"type":"array","items":{"$ref":"#/components/schemas/QueryRow"}},"count":{"type":"integer"},"documents":{"type":"integer","description":"So many were mapped."},"cut":{"type":"boolean","enum":[true],"description":"There are more rows than are shown."},"stopped":{"type":"string","description":"Why no more documents were mapped."},"errors":{"type":"array","items":{"$ref":"#/components/schemas/QueryError"}},"reduced":{"type":"array","nullable":true,"items":{"$ref":"#/components/schemas/QueryRow"}},"reduce_error":{"type":"string"}}},
"PeerRequest":{"type":"object","required":["zmq_uri"],"properties":{"zmq_uri":{"type":"string","pattern":"^tcp://.+:[0-9]+$"},"buckets":{"type":"array","nullable":true,"items":{"type":"string","pattern":"^[a-z0-9][a-z0-9_.-]{0,127}$"},"description":"Only these, in both directions; without it, all."}},"additionalProperties":false},
"PeerAdded":{"type":"object","required":["status","name","zmq_uri"],"properties":{"status":{"type":"string","enum":["OK"]},"name":{"type":"string"},"zmq_uri":{"type":"string"}}},
"PeerBucket":{"type":"object","required":["bucket","sequence","behind","lag_ms"],"properties":{"bucket":{"type":"string"},"sequence":{"type":"integer"},"behind":{"type":"integer"},"lag_ms":{"type":"integer"},"peer_behind":{"type":"integer","description":"Entries of this node's bucket that the peer has not acknowledged."},"reason":{"type":"string","description":"Why it does not go on."}}},
"Peer":{"type":"object","required":["name","zmq_uri","node_id","state","sequence_number","behind","peer_behind","lag_ms","last_seen","restarts","rescans","rejected","refused","refused_documents","refused_buckets","refused_bucket_count","waited","cuts","buckets"],"properties":{"name":{"type":"string"},"zmq_uri":{"type":"string","nullable":true,"description":"null: the peer dials, nobody knows where it could be dialled."},"node_id":{"type":"string","nullable":true},"state":{"type":"string","enum":["connecting","catching_up","live","unreachable"]},"reason":{"type":"string","description":"Why it is unreachable, or a bucket does not go on."},"sequence_number":{"type":"integer","description":"Entries of the peer's activity that are taken in here, the sum over its buckets."},"behind":{"type":"integer","description":"Entries that are not yet."},"peer_behind":{"type":"integer","description":"Entries of this node that the peer has not acknowledged, the sum over the buckets; while it is away, as far as was known."},"lag_ms":{"type":"integer","description":"Since when there are such."},"last_seen":{"type":"string","format":"date-time","nullable":true},"restarts":{"type":"integer","description":"From 0, because the peer's log is not the one that was followed."},"rescans":{"type":"integer","description":"From 0, because digests differed at rest."},"rejected":{"type":"integer","description":"Frames that break a rule."},"refused":{"type":"array","items":{"type":"string"},"description":"The first documents, as bucket/id, that a limit of this node refused."},"refused_documents":{"type":"integer"},"refused_buckets":{"type":"array","items":{"type":"string"},"description":"The first buckets of the peer that have no place here: see --max-buckets."},"refused_bucket_count":{"type":"integer"},"waited":{"type":"integer","description":"Frames that waited, because the peer had used up its time."},"cuts":{"type":"integer","description":"Times that it was cut, because it broke a bound."},"buckets":{"type":"array","items":{"$ref":"#/components/schemas/PeerBucket"}}}},
"Peers":{"type":"object","required":["count","peers"],"properties":{"count":{"type":"integer"},"peers":{"type":"array","items":{"$ref":"#/components/schemas/Peer"}}}},
"BucketMade":{"type":"object","required":["status","name"],"properties":{"status":{"type":"string","enum":["OK"]},"name":{"type":"string"}}},
"Bucket":{"type":"object","required":["name","documents","deleted","conflicts","sequence","digest","bytes","queries","log"],"properties":{"name":{"type":"string"},"documents":{"type":"integer"},"deleted":{"type":"integer"},"conflicts":{"type":"integer"},"sequence":{"type":"integer"},"digest":{"type":"string"},"bytes":{"type":"integer"},"queries":{"type":"integer"},"log":{"type":"string"}}},
"Buckets":{"type":"object","required":["count","buckets"],"properties":{"count":{"type":"integer"},"buckets":{"type":"array","items":{"$ref":"#/components/schemas/Bucket"}}}},
"Node":{"type":"object","required":["name","node_id","version","durability","uptime_seconds","buckets","peers","zmq_uri","writable","map_problem"],"properties":{"name":{"type":"string"},"node_id":{"type":"string"},"version":{"type":"string"},"durability":{"type":"string"},"uptime_seconds":{"type":"number"},"buckets":{"type":"integer"},"peers":{"type":"integer"},"zmq_uri":{"type":"string","nullable":true,"description":"Where peers are listened for."},"writable":{"type":"boolean"},"map_problem":{"type":"string","nullable":true,"description":"Why no worker for queries can be started."},"limits":{"type":"object","description":"The limit of open files, and the connections that it has room for."}}}
}})json";

std::string_view value_schema(takes what) {
  switch (what) {
  case takes::text: return R"({"type":"string"})";
  case takes::flag: return R"({"type":"boolean"})";
  case takes::limit: return R"({"type":"integer","minimum":0,"maximum":10000000})";
  case takes::since:
    return R"({"oneOf":[{"type":"integer","minimum":0},{"type":"string","pattern":"^(now|[0-9]+-[0-9a-f]{32})$"}]})";
  case takes::milliseconds: return R"({"type":"integer","minimum":0})";
  case takes::feed:
    return R"({"type":"string","enum":["normal","longpoll","continuous","eventsource"]})";
  case takes::live_feed: return R"({"type":"string","enum":["continuous","eventsource"]})";
  case takes::stale: return R"({"type":"string","enum":["ok"]})";
  }
  return R"({})";
}

void append_schema(std::string& out, std::string_view name) {
  out += R"({"schema":{"$ref":"#/components/schemas/)";
  out += name;
  out += "\"}}";
}

void append_parameters(std::string& out, const route& row) {
  out += R"("parameters":[)";
  const std::string_view pattern = pattern_of(row.where);
  const size_t begin = out.size();
  const auto separate = [&] { out += out.size() == begin ? "" : ","; };
  for (const std::string_view piece : {"bucket", "id", "name", "peer", "file"}) {
    if (pattern.find("{" + std::string(piece) + "}") == std::string_view::npos) continue;
    separate();
    out += R"({"$ref":"#/components/parameters/)" + std::string(piece) + "\"}";
  }
  for (const parameter& one : row.parameters) {
    separate();
    out += R"({"name":)";
    append_json_string(out, one.name);
    out += R"(,"in":"query","description":)";
    append_json_string(out, one.about);
    out += R"(,"schema":)";
    out += value_schema(one.what);
    out += '}';
  }
  out += "],";
}

void append_body(std::string& out, body_kind body) {
  std::string_view schema;
  switch (body) {
  case body_kind::none: return;
  case body_kind::document:
  case body_kind::patch: schema = "Document"; break;
  case body_kind::bulk: schema = "Bulk"; break;
  case body_kind::lines: schema = "ExportLine"; break;
  case body_kind::ids: schema = "Ids"; break;
  case body_kind::definition: schema = "Definition"; break;
  case body_kind::query: schema = "DefinitionOrTerms"; break;
  case body_kind::peer: schema = "PeerRequest"; break;
  }
  out += R"("requestBody":{"required":true,"content":{"application/json":)";
  append_schema(out, schema);
  if (body == body_kind::patch) {
    out += R"(,"application/merge-patch+json":)";
    append_schema(out, schema);
  }
  if (body == body_kind::bulk || body == body_kind::lines) {
    out += R"(,"application/x-ndjson":)";
    append_schema(out, body == body_kind::bulk ? "BulkDocument" : "ExportLine");
  }
  out += "}},";
}

/// The media types of a text answer; empty if `schema` names a JSON schema.
std::span<const std::string_view> text_types(std::string_view schema) {
  static constexpr std::array<std::string_view, 1> text{"text/plain"};
  static constexpr std::array<std::string_view, 1> html{"text/html"};
  static constexpr std::array<std::string_view, 4> file{"text/html", "text/css", "text/javascript",
                                                        "image/svg+xml"};
  if (schema == "text") return text;
  if (schema == "html") return html;
  if (schema == "file") return file;
  return {};
}

void append_content(std::string& out, const route& row, std::string_view schema) {
  if (const auto types = text_types(schema); !types.empty()) {
    const char* before = R"(,"content":{")";
    for (const std::string_view type : types)
      ((out += std::exchange(before, ",\"")) += type) += R"(":{"schema":{"type":"string"}})";
    out += '}';
    return;
  }
  out += row.where == shape::exported || row.where == shape::verify
             ? R"(,"content":{"application/x-ndjson":)"
             : R"(,"content":{"application/json":)";
  append_schema(out, schema);
  const bool is_query = row.where == shape::query && row.method == verb::get;
  if (row.where == shape::activity || is_query) {
    out += R"(,"application/x-ndjson":)";
    append_schema(out, is_query ? "QueryChange" : "Entry");
    out += R"(,"text/event-stream":{"schema":{"type":"string"}})";
  }
  out += '}';
}

void append_answers(std::string& out, const route& row) {
  out += R"("responses":{)";
  for (const described_answer& one : row.answers) {
    out += '"';
    append_number(out, static_cast<uint64_t>(one.status));
    out += R"(":{"description":)";
    append_json_string(out, one.about);
    if (!one.schema.empty()) append_content(out, row, one.schema);
    out += "},";
  }
  out += R"("default":{"$ref":"#/components/responses/Error"}})";
}

void append_operation(std::string& out, const route& row) {
  for (const char c : to_string(row.method)) out += static_cast<char>(c + ('a' - 'A'));
  out.insert(out.size() - to_string(row.method).size(), 1, '"');
  out += R"(":{"operationId":)";
  append_json_string(out, row.name);
  out += R"(,"summary":)";
  append_json_string(out, row.summary);
  out += ',';
  append_parameters(out, row);
  append_body(out, row.body);
  append_answers(out, row);
  out += '}';
}

} // namespace

std::string openapi_text() {
  std::string out = R"({"openapi":"3.0.3","info":{"title":"Treadmill","version":"1",)"
                    R"("description":"A JSON document database. HEAD works wherever GET does."},)"
                    R"("paths":{)";
  // The rows of a path are adjacent in the table.
  const route* before = nullptr;
  for (const route& row : route_table()) {
    if (before != nullptr && before->where == row.where) {
      out += ',';
    } else {
      if (before != nullptr) out += "},";
      append_json_string(out, pattern_of(row.where));
      out += ":{";
    }
    append_operation(out, row);
    before = &row;
  }
  out += R"(}},"components":)";
  out += components;
  out += '}';
  return out;
}

} // namespace treadmill::rest
