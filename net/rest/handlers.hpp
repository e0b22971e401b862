#pragma once
#include "net/api/exchange.hpp"

namespace treadmill::rest {

// The handlers of the native dialect (routes.cpp), in its order.
void read_document(api::exchange& x);
void post_document(api::exchange& x);
void put_document(api::exchange& x);
void patch_document(api::exchange& x);
void delete_document(api::exchange& x);
void write_bulk(api::exchange& x);
void read_bulk(api::exchange& x);
void list_documents(api::exchange& x);
void list_conflicts(api::exchange& x);
void export_bucket(api::exchange& x);
void import_documents(api::exchange& x);
void verify_bucket(api::exchange& x);
void list_queries(api::exchange& x);
void try_query(api::exchange& x);
void post_query(api::exchange& x);
void read_query(api::exchange& x);
void drop_query(api::exchange& x);
void make_bucket(api::exchange& x);
void read_bucket(api::exchange& x);
void drop_bucket(api::exchange& x);
void read_system(api::exchange& x);
void list_buckets(api::exchange& x);
void read_health(api::exchange& x);
void read_ready(api::exchange& x);
void start_compaction(api::exchange& x);
void read_compaction(api::exchange& x);
void read_metrics(api::exchange& x);
void read_openapi(api::exchange& x);
void list_peers(api::exchange& x);
void read_peer(api::exchange& x);
void add_peer(api::exchange& x);
void remove_peer(api::exchange& x);
void read_console(api::exchange& x);
void read_console_file(api::exchange& x);

// The sinks of large bodies.
result<std::unique_ptr<http::body_sink>> open_bulk(api::exchange& x);
result<std::unique_ptr<http::body_sink>> open_import(api::exchange& x);

} // namespace treadmill::rest
