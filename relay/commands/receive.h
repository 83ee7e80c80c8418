// `fedwave receive`: a stand-in Wavefront in the foreground, until a signal or for a while. Points
// go to stdout when asked for, rejected lines with their WF code to stderr, a summary at the end.
// Runs on main's thread.
#pragma once

#include <cstdint>
#include <string>

#include "relay/receive/receiver.h"

namespace fedwave::relay {

struct ReceiveOptions {
  std::string listen = "127.0.0.1:2878";
  receive::ReceiveMode mode = receive::ReceiveMode::Proxy;
  std::string token;
  bool print = false;       // every accepted line on stdout; the summary then goes to stderr
  std::string record_file;  // every accepted line, as it came, to this file as well
  std::int64_t for_ms = 0;  // 0: until SIGINT, SIGTERM or SIGHUP
  bool json = false;        // the summary as one JSON object
  bool strict = false;      // exit code 3 when anything that arrived was not taken
  int answer = 0;           // every HTTP request is answered with this status and its data ignored
  std::string port_file;    // gets the port, once listening
};

// The exit code: 0, 1 when the options cannot be followed, 3 as `strict` says.
int receive_command(const ReceiveOptions& options);

// What receive_command ends with: a table for people, or one line of JSON; with its newline.
std::string format_summary(const receive::ReceiverStats& stats);
std::string format_summary_json(const receive::ReceiverStats& stats);

}  // namespace fedwave::relay
