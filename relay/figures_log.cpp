#include "relay/figures_log.h"

#include "relay/base/log.h"
#include "relay/count_text.h"

namespace fedwave::relay {

void log_source_figures(const SourceFigures& source, const config::Config& config) {
  using base::LogLevel;
  base::log(LogLevel::Info, "source figures",
            {{"source", source.name},
             {"scrapes", source.scrapes},
             {"failures", source.failures},
             {"missed", source.missed},
             {"lines", source.counts.lines},
             {"malformed", source.counts.malformed_total()},
             {"malformed_by", malformed_text(source.counts)},
             {"read", source.counts.read},
             {"repaired", repaired_text(source.counts)}});
  for (std::size_t i = 0; i < config.sinks.size(); ++i) {
    const SinkCounts& counts = source.counts.by_sink[i];
    base::log(LogLevel::Info, "what became of the samples",
              {{"source", source.name},
               {"sink", config.sinks[i].name},
               {"read", source.counts.read},
               {"filtered", counts.filtered()},
               {"filtered_by", filtered_text(counts)},
               {"repeated", counts.repeated},
               {"rejected", counts.rejected()},
               {"rejected_by", rejected_text(counts)},
               {"converted", counts.converted},
               {"written", counts.written},
               {"distributions", counts.distributions}});
  }
}

void log_sink_figures(const SinkFigures& sink) {
  const sinks::SpoolFigures& spool = sink.spool;
  const bool has_losses = spool.points_expired() + spool.points_quarantined > 0;
  base::log(has_losses ? base::LogLevel::Warn : base::LogLevel::Info, "sink figures",
            {{"sink", sink.name},
             {"recovered", spool.points_recovered},
             {"spooled", spool.points_spooled},
             {"delivered", spool.points_delivered},
             {"quarantined", spool.points_quarantined},
             {"quarantined_by", causes_text(sink.sender.quarantined_by_cause)},
             {"expired", spool.points_expired()},
             {"expired_by", expired_text(spool)},
             {"waiting", spool.points_waiting},
             {"oldest_waiting",
              spool.oldest_waiting_ms == 0 ? "" : base::utc_text(spool.oldest_waiting_ms)},
             {"requests", sink.sender.requests},
             {"retries", sink.sender.retries},
             {"retries_by", causes_text(sink.sender.retries_by_cause)}});
}

void log_figures(const PipelineFigures& figures) {
  for (const SourceFigures& source : figures.sources) log_source_figures(source, *figures.config);
  for (const SinkFigures& sink : figures.sinks) log_sink_figures(sink);
  for (const SinkFigures& sink : figures.leaving) log_sink_figures(sink);
}

}  // namespace fedwave::relay
