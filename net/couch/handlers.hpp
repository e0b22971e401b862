#pragma once
#include "net/api/exchange.hpp"

namespace treadmill::couch {

// The handlers of the dialect (routes.cpp), in its order.

// server.cpp
void welcome(api::exchange& x);
void read_up(api::exchange& x);
void make_uuids(api::exchange& x);
void list_tasks(api::exchange& x);
void list_members(api::exchange& x);
void read_session(api::exchange& x);
void open_session(api::exchange& x);
void close_session(api::exchange& x);

// database_lists.cpp
void list_databases(api::exchange& x);
void list_database_info(api::exchange& x);
void list_asked_info(api::exchange& x);

// node_calls.cpp
void read_node(api::exchange& x);
void read_statistics(api::exchange& x);
void read_process(api::exchange& x);
void read_configuration(api::exchange& x);
void read_configuration_section(api::exchange& x);
void read_configuration_key(api::exchange& x);
void refuse_configuration(api::exchange& x);

// databases.cpp
void make_database(api::exchange& x);
void read_database(api::exchange& x);
void drop_database(api::exchange& x);
void compact_database(api::exchange& x);
void ensure_full_commit(api::exchange& x);

// database_settings.cpp
void read_security(api::exchange& x);
void write_security(api::exchange& x);
void read_revs_limit(api::exchange& x);
void write_revs_limit(api::exchange& x);
void read_purged_infos_limit(api::exchange& x);
void write_purged_infos_limit(api::exchange& x);

// document_reads.cpp
void read_document(api::exchange& x);
void read_design_document(api::exchange& x);
void read_attachment(api::exchange& x);

// document_writes.cpp
void post_document(api::exchange& x);
void put_document(api::exchange& x);
void put_design_document(api::exchange& x);
void delete_document(api::exchange& x);
void delete_design_document(api::exchange& x);
void copy_document(api::exchange& x);
void copy_design_document(api::exchange& x);

// bulk_writes.cpp
void write_bulk(api::exchange& x);

// all_docs.cpp
void list_all_docs(api::exchange& x);
void list_design_docs(api::exchange& x);
void query_all_docs(api::exchange& x);
void query_design_docs(api::exchange& x);

// bulk_reads.cpp
void read_bulk(api::exchange& x);

// revision_diffs.cpp
void read_revs_diff(api::exchange& x);
void read_missing_revs(api::exchange& x);

// local_documents.cpp
void read_local_document(api::exchange& x);
void put_local_document(api::exchange& x);
void delete_local_document(api::exchange& x);
void refuse_local_attachment(api::exchange& x);

// changes.cpp
void read_changes(api::exchange& x);

// unsupported.cpp: what the node does not do, with the reason
void refuse_console(api::exchange& x);
void refuse_local_list(api::exchange& x);
void refuse_attachment(api::exchange& x);
void refuse_purge(api::exchange& x);
void refuse_shards(api::exchange& x);
void refuse_partitions(api::exchange& x);
void refuse_search(api::exchange& x);
void refuse_cluster(api::exchange& x);
void refuse_functions(api::exchange& x);
void refuse_views(api::exchange& x);
void refuse_find(api::exchange& x);
void refuse_replication(api::exchange& x);
void refuse_database_updates(api::exchange& x);
void clean_up_views(api::exchange& x); // there are none

} // namespace treadmill::couch
