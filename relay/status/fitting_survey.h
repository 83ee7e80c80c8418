// The survey of a source as long as it is of the sinks that the configuration has: between two
// configurations it may still be the one of before. Pure function, any thread.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "relay/status/relay_view.h"
#include "relay/survey.h"

namespace fedwave::relay {

// May be null.
inline std::shared_ptr<const Survey> fitting_survey(const RelayView& relay,
                                                    const config::Config& config,
                                                    const std::string& source) {
  auto survey = relay.survey(source);
  if (!survey || survey->metrics.empty()) return survey;
  return survey->metrics.front().sinks.size() == config.sinks.size() ? survey : nullptr;
}

}  // namespace fedwave::relay
