#include "tests/simulation/faults.hpp"
#include <array>

namespace treadmill::simulation {

namespace {

constexpr auto by_checker = remedy::checker;
constexpr auto by_core = remedy::core;

constexpr std::array cases{
    fault_case{fault::answer_before_durable, "answers before the commit", by_checker, 20},
    fault_case{fault::checkpoint_before_batch, "checkpoint before its batch", by_checker, 40},
    fault_case{fault::failure_ignored, "a failed batch told as applied", by_checker, 20},
    fault_case{fault::applied_too_early, "applied before the commit", by_checker, 40},
    fault_case{fault::notes_dropped, "noted checkpoints are not written", by_checker, 10},
    fault_case{fault::synced_shows_all, "peers see what is not synced", by_checker, 40},
    fault_case{fault::synced_is_stale, "peers do not see the last entry", by_checker, 10},
    fault_case{fault::ancestry_forgotten, "a merge forgets ancestry", by_checker, 10},
    fault_case{fault::losers_dropped, "a merge drops losing leaves", by_checker, 10},
    fault_case{fault::tombstones_forgotten, "a merge forgets tombstones", by_checker, 10},
    fault_case{fault::document_skipped, "a document of a batch is not merged", by_checker, 10},
    fault_case{fault::known_body_kept, "the body that is here is kept", by_checker, 20},
    fault_case{fault::wrong_body_stored, "another body is stored", by_checker, 10},
    fault_case{fault::core_kept_after_failure, "no new core after a failure", by_checker, 20},
    fault_case{fault::epoch_ignored, "batches of a failed epoch", by_checker, 40},
    fault_case{fault::checkpoint_of_another_peer, "checkpoint of another peer", by_checker, 20},
    fault_case{fault::record_lost_in_the_middle, "an older record is lost", by_checker, 80},
    fault_case{fault::sync_lies, "what was synced is lost", by_checker, 20},
    fault_case{fault::sequence_reused, "a sequence is used again", by_checker, 20},
    fault_case{fault::digest_forgotten, "the digest is not kept", by_checker, 10},
    fault_case{fault::features_forgotten, "features are not kept", by_checker, 120},
    fault_case{fault::left_mark_forgotten, "a dropped bucket comes back", by_checker, 40},
    fault_case{fault::bucket_number_reused, "a bucket's number is used again", by_checker, 40},
    fault_case{fault::checkpoints_outlive_documents, "checkpoints outlive documents", by_checker,
               60},
    fault_case{fault::wrong_winner, "the smaller hash wins", by_checker, 10},

    fault_case{fault::entry_left_out, "an entry is left out of its frame", by_checker, 20},
    fault_case{fault::claims_not_told, "claims are not told", by_checker, 20},
    fault_case{fault::changes_told_as_known, "an entry names an older revision", by_checker, 20},
    fault_case{fault::last_chain_changed, "chain values are changed to the end", by_checker, 10},
    fault_case{fault::any_checkpoint_fits, "any checkpoint is taken for right", by_checker, 80},
    fault_case{fault::log_id_kept, "a bucket made anew keeps its log id", by_checker, 40},
    fault_case{fault::after_shifted, "a frame begins elsewhere", by_checker, 40},
    fault_case{fault::through_shifted, "a frame reaches further than it does", by_checker, 40},
    fault_case{fault::digests_too_high, "announced sequences are too high", by_checker, 40},

    fault_case{fault::node_id_kept, "an empty store keeps its node id", by_core, 40},
    fault_case{fault::merged_twice, "documents are merged twice", by_core, 40},
    fault_case{fault::reads_fail, "reads fail", by_core, 40},

    fault_case{fault::bits_flipped, "bits are flipped", by_core, 40},
    fault_case{fault::frames_cut, "frames are cut", by_core, 40},
    fault_case{fault::frames_replayed, "old frames come again", by_core, 40},
    fault_case{fault::body_changed, "an entry's body is changed", by_core, 40},
    fault_case{fault::parent_changed, "an entry's parent is changed", by_core, 40},
    fault_case{fault::deleted_changed, "an entry's deleted is changed", by_core, 40},
    fault_case{fault::document_body_changed, "a document's body is changed", by_core, 40},
    fault_case{fault::tree_damaged, "a document's tree is damaged", by_core, 40},
    fault_case{fault::part_changed, "a part is changed", by_core, 40},
    fault_case{fault::wrong_stream, "stream numbers are changed", by_core, 40},
    fault_case{fault::wrong_session, "sessions are changed", by_core, 40},
    fault_case{fault::log_id_changed, "log ids are changed", by_core, 40},
    fault_case{fault::restart_told, "restarts are told without need", by_core, 40},
    fault_case{fault::taken_too_high, "more is acknowledged than was taken", by_core, 40},
    fault_case{fault::window_closed, "windows are closed", by_core, 40},
    fault_case{fault::digests_of_another_log, "digests name another log", by_core, 40},
    fault_case{fault::wrong_digest, "digests are changed", by_core, 40},
    fault_case{fault::checkpoint_changed, "checkpoints are changed", by_core, 40},
    fault_case{fault::requests_dropped, "most requests are lost", by_core, 40},
    fault_case{fault::answers_dropped, "most answers are lost", by_core, 40},
};

} // namespace

std::span<const fault_case> all_faults() { return cases; }

bool is_frame_fault(fault what) {
  return (what >= fault::entry_left_out && what <= fault::digests_too_high) ||
         what >= fault::bits_flipped;
}

bool is_for_core(fault what) { return what >= fault::node_id_kept; }

bool may_rescan(fault what) { return what == fault::wrong_digest; }

bool may_reject(fault what) { return what >= fault::bits_flipped; }

} // namespace treadmill::simulation
