#include "relay/base/log.h"

#include <atomic>

namespace fedwave::base {
namespace {
std::atomic<LogWriter> g_writer = nullptr;
}

void set_log_writer(LogWriter writer) {
  g_writer.store(writer);
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (const LogWriter writer = g_writer.load()) writer(level, message, fields);
}

}  // namespace fedwave::base
