// How many documents a second the pool of workers maps.   bench_map <treadmill-map> <cities.json>
// [<seconds>]
#include "js/pool/map_pool.hpp"
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace js = treadmill::js;
using clock_type = std::chrono::steady_clock;

namespace {

constexpr size_t batch = 500;

double seconds_since(clock_type::time_point then) {
  return std::chrono::duration<double>(clock_type::now() - then).count();
}

/// The flat objects of an array.
std::vector<js::document> read_places(const char* file) {
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::vector<js::document> made;
  for (size_t begin = text.find('{'); begin != std::string::npos;) {
    const size_t end = text.find('}', begin);
    if (end == std::string::npos) break;
    made.push_back({"place-" + std::to_string(made.size()), "1-0123456789abcdef0123456789abcdef",
                    text.substr(begin, end + 1 - begin)});
    begin = text.find('{', end);
  }
  return made;
}

/// Maps all of the documents again and again, with two batches for each worker on their way.
class run {
public:
  run(js::map_pool& pool, const std::vector<js::document>& documents, const char* text,
      size_t width)
      : pool_(pool), documents_(documents), what_(std::make_shared<js::function>()), width_(width) {
    static uint64_t last = 0;
    what_->id = ++last;
    what_->text = text;
  }

  double rate(double seconds) {
    const auto began = clock_type::now();
    until_ = seconds;
    began_ = began;
    active_ = width_;
    for (size_t i = 0; i < width_; ++i) give();
    done_.get_future().wait();
    return static_cast<double>(mapped_) / seconds_since(began);
  }

private:
  void give() {
    const size_t from = next_.fetch_add(batch) % (documents_.size() - batch);
    const auto first = documents_.begin() + static_cast<std::ptrdiff_t>(from);
    pool_.map({what_, {first, first + batch}, false}, [this](const js::map_answer& answer) {
      if (answer.how != js::outcome::done) std::fprintf(stderr, "%s\n", answer.message.c_str());
      mapped_ += answer.documents.size();
      if (seconds_since(began_) < until_) return give();
      if (--active_ == 0) done_.set_value();
    });
  }

  js::map_pool& pool_;
  const std::vector<js::document>& documents_;
  std::shared_ptr<js::function> what_;
  size_t width_;
  double until_ = 0;
  clock_type::time_point began_{};
  std::atomic<size_t> next_{0};
  std::atomic<size_t> mapped_{0};
  std::atomic<size_t> active_{0};
  std::promise<void> done_{};
};

long memory_kib(int process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("VmRSS:")) return std::strtol(line.c_str() + 6, nullptr, 10);
  return 0;
}

void measure(const js::pool_options& options, const std::vector<js::document>& documents,
             double seconds) {
  const std::vector<std::pair<const char*, const char*>> functions = {
      {"name", "doc => doc.name"},
      {"emit", "function (doc) { if (doc.country) emit([doc.country, doc.admin1], 1) }"}};
  for (const auto& [name, text] : functions) {
    js::map_pool pool(options);
    const auto began = clock_type::now();
    run first(pool, documents, text, 1);
    first.rate(0);
    const double start = seconds_since(began) * 1000;
    const long fresh = memory_kib(pool.processes().front());
    run all(pool, documents, text, 2 * options.workers + 1);
    const double rate = all.rate(seconds);
    std::printf("%zu worker%s %-8s %-5s %9.0f documents/s; first batch after %.0f ms; %ld -> %ld "
                "KiB a worker\n",
                options.workers, options.workers == 1 ? " " : "s",
                options.jitless ? "jitless" : "compiled", name, rate, start, fresh,
                memory_kib(pool.processes().front()));
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3)
    return std::fprintf(stderr, "bench_map <treadmill-map> <cities.json> [<seconds>]\n"), 2;
  const auto documents = read_places(argv[2]);
  if (documents.size() <= batch) return std::fprintf(stderr, "%s: no places\n", argv[2]), 2;
  js::pool_options options;
  options.executable = argv[1];
  for (const bool jitless : {false, true}) {
    for (const size_t workers : {1, 2}) {
      options.workers = workers;
      options.jitless = jitless;
      measure(options, documents, argc > 3 ? std::atof(argv[3]) : 3);
    }
  }
}
