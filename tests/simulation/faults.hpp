#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace treadmill::simulation {

/// Faults that are put in on purpose, to see that the checker notices them, or that the core gets
/// over them. Where and how: at their use.
enum class fault : uint8_t {
  none,
  // Of the node around the core
  answer_before_durable,
  checkpoint_before_batch,
  failure_ignored,
  applied_too_early,
  notes_dropped,
  synced_shows_all,
  synced_is_stale,
  ancestry_forgotten,
  losers_dropped,
  tombstones_forgotten,
  document_skipped,
  known_body_kept,
  wrong_body_stored,
  core_kept_after_failure,
  epoch_ignored,
  checkpoint_of_another_peer,
  record_lost_in_the_middle,
  sync_lies,
  sequence_reused,
  digest_forgotten,
  features_forgotten,
  left_mark_forgotten,
  bucket_number_reused,
  checkpoints_outlive_documents,
  wrong_winner,
  log_id_kept,
  // Lies in frames that no receiver can tell
  entry_left_out,
  claims_not_told,
  changes_told_as_known,
  last_chain_changed,
  any_checkpoint_fits,
  after_shifted,
  through_shifted,
  digests_too_high,
  // What a right core gets over: of the node
  node_id_kept,
  merged_twice,
  reads_fail,
  // and in frames
  bits_flipped,
  frames_cut,
  frames_replayed,
  body_changed,
  parent_changed,
  deleted_changed,
  document_body_changed,
  tree_damaged,
  part_changed,
  wrong_stream,
  wrong_session,
  log_id_changed,
  restart_told,
  taken_too_high,
  window_closed,
  digests_of_another_log,
  wrong_digest,
  checkpoint_changed,
  requests_dropped,
  answers_dropped,
};

enum class remedy : uint8_t {
  checker, ///< the fault does harm: the checker has to notice it
  core,    ///< the core has to get over it: all is right in the end
};

struct fault_case {
  fault what = fault::none;
  std::string_view name{};
  remedy by = remedy::checker;
  unsigned seeds = 0; ///< within which it is noticed, or which all have to be right
};

std::span<const fault_case> all_faults();
bool is_frame_fault(fault what);
bool is_for_core(fault what); ///< its remedy is the core's: it ends when all is healed
/// The core may have to look at everything again because digests differ.
bool may_rescan(fault what);
/// Frames that break a rule come although every node keeps them.
bool may_reject(fault what);

} // namespace treadmill::simulation
