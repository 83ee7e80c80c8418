// The inside of the pipeline: what its two files share. pipeline.cpp has the schedule and the
// scrapes, pipeline_edit.cpp what an edited configuration changes while they go on.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <vector>

#include "relay/pipeline.h"
#include "relay/sink_line.h"
#include "relay/source_line.h"

namespace fedwave::relay {

// A source may have any number of addresses and jobs; so many of them are scraped at the same time.
inline constexpr std::size_t kTargetsAtOnce = 8;

using Line = std::shared_ptr<SourceLine>;

// What a worker does next. Due by the steady clock: a wall clock that is set back must not stop the
// scraping.
struct PipelineJob {
  enum class Kind : std::uint8_t { Tick, Scrape, Retry, Survey, Reap };

  std::int64_t due_ms = 0;
  Kind kind = Kind::Tick;
  Line line{};
  Slot slot{};              // with Scrape and Retry
  std::uint64_t epoch = 0;  // with Tick: of the line
  // The earliest is on top.
  bool operator<(const PipelineJob& other) const { return due_ms > other.due_ms; }
};

class PipelineJobs : public std::priority_queue<PipelineJob> {
 public:
  // All but its scrapes, which have a place to give back.
  void forget(const SourceLine& line) {
    std::erase_if(c, [&line](const PipelineJob& job) {
      return job.line.get() == &line && job.kind != PipelineJob::Kind::Scrape;
    });
    std::make_heap(c.begin(), c.end(), comp);
  }
};

struct Pipeline::Impl {
  Impl(std::shared_ptr<const config::Config> c, const base::Clock& k, base::HttpClientFactory f,
       Replica r);

  // The configuration, and another one.
  std::shared_ptr<Outputs> make_outputs(const config::Config& next);
  std::vector<Line> make_lines(const std::shared_ptr<const config::Config>& next,
                               const std::shared_ptr<Outputs>& to);
  [[nodiscard]] Line line_before(const config::Source& source, bool is_own) const;
  Line make_line(const std::shared_ptr<const config::Config>& next, const config::Source& source,
                 const std::shared_ptr<Outputs>& to);
  void put_in_force(std::shared_ptr<const config::Config> next, std::shared_ptr<Outputs> to,
                    std::vector<Line> lines);
  void retire_locked(SourceLine& line);
  ConfigChange apply(std::shared_ptr<const config::Config> next);
  static void change_sinks(const Outputs& to, const config::Config& next);
  void reap_later_locked();
  static bool is_out_of_use(const std::shared_ptr<SinkLine>& sink);
  [[nodiscard]] bool is_at_work_locked(const SourceLine& line) const;
  void reap();
  void reap_sources();
  void reap_sinks();

  // The schedule.
  void start();
  void start_line_locked(const Line& line);
  void work() noexcept;
  void add_worker_locked();
  void run(const PipelineJob& job);
  void tick(const PipelineJob& job);
  bool begin_tick(const PipelineJob& job);
  std::vector<TargetKey> targets_now(SourceLine& line);
  void scrape_locked(const Line& line, const std::vector<TargetKey>& keys);
  void start_waiting_locked(const Line& line);
  void schedule_next_locked(const Line& line, std::int64_t start_ms);
  void set_leading(bool is_leading);
  void end_scrapes_locked();
  bool stop_scraping(std::int64_t grace_ms);
  void join_workers();
  void stop(std::int64_t grace_ms);

  // A scrape.
  template <class Use>
  void with_writers(const std::shared_ptr<Outputs>& to, Use use);
  WriterSet borrow_writers(Outputs& from);
  void scrape(const Line& line, const Slot& slot);
  std::shared_ptr<Outputs> begin_scrape(SourceLine& line, const Slot& slot);
  void end_scrape(const Line& line, const Slot& slot, bool has_begun);
  void note(const Line& line, const Slot& slot, ScrapeResult result);
  void retry_soon_locked(const Line& line, const Slot& slot, const ScrapeResult& result);
  void retry(const Line& line, const Slot& slot);
  void send_own(const Line& line);

  [[nodiscard]] PipelineFigures figures() const;
  void make_survey(SourceLine& line);
  std::shared_ptr<const Survey> survey(const std::string& source);

  const base::Clock& clock;
  const base::HttpClientFactory make_client;
  const Replica replica;
  AlwaysLeading always_leading;
  Leadership& leadership;

  std::mutex taking_out;     // held while spools are closed or opened: two cannot have one folder
  mutable std::mutex mutex;  // guards everything below, and what the lines say
  std::condition_variable wake;
  std::condition_variable idle;
  std::condition_variable surveyed;
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<Outputs> outputs;  // with the sinks
  std::vector<Line> sources;
  // What an edit has taken out, until it has nothing left to do.
  std::vector<std::shared_ptr<SinkLine>> leaving_sinks;
  std::vector<Line> leaving_sources;
  PipelineJobs jobs;
  std::size_t workers_max = 0;
  std::size_t at_work = 0;
  std::vector<Slot> scraping;  // those in hand
  std::size_t writing = 0;     // they, and own points
  bool is_reaping = false;
  bool is_paused = false;  // another replica leads
  bool started = false;
  bool stopping = false;
  bool stopped = false;
  std::vector<std::thread> workers;
};

}  // namespace fedwave::relay
