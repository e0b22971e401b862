#include "tests/simulation/faults.hpp"
#include "tests/simulation/seeds.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <iostream>

namespace treadmill::simulation {

namespace {

constexpr uint64_t first_seed = 1'000'000;

/// A plan in which the fault has something to spoil.
plan plan_with(fault what, uint64_t seed) {
  plan made = make_plan(seed, operations_asked_for());
  made.injected = what;
  // Lies about what was made elsewhere are believed: nothing tells them from the truth.
  made.content.forged = 0;
  disturbance_plan& d = made.disturbances;
  switch (what) {
  case fault::known_body_kept:
  case fault::claims_not_told: made.content.forged = 300; break;
  case fault::answer_before_durable:
  case fault::checkpoint_before_batch:
  case fault::applied_too_early:
  case fault::sync_lies:
  case fault::sequence_reused: d.crashes += 4; break;
  case fault::record_lost_in_the_middle:
  case fault::synced_shows_all:
    made.interval = true;
    d.crashes += 4;
    break;
  case fault::failure_ignored:
  case fault::core_kept_after_failure:
  case fault::epoch_ignored: d.failed_commits += 40; break;
  case fault::left_mark_forgotten:
  case fault::bucket_number_reused:
  case fault::log_id_kept: d.drops += 2; break;
  case fault::checkpoints_outlive_documents:
  case fault::node_id_kept: d.wipes += 2; break;
  case fault::any_checkpoint_fits: d.restores += 3; break;
  case fault::part_changed:
    made.content.part_bodies = 15;
    made.operations = 60;
    break;
  default: break;
  }
  return made;
}

/// How many seeds it took until the fault was noticed; 0: it was not.
unsigned seeds_until_noticed(const fault_case& of, std::string& how) {
  for (unsigned i = 0; i < of.seeds; ++i) {
    const run_report report = run(plan_with(of.what, first_seed + i));
    if (report.problem.empty()) continue;
    how = report.problem;
    return i + 1;
  }
  return 0;
}

/// TREADMILL_FAULT: a part of the name of those that are put in.
bool asked_for(const fault_case& of) {
  const char* wanted = std::getenv("TREADMILL_FAULT");
  return wanted == nullptr || of.name.find(wanted) != std::string_view::npos;
}

} // namespace

TEST_CASE("faults that do harm are noticed") {
  for (const fault_case& of : all_faults()) {
    if (of.by != remedy::checker || !asked_for(of)) continue;
    std::string how;
    const unsigned seeds = seeds_until_noticed(of, how);
    std::cout << of.name << ": " << (seeds == 0 ? "NOT noticed" : "noticed") << " in seed " << seeds
              << " of " << of.seeds << ": " << how << std::endl;
    CHECK_MESSAGE(seeds > 0, "not noticed: ", of.name);
  }
}

TEST_CASE("faults that a right core gets over do no harm") {
  for (const fault_case& of : all_faults()) {
    if (of.by != remedy::core || !asked_for(of)) continue;
    uint64_t faults = 0;
    uint64_t rejected = 0;
    uint64_t restarts = 0;
    uint64_t rescans = 0;
    for (unsigned i = 0; i < of.seeds; ++i) {
      const run_report report = run(plan_with(of.what, first_seed + i));
      faults += report.faults;
      rejected += report.links.rejected;
      restarts += report.links.restarts;
      rescans += report.links.rescans;
      CHECK_MESSAGE(report.problem.empty(), of.name, ", seed ", first_seed + i, ": ",
                    report.problem);
    }
    CHECK_MESSAGE(faults > 0, "never put in: ", of.name);
    std::cout << of.name << ": " << faults << " times in " << of.seeds << " seeds; " << rejected
              << " frames rejected, " << restarts << " restarts, " << rescans << " rescans"
              << std::endl;
  }
}

TEST_CASE("the replication of the first draft is found out on a perfect network of two nodes") {
  unsigned found = 0;
  for (uint64_t seed = first_seed; seed < first_seed + 10; ++seed) {
    plan made = make_plan(seed, operations_asked_for());
    made.nodes = 2;
    made.original = true;
    made.network = network_plan{};
    made.disturbances = disturbance_plan{};
    const run_report report = run(made);
    if (report.problem.empty()) continue;
    if (++found == 1) std::cout << "first draft: seed " << seed << ": " << report.problem << "\n";
  }
  std::cout << "first draft: found out in " << found << " of 10 seeds" << std::endl;
  CHECK(found >= 8);
}

} // namespace treadmill::simulation
