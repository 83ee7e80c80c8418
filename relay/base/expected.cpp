#include "relay/base/expected.h"

namespace fedwave::base {

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return "invalid_argument";
    case ErrorCode::NotFound:
      return "not_found";
    case ErrorCode::Io:
      return "io";
    case ErrorCode::Unreachable:
      return "unreachable";
    case ErrorCode::Timeout:
      return "timeout";
    case ErrorCode::Tls:
      return "tls";
    case ErrorCode::HttpStatus:
      return "http_status";
    case ErrorCode::ContentType:
      return "content_type";
    case ErrorCode::Truncated:
      return "truncated";
    case ErrorCode::BadEncoding:
      return "bad_encoding";
    case ErrorCode::BodyLimit:
      return "body_limit";
    case ErrorCode::SampleLimit:
      return "sample_limit";
    case ErrorCode::LineLimit:
      return "line_limit";
    case ErrorCode::LabelLimit:
      return "label_limit";
    case ErrorCode::NotMetrics:
      return "not_metrics";
    case ErrorCode::Cancelled:
      return "cancelled";
    case ErrorCode::InUse:
      return "in_use";
    case ErrorCode::Damaged:
      return "damaged";
    case ErrorCode::Version:
      return "version";
    case ErrorCode::NotReady:
      return "not_ready";
  }
  return "unknown";
}

}  // namespace fedwave::base
