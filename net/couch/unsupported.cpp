#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"

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
void refuse_functions(api::exchange& x) {
  refuse(x.answer, not_implemented("show, list, update and rewrite functions do not run here"));
}

} // namespace treadmill::couch
