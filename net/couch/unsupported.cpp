#include "net/couch/answers.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/names.hpp"

namespace treadmill::couch {

void refuse_console(api::exchange& x) {
  refuse(x.answer, {404, "not_found", "the console of this node is /_console of its REST port"});
}
void refuse_local_list(api::exchange& x) {
  refuse(x.answer, not_implemented("local documents are not listed"));
}
void refuse_attachment(api::exchange& x) {
  refuse(x.answer, not_implemented("attachments are not kept yet"));
}
void refuse_purge(api::exchange& x) {
  refuse(x.answer, not_implemented("a purged revision would come back with the next merge from a "
                                   "node that has it"));
}
void refuse_shards(api::exchange& x) {
  refuse(x.answer, not_implemented("a database has no shards here"));
}
void refuse_partitions(api::exchange& x) {
  refuse(x.answer, not_implemented("a database has no partitions here"));
}
void refuse_search(api::exchange& x) {
  refuse(x.answer, not_implemented("there is no full-text search here"));
}
void refuse_cluster(api::exchange& x) {
  refuse(x.answer, not_implemented("nodes federate by /_system/peers of the REST port, not as a "
                                   "cluster of CouchDB"));
}
void refuse_views(api::exchange& x) {
  refuse(x.answer, not_implemented("views of design documents do not run yet; the REST port has "
                                   "queries"));
}
void refuse_find(api::exchange& x) {
  refuse(x.answer, not_implemented("there are no indexes of this kind yet"));
}
void refuse_replication(api::exchange& x) {
  refuse(x.answer, not_implemented("this node runs no replications of its own yet; it answers "
                                   "those of others, and nodes federate by /_system/peers"));
}
void refuse_database_updates(api::exchange& x) {
  refuse(x.answer, not_implemented("there is no feed of databases; each has one of its changes"));
}
void clean_up_views(api::exchange& x) {
  if (find_database(x)) answer_ok(x.answer, 202);
}
void refuse_functions(api::exchange& x) {
  refuse(x.answer, not_implemented("show, list, update and rewrite functions do not run here"));
}

} // namespace treadmill::couch
