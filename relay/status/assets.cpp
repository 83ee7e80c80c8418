#include "relay/status/assets.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "relay/base/gzip.h"

// The assembler puts a file's bytes between two labels; the build names the paths.
// NOLINTBEGIN(modernize-avoid-c-arrays)
#define FEDWAVE_EMBED(name, path)                              \
  __asm__(                                                     \
      ".pushsection .rodata\n"                                 \
      ".globl fedwave_asset_" #name                            \
      "\n"                                                     \
      ".hidden fedwave_asset_" #name                           \
      "\n"                                                     \
      ".globl fedwave_asset_" #name                            \
      "_end\n"                                                 \
      ".hidden fedwave_asset_" #name                           \
      "_end\n"                                                 \
      "fedwave_asset_" #name                                   \
      ":\n"                                                    \
      ".incbin \"" path                                        \
      "\"\n"                                                   \
      "fedwave_asset_" #name                                   \
      "_end:\n"                                                \
      ".byte 0\n"                                              \
      ".popsection\n");                                        \
  extern "C" const char fedwave_asset_##name[];                \
  extern "C" const char fedwave_asset_##name##_end[];          \
  static std::string_view name##_bytes() {                     \
    return {fedwave_asset_##name, fedwave_asset_##name##_end}; \
  }

// The modules of the page, the first of which loads the others.
// clang-format off
#define FEDWAVE_SCRIPTS(USE)                     \
  USE(page) USE(address) USE(configuration) USE(cost) USE(elements) \
  USE(figures) USE(header) USE(overview) USE(plots) USE(relay) \
  USE(sources) USE(why) USE(words)
// clang-format on
#define FEDWAVE_EMBED_SCRIPT(name) FEDWAVE_EMBED(name##_js, FEDWAVE_PAGE_DIR "/" #name ".js")
#define FEDWAVE_SCRIPT(name) script("/assets/" #name ".js", name##_js_bytes()),

FEDWAVE_EMBED(index_html, FEDWAVE_PAGE_DIR "/index.html")
FEDWAVE_EMBED(page_css, FEDWAVE_PAGE_DIR "/page.css")
FEDWAVE_EMBED(icon_svg, FEDWAVE_PAGE_DIR "/icon.svg")
FEDWAVE_SCRIPTS(FEDWAVE_EMBED_SCRIPT)
FEDWAVE_EMBED(chart_js, FEDWAVE_CHART_JS)
// NOLINTEND(modernize-avoid-c-arrays)

namespace fedwave::relay {
namespace {

// FNV-1a: the same in every process that has the same page.
std::string fingerprint(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

Asset make_asset(std::string_view path, std::string_view content_type, std::string_view bytes) {
  return {path, content_type, bytes, base::GzipDeflater().deflate(bytes), fingerprint(bytes)};
}

Asset script(std::string_view path, std::string_view bytes) {
  return make_asset(path, "text/javascript; charset=utf-8", bytes);
}

const std::vector<Asset>& assets() {
  static const std::vector<Asset> kAssets = {
      make_asset("/", "text/html; charset=utf-8", index_html_bytes()),
      make_asset("/assets/page.css", "text/css; charset=utf-8", page_css_bytes()),
      make_asset("/assets/icon.svg", "image/svg+xml", icon_svg_bytes()),
      script("/assets/chart.js", chart_js_bytes()), FEDWAVE_SCRIPTS(FEDWAVE_SCRIPT)};
  return kAssets;
}

}  // namespace

const Asset* find_asset(std::string_view path) {
  const auto found = std::find_if(assets().begin(), assets().end(),
                                  [&](const Asset& asset) { return asset.path == path; });
  return found == assets().end() ? nullptr : &*found;
}

}  // namespace fedwave::relay
