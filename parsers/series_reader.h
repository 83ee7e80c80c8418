// The strict forward parse of a series at the beginning of a text, for parse_series (which wants
// the whole text to be the series) and for TextPage (which looks for the reason why a line could
// not be cut). Pure; one thread per SeriesBuffer.
#pragma once

#include <cstddef>
#include <string_view>

#include "parsers/text_parser.h"

namespace fedwave::parsers {

// On None, `end` is the offset just past the series. A bare name must be followed by a blank, '{'
// or the end of the text: Prometheus would read `a.5 1` as `a` with the value .5, to nobody's good.
Malformed read_series(std::string_view text, SeriesBuffer& out, std::size_t max_labels,
                      std::size_t& end);

}  // namespace fedwave::parsers
