// The names and texts of the reasons why a line is malformed.
#include "parsers/text_parser.h"

namespace fedwave::parsers {

const char* malformed_name(Malformed reason) {
  switch (reason) {
    case Malformed::None:
      return "none";
    case Malformed::BadName:
      return "bad_name";
    case Malformed::BadLabelName:
      return "bad_label_name";
    case Malformed::MissingEquals:
      return "missing_equals";
    case Malformed::MissingQuote:
      return "missing_quote";
    case Malformed::UnterminatedString:
      return "unterminated_string";
    case Malformed::UnterminatedLabels:
      return "unterminated_labels";
    case Malformed::BadSeparator:
      return "bad_separator";
    case Malformed::DuplicateLabel:
      return "duplicate_label";
    case Malformed::NameLabel:
      return "name_label";
    case Malformed::MissingName:
      return "missing_name";
    case Malformed::InvalidUtf8:
      return "invalid_utf8";
    case Malformed::MissingValue:
      return "missing_value";
    case Malformed::BadValue:
      return "bad_value";
    case Malformed::ValueOverflow:
      return "value_overflow";
    case Malformed::BadTimestamp:
      return "bad_timestamp";
    case Malformed::TrailingText:
      return "trailing_text";
    case Malformed::CarriageReturn:
      return "carriage_return";
    case Malformed::BadType:
      return "bad_type";
    case Malformed::BadHelp:
      return "bad_help";
    case Malformed::ByteOrderMark:
      return "byte_order_mark";
    case Malformed::LineTooLong:
      return "line_too_long";
    case Malformed::TooManyFamilies:
      return "too_many_families";
    case Malformed::TooManyLabels:
      return "too_many_labels";
  }
  return "unknown";
}

const char* malformed_text(Malformed reason) {
  switch (reason) {
    case Malformed::None:
      return "nothing is wrong";
    case Malformed::BadName:
      return "the metric name is not [a-zA-Z_:][a-zA-Z0-9_:]*";
    case Malformed::BadLabelName:
      return "a label name is not [a-zA-Z_][a-zA-Z0-9_]*";
    case Malformed::MissingEquals:
      return "a label name is not followed by '='";
    case Malformed::MissingQuote:
      return "a label value does not begin with a quote";
    case Malformed::UnterminatedString:
      return "a quoted string does not end";
    case Malformed::UnterminatedLabels:
      return "the labels do not end with '}'";
    case Malformed::BadSeparator:
      return "the labels are not separated by single commas";
    case Malformed::DuplicateLabel:
      return "a label name occurs twice";
    case Malformed::NameLabel:
      return "the metric has two names";
    case Malformed::MissingName:
      return "the metric has no name";
    case Malformed::InvalidUtf8:
      return "a quoted string is not valid UTF-8";
    case Malformed::MissingValue:
      return "there is no value";
    case Malformed::BadValue:
      return "the value is not a number";
    case Malformed::ValueOverflow:
      return "the value is too large for a 64-bit float";
    case Malformed::BadTimestamp:
      return "the timestamp is not a whole number of milliseconds";
    case Malformed::TrailingText:
      return "there is text after the end of the sample";
    case Malformed::CarriageReturn:
      return "the line ends with a carriage return";
    case Malformed::BadType:
      return "the TYPE is not a name, one blank and counter, gauge, histogram, summary or untyped";
    case Malformed::BadHelp:
      return "the HELP has no name, or is not valid UTF-8";
    case Malformed::ByteOrderMark:
      return "the page begins with a byte order mark";
    case Malformed::LineTooLong:
      return "the line is longer than allowed";
    case Malformed::TooManyFamilies:
      return "the page declares more families than can be remembered; its samples are untyped";
    case Malformed::TooManyLabels:
      return "the series has more labels than allowed";
  }
  return "unknown";
}

}  // namespace fedwave::parsers
