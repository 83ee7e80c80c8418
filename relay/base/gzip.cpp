#include "relay/base/gzip.h"

#include <isa-l/igzip_lib.h>

#include <vector>

#include "relay/base/check.h"

namespace fedwave::base {
namespace {

constexpr std::size_t kOutputChunkBytes = 256 * 1024;

// Measured on 33 MB of Istio's point lines in blocks of 1 MiB: level 1 makes them 17.6 times
// smaller at 2.1 GB/s; level 0 is a tenth faster but 13.4 times only, and levels 2 and 3 win
// nothing.
constexpr std::uint32_t kDeflateLevel = 1;

// ISA-L takes non-const input pointers but does not write through them.
std::uint8_t* input_bytes(std::string_view bytes) {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(bytes.data()));
}

const char* inflate_failure(int code) {
  switch (code) {
    case ISAL_INVALID_WRAPPER:
      return "it does not start with a gzip header";
    case ISAL_UNSUPPORTED_METHOD:
      return "it uses an unknown compression method";
    case ISAL_INCORRECT_CHECKSUM:
      return "its checksum is wrong";
    default:
      return "the compressed data is damaged";
  }
}

}  // namespace

struct GzipInflater::State {
  inflate_state stream;
  std::vector<std::uint8_t> output = std::vector<std::uint8_t>(kOutputChunkBytes);
  bool started = false;

  void begin_member() {
    isal_inflate_reset(&stream);
    stream.crc_flag = ISAL_GZIP;
    started = false;
  }
};

GzipInflater::GzipInflater() : state_(std::make_unique<State>()) {
  isal_inflate_init(&state_->stream);
  state_->begin_member();
}
GzipInflater::~GzipInflater() = default;
GzipInflater::GzipInflater(GzipInflater&&) noexcept = default;
GzipInflater& GzipInflater::operator=(GzipInflater&&) noexcept = default;

void GzipInflater::reset() {
  state_->begin_member();
}

bool GzipInflater::at_end() const {
  return state_->started && state_->stream.block_state == ISAL_BLOCK_FINISH;
}

Expected<void> GzipInflater::feed(std::string_view compressed, const Output& output) {
  inflate_state& stream = state_->stream;
  stream.next_in = input_bytes(compressed);
  stream.avail_in = static_cast<std::uint32_t>(compressed.size());
  for (;;) {
    if (at_end()) {
      if (stream.avail_in == 0) return {};
      state_->begin_member();  // another member follows; the input pointers stay
    }
    state_->started = state_->started || stream.avail_in > 0;
    stream.next_out = state_->output.data();
    stream.avail_out = static_cast<std::uint32_t>(state_->output.size());
    const int result = isal_inflate(&stream);
    if (result < 0 || result == ISAL_NEED_DICT) {
      return Error{ErrorCode::BadEncoding,
                   std::string("the gzip stream cannot be read: ") + inflate_failure(result)};
    }
    const std::size_t count = state_->output.size() - stream.avail_out;
    const char* bytes = reinterpret_cast<const char*>(state_->output.data());
    if (count > 0 && !output({bytes, count})) {
      return Error{ErrorCode::Cancelled, "the reader stopped"};
    }
    if (stream.avail_in == 0 && stream.avail_out > 0) return {};
  }
}

struct GzipDeflater::State {
  isal_zstream stream;
  std::vector<std::uint8_t> level_buffer = std::vector<std::uint8_t>(ISAL_DEF_LVL1_LARGE);
};

GzipDeflater::GzipDeflater() : state_(std::make_unique<State>()) {}
GzipDeflater::~GzipDeflater() = default;
GzipDeflater::GzipDeflater(GzipDeflater&&) noexcept = default;
GzipDeflater& GzipDeflater::operator=(GzipDeflater&&) noexcept = default;

std::string GzipDeflater::deflate(std::string_view bytes) {
  isal_zstream& stream = state_->stream;
  isal_deflate_init(&stream);
  stream.level = kDeflateLevel;
  stream.level_buf = state_->level_buffer.data();
  stream.level_buf_size = static_cast<std::uint32_t>(state_->level_buffer.size());
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  stream.next_in = input_bytes(bytes);
  stream.avail_in = static_cast<std::uint32_t>(bytes.size());
  std::string out;
  std::size_t used = 0;
  do {
    out.resize(used + bytes.size() / 8 + 4096);
    stream.next_out = reinterpret_cast<std::uint8_t*>(out.data() + used);
    stream.avail_out = static_cast<std::uint32_t>(out.size() - used);
    FEDWAVE_CHECK(isal_deflate(&stream) == COMP_OK);
    used = out.size() - stream.avail_out;
  } while (stream.internal_state.state != ZSTATE_END);
  out.resize(used);
  out.shrink_to_fit();
  return out;
}

Expected<std::string> gunzip(std::string_view compressed, std::size_t bytes_max) {
  GzipInflater inflater;
  std::string bytes;
  bool too_large = false;
  const auto fed = inflater.feed(compressed, [&](std::string_view piece) {
    too_large = bytes.size() + piece.size() > bytes_max;
    if (!too_large) bytes.append(piece);
    return !too_large;
  });
  if (too_large) {
    return Error{ErrorCode::BodyLimit, "the gzip stream holds more than the " +
                                           std::to_string(bytes_max) + " bytes allowed"};
  }
  if (!fed) return fed.error();
  if (!inflater.at_end()) {
    return Error{ErrorCode::Truncated, "the gzip stream ends before its end"};
  }
  return bytes;
}

}  // namespace fedwave::base
